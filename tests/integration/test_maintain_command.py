"""`billstream maintain`: what it says to people and to programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billstream.cli.commands import app
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.maintenance import upkeep
from billstream.maintenance.values import Limits
from tests.integration.aggregator_support import new_lake
from tests.integration.maintenance_support import KEEP_NONE, load
from tests.integration.operator_support import Commands, commands


@pytest.fixture
def billstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """A lake with more small files than the limits of the command, which are those of a test."""

    def limits_of(settings: Settings) -> Limits:
        assert settings.keep_snapshots == 7 * 86_400
        return KEEP_NONE

    monkeypatch.setattr(upkeep, "limits_of", limits_of)
    with commands(tmp_path, monkeypatch) as made:
        for number in range(7):
            load(made.lake, f"load-{number}")
        yield made


def test_what_is_due_is_foreseen_done_and_then_no_longer_due(billstream: Commands) -> None:
    before = billstream.json("status")
    assert "data files" in billstream.run("status")
    foreseen = billstream.json("maintain", "--dry-run")
    assert {step["step"] for step in foreseen["steps"]} == {"flush", "expire", "merge"}
    assert foreseen["facts"]["snapshots"] == before["snapshots"]
    assert "Would: merge 5 files of charges" in billstream.run("maintain", "--dry-run")
    assert billstream.json("status")["snapshots"] == before["snapshots"]

    done = billstream.json("maintain", "--once")
    assert {one["step"] for one in done["done"]} >= {"flush", "expire", "merge"}
    assert all(one["changed"] for one in done["done"])
    assert done["failed"] == []
    assert not done["another_at_work"]
    assert done["after"]["files"] < done["before"]["files"]
    after = billstream.json("status")
    assert after["data_files"] == done["after"]["files"]
    assert after["snapshots"] == done["after"]["snapshots"]
    # What a run leaves behind, such as the files that it has merged, is removed by later ones.
    steps = {one["step"] for _ in range(5) for one in billstream.json("maintain", "--once")["done"]}
    assert "cleanup" in steps
    assert "Nothing is due." in billstream.run("maintain", "--once")

    _orphans(billstream, billstream.lake)


def _orphans(billstream: Commands, lake: Lake) -> None:
    assert billstream.json("maintain", "--orphans") == {"files": [], "removed": False}
    assert "0 files removed." in billstream.run("maintain", "--remove-orphans", "--older-than", "1")
    assert CliRunner().invoke(app, ["maintain", "--orphans", "--older-than", "0"]).exit_code == 2
    refused = CliRunner().invoke(app, ["maintain", "--json"])
    assert refused.exit_code == 2
    assert "--json needs" in refused.output
    assert lake.rows("SELECT count(*) FROM charges") == [(14,)]


def test_orphans_are_listed_over_a_connection_of_the_command_itself(tmp_path: Path) -> None:
    with new_lake(tmp_path):
        pass
    done = CliRunner().invoke(app, ["maintain", "--orphans"], env={"BILLSTREAM_HOME": str(tmp_path)})
    assert done.exit_code == 0, done.output
    assert "0 files are unknown" in done.output
