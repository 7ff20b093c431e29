"""`billstream changes`: what it says to people and to programs, and how it refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from billstream.aggregator.pages.render import json_schema
from billstream.aggregator.restatements.intervals import snapshot_time
from billstream.cli.commands import app
from tests.integration.aggregator_support import Row, commit_load
from tests.integration.operator_support import Commands, commands

DAY = datetime(2025, 3, 30, 12, tzinfo=UTC)
KEY = "s3://billing/\x1b[31m[bold]a.csv"
SERVICE = "[red]chat\x1b[0m"


def usd(cost: str, service: str = SERVICE) -> Row:
    return Row(DAY, "USD", service_name=service, billed_cost=Decimal(cost), sub_account_id="prod")


@pytest.fixture
def billstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """A lake with a file that was restated, twice, and one that is new."""
    with commands(tmp_path, monkeypatch) as made:
        commit_load(made.lake, "a1", [usd("1.10"), usd("7", "db")], scope=KEY)
        commit_load(made.lake, "a2", [usd("1.20"), usd("7", "db")], replaces="a1", scope=KEY)
        commit_load(made.lake, "a3", [usd("1.30"), usd("7", "db")], replaces="a2", scope=KEY)
        commit_load(made.lake, "b1", [usd("1000")], scope="s3://billing/b.csv")
        yield made


def first_load(billstream: Commands) -> int:
    """The snapshot that has the file as it was first."""
    return billstream.lake.snapshot_id() - 3


def test_people_see_restatements_first_and_new_files_after_them(billstream: Commands) -> None:
    said = billstream.run("changes", "--since", str(first_load(billstream)))

    restated, new = said.index("\nRestated\n"), said.index("\nNew files\n")
    assert "+0.2" in said[restated:new]
    assert "+1000" not in said[restated:new]
    assert "+1000" in said[new:]
    assert "loaded 2025-07-01 12:00:00 UTC, 2 times" in said
    assert "equal: days, services and accounts" in said
    assert "[red]chat" in said
    assert "[bold]a.csv" in said
    assert "\x1b[31m" not in said


def test_new_files_can_be_left_out_and_what_is_shown_is_bounded(billstream: Commands) -> None:
    since = ("--since", str(first_load(billstream)))

    assert "New files" not in billstream.run("changes", *since, "--restated-only")
    said = billstream.run("changes", *since, "--limit", "1")
    assert "1 more; --limit shows them." in said
    assert len(billstream.json("changes", *since, "--limit", "1")["largest"]) == 1


def test_programs_get_what_the_schema_of_the_insights_describes(billstream: Commands) -> None:
    said = billstream.json("changes", "--since", str(first_load(billstream)), "--restated-only")

    schema = json_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    jsonschema.Draft202012Validator({**definitions["Restatements"], "$defs": definitions}).validate(said)
    (entry,) = said["largest"]
    assert (entry["billed_before"], entry["billed_after"], entry["billed_difference"]) == ("1.1", "1.3", "0.2")
    assert (entry["day"], entry["service"], entry["account"], entry["file"]) == ("2025-03-30", SERVICE, "prod", KEY)


def test_the_interval_may_be_named_by_times(billstream: Commands) -> None:
    first = first_load(billstream)
    since, until = (snapshot_time(billstream.lake, snapshot).isoformat() for snapshot in (first, first + 1))

    (entry,) = billstream.json("changes", "--since", since, "--until", until)["largest"]

    assert (entry["billed_before"], entry["billed_after"]) == ("1.1", "1.2")
    assert billstream.json("changes", "--since", "1d") == billstream.json("changes", "--since", "0")


def test_an_empty_interval_says_so(billstream: Commands) -> None:
    newest = str(billstream.lake.snapshot_id())

    assert "No charges changed." in billstream.run("changes", "--since", newest)
    assert billstream.json("changes", "--since", newest)["totals"] == []


def test_a_beginning_that_has_been_expired_is_told(billstream: Commands) -> None:
    first = first_load(billstream)
    billstream.lake.rows(f"CALL ducklake_expire_snapshots('lake', versions => [{first - 1}, {first}])")

    assert f"Snapshots before {first + 1} have expired" in billstream.run("changes", "--since", "7d")
    assert "has been expired" in billstream.run("changes", "--since", str(first), expect=1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--since", "yesterday"), "--since 'yesterday' cannot be read: give a snapshot id"),
        (("--since", "0", "--until", "x"), "--until 'x' cannot be read"),
        (("--since", "99999"), "Snapshot 99999 does not exist yet"),
        (("--since", "2", "--until", "1"), "--since must not be after --until"),
    ],
)
def test_what_cannot_be_answered_is_an_error_that_says_why(
    billstream: Commands, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in billstream.run("changes", *arguments, expect=1)


def test_the_beginning_has_to_be_named() -> None:
    assert CliRunner().invoke(app, ["changes"]).exit_code == 2
