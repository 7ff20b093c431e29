"""The doctor's report: what it finds in a lake that works, and that nothing broken breaks it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billstream.cli.doctor import host, services
from billstream.cli.doctor.check import Check, Verdict, answered, worst
from billstream.cli.doctor.examination import examine
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.integration.lake_support import NOW, charge, line
from tests.servers.aws import AwsEnvironment


def named(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


@pytest.fixture
def lake(tmp_path: Path, aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake with an object in quarantine, over a bucket and a queue."""
    for name, value in {**aws.environment(), "BILLSTREAM_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment()
    with Lake.open(settings, create=True) as made:
        made.commit(charge("one"), claims=[], author="me", message="test")
        made.commit(line("good.csv"), claims=[], author="me", message="test")
        bad = (
            "INSERT INTO ledger BY NAME SELECT 'q' AS entry_id, 'q' AS scope_id, 's3://b/q' AS scope, 'quarantined' AS "
            "state, 'b' AS bucket, 'q' AS key, 'no profile; postgresql://u:s3cretword@h/d' AS reason, 0 AS "
            "rows_loaded, 0 AS rows_rejected, 0 AS values_rounded, $1::TIMESTAMPTZ AS processed_at, 'me' AS consumer_id"
        )
        made.commit(lambda con: con.execute(bad, [NOW]), claims=[], author="me", message="test")


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_everything_is_asked_whatever_is_broken(
    aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = named(examine())
    verdicts = {name: check.verdict.value for name, check in checks.items() if not name.startswith("folder of")}
    assert verdicts == {
        "versions": "ok",
        "settings": "ok",
        "lake": "ok",
        "lake size": "ok",
        "ledger": "ok",
        "quarantine": "warn",
        "aggregates": "warn",
        "insights": "warn",
        "queue": "ok",
        "dead letters": "ok",
        f"bucket {aws.bucket}": "ok",
        "clock": "ok",
    }
    assert len(checks) == len(verdicts) + 4
    assert checks["ledger"].details == {"loaded": 1, "quarantined": 1}
    (table,) = checks["lake size"].details["tables"]
    assert (table["table"], table["files"], table["rows"]) == ("charges", 1, 1)
    assert "no profile" in checks["quarantine"].found
    assert "aggregate" in checks["aggregates"].advice

    # Nothing answers, a folder cannot be made, a variable is misspelt: each has its answer.
    path = tmp_path / "report.json"
    environment = aws.environment() | {
        "BILLSTREAM_CATALOG": "postgresql://me:s3cretword@127.0.0.1:1/none",
        "BILLSTREAM_SPOOL_DIR": "/proc/none",
        "BILLSTREAM_BUKET": "x",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    said = Billstream(tmp_path / "home", environment).run("doctor", "--output", str(path), expect=1)
    text = path.read_text()
    assert "s3cretword" not in said + text
    assert path.stat().st_mode & 0o077 == 0
    verdicts = {check["name"]: check["verdict"] for check in json.loads(text)["checks"]}
    assert verdicts["lake"] == verdicts["queue"] == verdicts[f"bucket {aws.bucket}"] == "fail"
    assert verdicts["folder of BILLSTREAM_SPOOL_DIR"] == "fail"
    assert verdicts["ledger"] == "unknown"
    assert verdicts["versions"] == "ok"
    assert verdicts["settings"] == "warn"
    monkeypatch.setenv("BILLSTREAM_POLL_SECONDS", "never")
    assert [(check.name, check.verdict) for check in examine()][-1] == ("settings", Verdict.FAIL)


def test_a_question_that_fails_is_an_answer_without_secrets() -> None:
    def broken() -> list[Check]:
        raise ZeroDivisionError("postgresql://me:s3cretword@h/d")

    (check,) = answered("it", lambda: iter(broken()))
    assert check.verdict is Verdict.FAIL
    assert "s3cretword" not in check.found
    assert worst([check]) is Verdict.FAIL
    assert worst([Check("a", Verdict.OK, ""), Check("b", Verdict.UNKNOWN, "")]) is Verdict.WARN


def test_a_clock_that_is_off_is_told() -> None:
    now = datetime.now(UTC)
    wanted = {1: Verdict.OK, 60: Verdict.WARN, 3600: Verdict.FAIL}
    assert {off: services._clock(now - timedelta(seconds=off)).verdict for off in wanted} == wanted


def test_folders_are_private_and_have_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_TIGHT_BYTES", 0)
    monkeypatch.setattr(host, "_SHORT_BYTES", 0)
    tmp_path.chmod(0o700)
    assert host._folder("X", tmp_path, private=True).verdict is Verdict.OK
    assert host._folder("X", tmp_path / "a" / "b", private=True).details["exists"] is False
    tmp_path.chmod(0o750)
    assert "chmod go=" in host._folder("X", tmp_path, private=True).advice
    assert host._folder("X", tmp_path, private=False).verdict is Verdict.OK
    monkeypatch.setattr(host, "_SHORT_BYTES", 2**62)
    assert host._folder("X", tmp_path, private=False).verdict is Verdict.FAIL
