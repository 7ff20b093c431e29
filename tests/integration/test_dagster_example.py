"""Dagster, watching a lake that the command line has made; without its environment the tests are skipped."""

from pathlib import Path

import duckdb
import pytest

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.integration.intake_support import bill
from tests.servers import dagster_example

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not dagster_example.installed(), reason=dagster_example.MISSING),
]


@pytest.fixture
def billstream(tmp_path: Path) -> Billstream:
    return Billstream(tmp_path / "home")


def loaded(billstream: Billstream, name: str, content: str, *, expect: int = 0) -> Path:
    path = billstream.home.parent / name
    path.write_text(content)
    billstream.run("load", str(path), expect=expect)
    return path


def test_each_commit_is_reported_once(billstream: Billstream) -> None:
    march = loaded(billstream, "march.csv", bill("1 USD", "2 USD"))
    first = dagster_example.tick(billstream.env())
    assert [event["asset"] for event in first["events"]] == ["raw_files", "charges"]
    for event in first["events"]:
        facts = event["metadata"]
        assert event["tags"] == {"dagster/data_version": str(facts["snapshot_id"])}
        assert (facts["files_loaded"], facts["rows_loaded"], facts["rows_rejected"]) == (1, 2, 0)
        [file] = facts["files"]
        assert (file["file"], file["state"], file["rows"]) == (f"file://{march}", "loaded", 2)
        assert file["version"]

    nothing = dagster_example.tick(billstream.env(), first["cursor"])
    assert nothing["events"] == []
    assert "Nothing was committed" in nothing["skipped"]

    loaded(billstream, "april.csv", bill("3 USD", "4 USD", "5 EUR"))
    billstream.run("aggregate", "--once")
    second = dagster_example.tick(billstream.env(), first["cursor"])
    assert [event["asset"] for event in second["events"]] == ["raw_files", "charges", "aggregates"]
    assert second["events"][1]["metadata"]["rows_loaded"] == 3
    assert second["events"][2]["metadata"]["rows_inserted"] == 5

    loaded(billstream, "broken.csv", "no bill at all\n", expect=1)
    third = dagster_example.tick(billstream.env(), second["cursor"])
    assert [event["asset"] for event in third["events"]] == ["raw_files"]  # no charge has changed
    assert third["events"][0]["metadata"]["files_not_loaded"] == 1
    assert dagster_example.tick(billstream.env(), third["cursor"])["events"] == []


def test_the_check_passes_and_fails_with_verify(billstream: Billstream) -> None:
    loaded(billstream, "march.csv", bill("1 USD", "2 USD"))
    billstream.run("aggregate", "--once")
    passed = dagster_example.check(billstream.env())
    [check] = passed["checks"]
    assert (check["asset"], check["name"], check["passed"]) == ("charges", "agrees", True)
    assert check["metadata"]["active_rows"] == 2

    def lose_a_row(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("DELETE FROM charges WHERE billed_cost = 1")

    with Lake.open(Settings(home=billstream.home)) as lake:
        lake.commit(lose_a_row, claims=[], author="test", message="meddle")
    [check] = dagster_example.check(billstream.env())["checks"]
    assert check["passed"] is False
    assert check["metadata"]["findings"]


def test_a_lake_that_is_not_there_is_a_failed_run_and_no_verdict(billstream: Billstream) -> None:
    assert dagster_example.check(billstream.env()) == {"success": False, "checks": []}
