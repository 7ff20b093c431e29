"""A stranger holds the SQLite catalog: whoever wants to write waits, and goes on."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.worlds import World

FILES = [billing_file(f"{number}.csv", seed=number) for number in range(3)]
# A process of its own: in ours, DuckDB's SQLite and Python's must not have the file open together.
HOLD = """
import sqlite3, sys
stranger = sqlite3.connect(sys.argv[1], isolation_level=None)
stranger.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
stranger.execute("ROLLBACK")
"""


@contextmanager
def held_by_a_stranger(catalog: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLD, str(catalog)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout
        assert stranger.stdout.readline() == "held\n"
        try:
            yield stranger
        finally:
            stranger.communicate("let go\n")


def test_a_consumer_waits_for_the_stranger_and_goes_on(world: World) -> None:
    world.put(*FILES)
    with held_by_a_stranger(world.home / "catalog.sqlite"):
        consumer = world.start("consume", "--drain")
        until(lambda: world.events("unit_redone") or consumer.poll() is not None, "the consumer does not wait")
        assert consumer.poll() is None, world.log()
        assert world.lake.rows("SELECT count(*) FROM ledger") == [(0,)], "a reader is not held up"
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 0, world.log()
    assert all("database is locked" in str(line["reason"]) for line in world.events("unit_redone"))
    world.assert_holds(FILES)
