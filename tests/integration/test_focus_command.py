"""`billstream export focus` as operators run it."""

import json
from pathlib import Path

import pytest

from billstream.common.exits import ExitCode
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.faults.forks import Done, run
from tests.integration.focus_support import add, simple


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    with Lake.open(Settings(home=home, threads=1), create=True) as lake:
        add(lake, simple(("2026-03-01", "1.10", "USD"), ("2026-03-02", "2", "EUR"), ("2026-04-01", "4", "USD")))
    return home


def export(home: Path, folder: Path, *options: str) -> Done:
    return run(folder, "export", "focus", *options, env={"BILLSTREAM_HOME": str(home)})


def test_a_dry_run_shows_months_rows_and_sums_and_writes_nothing(home: Path, tmp_path: Path) -> None:
    done = export(home, tmp_path, "--dry-run", "--json", "--to", str(tmp_path / "out"))
    told = json.loads(done.out)
    assert done.code == ExitCode.OK
    assert [(month["billing_period"], month["rows"]) for month in told["months"]] == [("2026-03", 2), ("2026-04", 1)]
    assert [(one["currency"], one["billed_cost"]) for one in told["months"][0]["sums"]] == [
        ("EUR", "2"),
        ("USD", "1.1"),
    ]
    assert told["months"][0]["rows_without_value"]["ProviderName"] == 2
    assert not (tmp_path / "out").exists()
    shown = export(home, tmp_path, "--dry-run").out
    assert "Nothing was written" in shown
    assert "1.1" in shown


def test_what_is_missing_is_shown(home: Path, tmp_path: Path) -> None:
    done = export(home, tmp_path, "--to", str(tmp_path / "out"), "--month", "2026-03", "--format", "csv")
    assert done.code == ExitCode.OK
    assert "No row has a value of these columns, which FOCUS wants in every row: BillingAccountId," in done.out
    assert "1 billing month in 1 file of FOCUS 1.2" in done.out
    assert [path.name for path in (tmp_path / "out").glob("*=*")] == ["billing_period=2026-03"]


def test_the_files_are_in_the_home_where_no_folder_is_named(home: Path, tmp_path: Path) -> None:
    done = export(home, tmp_path, "--json")
    told = json.loads(done.out)
    assert told["folder"] == str(home / "exports" / "focus")
    for month in told["months"]:
        manifest = json.loads(
            (home / "exports" / "focus" / f"billing_period={month['billing_period']}" / "manifest.json").read_text()
        )
        assert manifest == month


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--version", "2.0"], "--version '2.0' is none of 1.0, 1.1, 1.2; nothing was written."),
        (["--format", "xlsx"], "--format 'xlsx' is neither parquet nor csv; nothing was written."),
        (["--month", "March"], "--month 'March' is no month such as 2026-03; nothing was written."),
        (["--to", "s3://bucket/focus"], "--to is a folder of this host"),
    ],
)
def test_what_cannot_be_is_wrong_usage(home: Path, tmp_path: Path, options: list[str], words: str) -> None:
    done = export(home, tmp_path, *options)
    assert done.code == ExitCode.USAGE
    assert words in done.err


def test_a_folder_that_is_a_file_is_configuration(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = export(home, tmp_path, "--to", str(tmp_path / "file" / "below"))
    assert done.code == ExitCode.CONFIGURATION
    assert "an export" in done.err


def test_without_a_lake_it_is_an_error(tmp_path: Path) -> None:
    done = export(tmp_path / "nothing", tmp_path, "--to", str(tmp_path / "out"))
    assert done.code != ExitCode.OK
    assert "billstream init" in done.err
    assert not (tmp_path / "out").exists()
