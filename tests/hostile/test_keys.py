"""Hostile keys and texts: they reach the store, the ledger, the commands and the pages as nothing but text."""

import base64
import hashlib
import html.parser
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.integration.intake_support import House, bill
from tests.integration.operator_support import commands
from tests.servers.aws import AwsEnvironment

KEYS = [
    "it's.csv",
    'dou"ble.csv',
    "'; DROP TABLE charges; --.csv",
    "line\nbreak\r\n.csv",
    "tab\there.csv",
    "../../../etc/passwd.csv",
    "a/../../b.csv",
    "/absolute.csv",
    "double//slash.csv",
    "./.csv",
    "*?[a-z]{x,y}.csv",
    "%41%2F%2e%2e%00.csv",
    "a+b c&d=e?f#g.csv",
    "\x1b[31mred\x07\x08.csv",
    "\u202eright to left.csv",
    "ü日本😀e\u0301.csv",
    "<script>alert(1)</script>.csv",
    "=cmd|' /C calc'!A0.csv",
    "$(touch pwned)`touch pwned`.csv",
    "{{7*7}}{% x %}%s%(x)s.csv",
    "[bold]rich[/bold].csv",
    "| pipe [x](javascript:alert(1)).csv",
    "load_id=x/billing_currency=CHF/year=9999/part.csv",
    "-rf --help.csv",
    "~/home.csv",
    "back\\slash.csv",
    "x" * 1020 + ".csv",
    "é" * 510 + ".csv",
]
USERS = [
    "<script>alert('user')</script>",
    "\"><img src=x onerror=alert('user')>",
    '=HYPERLINK("http://example.org","x")',
    "[x](javascript:alert(1)) | `tick` *star* <b>",
    "\x1b[31mred\x07",
    "{{7*7}}",
    "</script><script>alert(2)//",
]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def worse(key: str) -> str:
    """Return another key that is as hostile, for a file that cannot be read."""
    return f"bad/{key}" if len(key) < 500 else f"{key[:-8]}bad.csv"


SCRIPTS = ("vendored/uplot/uplot.js", "templates/explorer.js")


