"""Maintenance that dies before and after each of its steps, on both catalogs: no row is lost, the next run goes on."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.verify import verify
from billstream.common.failpoints import CRASH_AT, LAST_WORDS
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.maintenance.upkeep import foresee
from tests.e2e.commands import REPOSITORY, SECONDS, python_path
from tests.integration.aggregator_support import NOW, remove_load
from tests.integration.maintenance_support import (
    KEEP_ALL,
    KEEP_NONE,
    feed,
    load,
    maintained,
    snapshots,
    soon,
    tables_at,
)

pytestmark = pytest.mark.slow

# In the order of a plan. `write` is inside of a transaction.
POINTS = {
    "sqlite": (
        "before maintenance flush",
        "after write",
        "before commit",
        "after maintenance flush",
        "before maintenance expire",
        "after maintenance expire",
        "before maintenance forget",
        "after maintenance forget",
        "before maintenance cleanup",
        "after maintenance cleanup",
        "before maintenance renew",
        "after maintenance stage",
        "after maintenance renew",
        "before maintenance merge",
        "after maintenance merge",
    ),
    "postgres": (
        "before commit",
        "after maintenance flush",
        "after maintenance expire",
        "after maintenance cleanup",
        "before maintenance renew",
        "after maintenance stage",
        "after maintenance renew",
        "before maintenance merge",
        "after maintenance merge",
    ),
}


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_maintenance_that_dies_loses_nothing(catalog: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    environment = {"BILLSTREAM_HOME": str(tmp_path), "BILLSTREAM_THREADS": "1"}
    if catalog == "postgres":
        environment["BILLSTREAM_CATALOG"] = request.getfixturevalue("postgres_url")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = Settings.from_environment()
    with Lake.open(settings, create=True) as lake:
        for number, point in enumerate(POINTS[catalog]):
            if number == 0 or point.startswith("before maintenance"):
                _give_work(lake, f"{number}")  # so that each step is due when it is its turn
            if point == "before maintenance renew":
                _wear_out_a_file(lake)  # a process that died at a later plan of its run has renewed all before it
            newest = lake.snapshot_id()
            mark = lake.rows("SELECT snapshot_id FROM watermark")[0][0]
            known, told = tables_at(lake, newest), feed(lake, mark + 1, newest)
            _die(environment, point)
            assert tables_at(lake, newest) == tables_at(lake, lake.snapshot_id()) == known, point
            assert feed(lake, mark + 1, newest) == told, point
        assert maintained(lake, KEEP_NONE).failed == ()
        assert snapshots(lake)[0] == mark
        assert tables_at(lake, lake.snapshot_id()) == known
        assert feed(lake, mark + 1, lake.snapshot_id()) == told
        assert refresh_once(lake, now=NOW).watermark.reason is None
        assert verify(lake) == []


def _wear_out_a_file(lake: Lake) -> None:
    """A file of several loads, most of which are removed."""
    for number in range(5):
        load(lake, f"together-{number}", 40)  # most of the rows of whatever they are merged with
    maintained(lake, replace(KEEP_ALL, many_files=2, most_files=100))
    for number in range(4):
        remove_load(lake, f"together-{number}")
    assert "Renew" in {type(step).__name__ for step in foresee(lake, KEEP_NONE, now=soon())[1]}


def _give_work(lake: Lake, name: str) -> None:
    """Small files, one of which is retired, and old rows of the watermark; the last load is not refreshed yet."""
    for number in range(5):
        load(lake, f"{name}-{number}", replaces=f"{name}-0" if number == 3 else None)
        if number < 4:
            refresh_once(lake, now=NOW)


def _die(environment: dict[str, str], point: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.maintaining"],
        env={**os.environ, **environment, CRASH_AT: point, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, f"{point}: {done.stderr}"
    assert done.stderr.splitlines()[-1] == LAST_WORDS + point
