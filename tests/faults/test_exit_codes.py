"""Every command ends with the code of what happened, and a service's last line is an error."""

import json
from pathlib import Path

import pytest
import typer.main

from billstream.cli import wiring
from billstream.cli.commands import app
from billstream.common.exits import ExitCode
from tests.faults.forks import Done, run
from tests.servers.aws import AwsEnvironment

NOWHERE = "http://127.0.0.1:1"
ARGUMENTS = {
    ("load",): ["bill.csv"],
    ("sql",): ["SELECT 1"],
    ("quality", "show"): ["a.csv"],
    ("quarantine", "show"): ["a.csv"],
    ("quarantine", "reload"): ["--all"],
    ("export", "focus"): ["--version", "1.2"],
    ("exports", "prefer"): ["s3://billing/export/#focus"],
    ("changes",): ["--since", "1d"],
    ("explain",): ["--from", "2026-03-01", "--to", "2026-03-02"],
    ("lineage",): ["2026-03-01"],
    ("anomalies", "show"): ["fd909f55"],
    ("anomalies", "ack"): ["fd909f55", "--reason", "planned"],
    ("anomalies", "resolve"): ["fd909f55"],
    ("budgets", "ack"): ["ml", "--rule", "actual:0.8", "--reason", "planned"],
    ("alerts", "test"): ["ml-slack"],
    ("profile", "show"): ["plain"],
    ("profile", "test"): ["bill.csv"],
    ("profile", "new"): ["bill.csv"],
    ("maintain",): ["--once"],
    ("publish", "TARGET"): ["warehouse"],
    ("publish", "remove"): ["warehouse"],
    ("backup",): ["backups"],
    ("restore",): ["backups"],
}
OF_THE_LAKE = (
    "init",
    "consume",
    "aggregate",
    "rebuild",
    "load",
    "sql",
    "sweep",
    "verify",
    "replay",
    "changes",
    "lineage",
    "maintain",
)
WITHOUT_LAKE = {("connect",), ("settings",), ("dlq",), ("redrive",)}


def leaves(command: object = typer.main.get_command(app), *path: str) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", {})
    return [leaf for name, child in children.items() for leaf in leaves(child, *path, name)] if children else [path]


def command(folder: Path, path: tuple[str, ...], **env: str) -> Done:
    bill = folder / "bill.csv"
    bill.write_text("date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n")
    arguments = [str(bill) if word == "bill.csv" else word for word in ARGUMENTS.get(path, [])]
    return run(folder, *path, *arguments, env={"BILLSTREAM_HOME": str(folder / "home"), **env})


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command waits for what is away."""
    monkeypatch.setattr("billstream.common.retries.patiently", lambda call, **_: call())


@pytest.mark.parametrize("path", leaves(), ids=" ".join)
def test_a_setting_that_is_not_understood_is_78_in_every_command(path: tuple[str, ...], tmp_path: Path) -> None:
    done = command(tmp_path, path, BILLSTREAM_THREADS="many")
    if path == ("doctor",):  # a setting that is not understood is one of its findings
        assert done.code == ExitCode.TROUBLE, done
        assert "BILLSTREAM_THREADS: must be a whole number" in done.out, done
        return
    assert done.code == ExitCode.CONFIGURATION, done
    assert done.err == (
        "billstream: The configuration is not usable:\n  BILLSTREAM_THREADS: must be a whole number. Example: `4`.\n"
    )


@pytest.mark.parametrize("name", OF_THE_LAKE)
@pytest.mark.usefixtures("_hurried")
def test_a_catalog_that_is_away_is_75(name: str, tmp_path: Path) -> None:
    catalog = "postgresql://billstream:secret@127.0.0.1:1/lake"
    done = command(tmp_path, (name,), BILLSTREAM_CATALOG=catalog, BILLSTREAM_LOG_LEVEL="error")
    assert done.code == ExitCode.TRY_AGAIN, done
    assert "Traceback" not in done.err


@pytest.mark.parametrize("path", [("dlq",), ("redrive",)], ids=" ".join)
@pytest.mark.usefixtures("_hurried")
def test_a_queue_that_is_away_is_75(path: tuple[str, ...], tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
    done = command(tmp_path, path, AWS_ENDPOINT_URL=NOWHERE, **keys)
    assert done.code == ExitCode.TRY_AGAIN, done


@pytest.mark.parametrize("name", [name for name in OF_THE_LAKE if name not in {"init", "load"}])
def test_no_lake_is_78(name: str, tmp_path: Path) -> None:
    done = command(tmp_path, (name,))
    assert done.code == ExitCode.CONFIGURATION, done
    assert "Run `billstream init`" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["load"],
        ["sql"],
        ["consume", "--no-such-option"],
        ["replay", "--since", "2026-03-02", "--until", "2026-03-01"],
        ["replay", "--since", "soon"],
        ["replay", "--state", "nonsense"],
        ["redrive", "--limit", "0"],
        ["quarantine", "reload"],
        ["changes", "--since", "soon"],
        ["lineage", "march.csv", "--service", "s"],
        ["profile", "new", "--name", "Not Valid", "bill.csv"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_is_not_understood_is_2(words: list[str], tmp_path: Path) -> None:
    command(tmp_path, ("load",))
    words = [str(tmp_path / word) if word == "bill.csv" else word for word in words]
    done = run(tmp_path, *words, env={"BILLSTREAM_HOME": str(tmp_path / "home")})
    assert done.code == ExitCode.USAGE, done
    assert "Traceback" not in done.err


def test_a_file_that_cannot_be_loaded_is_1(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("neither,fish\n1,2\n")
    done = run(tmp_path, "load", str(tmp_path / "bad.csv"), env={"BILLSTREAM_HOME": str(tmp_path / "home")})
    assert done.code == ExitCode.TROUBLE, done


def test_a_lost_data_file_is_1_in_every_command_that_reads_it(tmp_path: Path) -> None:
    command(tmp_path, ("load",))
    for path in (tmp_path / "home" / "data" / "main" / "charges").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-50])
    for words in (["sql", "SELECT sum(list_cost) FROM charges"], ["aggregate", "--once"], ["rebuild"], ["verify"]):
        done = run(tmp_path, *words, env={"BILLSTREAM_HOME": str(tmp_path / "home")})
        assert done.code == ExitCode.TROUBLE, done
        assert "billstream verify --repair" in done.text
        assert "Traceback" not in done.err


# -- services ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "service"), [("consume", "consumer"), ("aggregate", "aggregator")])
@pytest.mark.parametrize("wrong", ["THREADS", "CATALOG", "bug"])
def test_the_last_line_of_a_service_is_an_error(
    name: str, service: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code: int = ExitCode.CONFIGURATION
    env = {"BILLSTREAM_LOG_FORMAT": "json", "BILLSTREAM_THREADS": "many" if wrong == "THREADS" else "1"}
    if wrong == "bug":
        code = ExitCode.TROUBLE
        monkeypatch.setattr("billstream.cli.opening.signals", lambda *_: 1 / 0)
    done = run(tmp_path, name, env={"BILLSTREAM_HOME": str(tmp_path / "home"), **env}, service=True)
    assert done.code == code, done
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    last = lines[-1]
    assert (last["event"], last["level"], last["exit_code"]) == ("process_failed", "error", code)
    assert (last["service"], last["version"] != "", last["consumer_id"].split("@")[0]) == (service, True, service)
    assert ("exception" in last) is (wrong == "bug")


# -- the lake's own bucket -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [("init",), ("init", "--aws"), ("consume",), ("load",)], ids=" ".join)
def test_a_data_path_in_the_billing_bucket_is_refused_before_anything_is_made(
    path: tuple[str, ...], aws: AwsEnvironment, tmp_path: Path
) -> None:
    before = aws.s3.list_buckets()["Buckets"]
    env = {**aws.environment(), "BILLSTREAM_DATA_PATH": f"s3://{aws.bucket}/lake/"}
    done = command(tmp_path, path, **env)
    assert done.code == ExitCode.CONFIGURATION, done
    assert f"BILLSTREAM_DATA_PATH is in the bucket {aws.bucket}" in done.err
    assert not (tmp_path / "home").exists()
    assert aws.s3.list_buckets()["Buckets"] == before
    assert aws.s3.list_objects_v2(Bucket=aws.bucket).get("Contents") is None


def test_the_lakes_own_objects_are_never_bills(aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is configured later, when the lake is there: sweep, replay and verify leave its files alone."""
    from billstream.common.settings import Settings  # noqa: PLC0415 - the environment is this test's

    for name, value in {**aws.environment(), "BILLSTREAM_DATA_PATH": f"s3://{aws.bucket}/lake"}.items():
        monkeypatch.setenv(name, value)
    interest = wiring.interest(Settings.from_environment())
    assert not interest.includes("lake/main/charges/ducklake-1.parquet", aws.bucket)
    assert interest.includes("lake-2026/bill.parquet", aws.bucket)
    assert interest.includes("bills/a.csv", aws.bucket)