class Tags(html.parser.HTMLParser):
    """The elements of a page that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.policy = ""
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (name in {"href", "src", "action"} and "javascript:" in (value or "")):
                self.found.append(f"<{tag} {name}={value}>")
        if tag in {"img", "iframe", "object", "embed"}:
            self.found.append(f"<{tag}>")
        if tag == "script" and dict(attrs).get("type") != "application/json":
            self.scripts.append("")
        if tag == "meta" and dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and self.scripts:
            self.scripts[-1] += data

    def hashes(self) -> set[str]:
        """Of every script that is run, as the policy of the page writes it."""
        digests = (hashlib.sha256(script.encode()).digest() for script in self.scripts)
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}


# -- the ledger --------------------------------------------------------------------------------------------


def test_keys_are_stored_unchanged_and_are_never_a_path(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    before = {path for path in house.settings.home.rglob("*") if path.is_file()}
    good = [bucket.put(key, bill(f"{number} USD")) for number, key in enumerate(KEYS)]
    bad = [bucket.put(worse(key), "no,header\n") for key in KEYS]
    intake.process([*good, *bad])
    lines = {line["key"]: line for line in house.ledger(bucket)}
    assert lines.keys() == {event.key for event in [*good, *bad]}
    for number, key in enumerate(KEYS):
        assert (lines[key]["state"], lines[key]["rows_loaded"]) == ("loaded", 1)
        assert lines[key]["billed_totals"] == {"USD": number}
        assert lines[key]["scope"] == f"s3://{bucket.name}/{key}"
    assert {lines[event.key]["state"] for event in bad} == {"quarantined"}
    assert all(lines[event.key]["reason"].startswith("Line 1: No profile") for event in bad)
    after = {path for path in house.settings.home.rglob("*") if path.is_file()} - before
    assert all(Path(house.lake.data_path) in path.parents or path.suffix.startswith(".sqlite") for path in after), after


def test_similar_keys_are_different_objects(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    similar = [
        ("a b.csv", "a+b.csv"),
        ("%41.csv", "A.csv"),
        ("e\u0301.csv", "é.csv"),
        ("x.csv", "X.csv"),
        ("a/b.csv", "a//b.csv"),
    ]
    events = [bucket.put(key, bill(f"{number + 1} USD")) for number, key in enumerate(sum(similar, ()))]
    intake.process(events)
    assert house.states(bucket) == ["loaded"] * len(events)
    outcomes = intake.process(events)
    assert {outcome.label for outcome in outcomes} == {"duplicate"}
    assert house.totals(bucket)["USD"] == sum(range(1, len(events) + 1))


# -- from S3 to the pages -------------------------------------------------------------------------


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_hostile_keys_and_texts_reach_every_output_as_text_only(
    aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with commands(tmp_path, monkeypatch, aws.environment()) as billstream:
        for number, key in enumerate(KEYS):
            user = USERS[number % len(USERS)].replace('"', '""')
            rows = f'2026-03-14,1,1,USD,"{user}","{user}"\n"2026-03-14",1,"x{user}",USD,u,s\n'
            body = f"date,credits,cost,currency,user,service\n{rows}"
            aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=body.encode())
            aws.s3.put_object(Bucket=aws.bucket, Key=worse(key), Body=f'"{user}",b\n1,2\n'.encode())
        billstream.run("consume", "--drain")
        states = billstream.states()
        assert {key: states.get(key) for key in KEYS} == dict.fromkeys(KEYS, "loaded")
        assert list(states.values()).count("quarantined") == len(KEYS)
        assert {user for (user,) in billstream.rows("SELECT DISTINCT x_user_id FROM charges")} == set(USERS)

        billstream.run("aggregate", "--once")
        printed = {
            command: billstream.run(*command.split("|"))
            for command in (
                "status",
                "quarantine|list",
                "quarantine|show|" + KEYS[0],
                "sql|SELECT x_user_id, key FROM charges JOIN ledger USING (load_id)",
                "sql|SELECT key, reason FROM ledger WHERE reason IS NOT NULL",
            )
        }
        assert [command for command, text in printed.items() if CONTROL.search(text)] == []
        assert all(printed.values())

        as_json = billstream.run("sql", "SELECT DISTINCT x_user_id AS u FROM charges", "--format", "json")
        assert {row["u"] for row in json.loads(as_json)} == set(USERS)
        # CSV output is for programs: a formula stays unchanged. Only a spreadsheet would run it.
        as_csv = billstream.run("sql", "SELECT DISTINCT x_user_id AS u FROM charges", "--format", "csv")
        assert '"=HYPERLINK(""http://example.org"",""x"")"' in as_csv

        folder = billstream.settings.insights
        assert not (tmp_path / "pwned").exists()
        assert not Path("pwned").exists()

    insights = (folder / "insights.json").read_text()
    json.loads(insights)
    assert USERS[0] in json.dumps(json.loads(insights), ensure_ascii=False)
    page = (folder / "dashboard.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.found == []
    # What is run are our own two files, to the letter; the browser runs no other.
    ours = {(files("billstream.aggregator") / name).read_text() for name in SCRIPTS}
    assert set(tags.scripts) == ours
    assert tags.policy.startswith("default-src 'none'; script-src 'sha256-")
    assert set(re.findall(r"'sha256-[^']+'", tags.policy)) == tags.hashes()
    assert "&lt;script&gt;alert(" in page, "nothing hostile is on the page: the test shows nothing"
    markdown = (folder / "insights.md").read_text()
    assert not CONTROL.search(markdown)
    assert "<script>" not in markdown
    assert not re.search(r"(?<!\\)\[x(?<!\\)\]\(javascript:", markdown)