def test_a_folder_with_the_lake_in_it_is_loaded_without_the_lake(tmp_path: Path) -> None:
    env = {"BILLSTREAM_HOME": str(tmp_path / "var")}
    (tmp_path / "bill.csv").write_text("date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n")
    for _ in range(2):
        done = run(tmp_path, "load", str(tmp_path), env=env)
        assert done.code == 0, done
    answer = run(tmp_path, "sql", "--format", "csv", "SELECT count(*), sum(billed_cost)::INT FROM charges", env=env)
    assert answer.out.splitlines()[1] == "1,5"


# -- status --------------------------------------------------------------------------------------------------


def test_status_shows_the_queue_and_ends_with_1_where_it_gets_no_answer(aws: AwsEnvironment, tmp_path: Path) -> None:
    aws.sqs.send_message(QueueUrl=aws.dlq_url, MessageBody="dead")
    home = {**aws.environment(), "BILLSTREAM_HOME": str(tmp_path / "home")}
    no_lake = run(tmp_path, "status", "--json", env=home)
    assert no_lake.code == ExitCode.TROUBLE
    assert "Run `billstream init`" in json.loads(no_lake.out)["lake_problem"]
    assert json.loads(no_lake.out)["queue_url"] == aws.queue_url

    assert run(tmp_path, "init", env=home).code == 0
    fine = run(tmp_path, "status", "--json", env=home)
    assert fine.code == 0, fine
    status = json.loads(fine.out)
    assert (status["queue_url"], status["region"]) == (aws.queue_url, aws.region)
    assert (status["dead_letter_url"], status["dead_letters"]) == (aws.dlq_url, 1)
    assert status["queue"]["visible"] == 1
    assert "oldest_message_seconds" in status
    shown = run(tmp_path, "status", env=home).out
    for text in (aws.queue_url, aws.region, "dead letters", "oldest message"):
        assert text in shown

    no_queue = run(tmp_path, "status", env={**home, "BILLSTREAM_QUEUE_NAME": "no-such-queue"})
    assert no_queue.code == ExitCode.TROUBLE
    assert "no-such-queue" in no_queue.out


def test_a_lake_of_local_files_needs_no_queue(tmp_path: Path) -> None:
    assert command(tmp_path, ("load",)).code == 0
    done = command(tmp_path, ("status",))
    assert done.code == 0, done
