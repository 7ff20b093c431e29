"""A consumer that dies at any step of its work loses nothing and doubles nothing.

Each case kills a real process with SIGKILL before or after one failpoint of a batch that loads new objects, replaces
one and retracts one. The next consumer finishes the work.
"""

from pathlib import Path

import pytest

from billstream.common.scratch import MARKER, own_folder
from tests.crash.killing import die, wait_until_visible
from tests.e2e.billing import BillingFile, billing_file
from tests.worlds import World, billed, charged

FAILPOINTS = ("receive", "fetch", "stage", "write", "commit", "acknowledge")
POINTS = [f"{side} {name}" for name in FAILPOINTS for side in ("before", "after")]
COMMITTED = {"after commit", "before acknowledge", "after acknowledge"}
HOLDS_SPOOL = set(POINTS[POINTS.index("before fetch") : POINTS.index("after commit") + 1])

STAYS = billing_file("year=2026/stays.csv", seed=1)
REPLACED = billing_file("year=2026/replaced & more.csv", seed=2)
RETRACTED = billing_file("year=2026/retracted.csv", seed=3)
REPLACEMENT = billing_file(REPLACED.key, seed=4, rows=31)
NEW = [billing_file(f"year=2026/new {number}.csv", seed=10 + number) for number in range(3)]
BEFORE = [STAYS, REPLACED, RETRACTED]
AFTER = [STAYS, REPLACEMENT, *NEW]


def change_everything(world: World) -> None:
    world.put(*BEFORE)
    world.drain()
    world.put(REPLACEMENT, *NEW)
    world.remove(RETRACTED)


def rounds_left(world: World) -> list[Path]:
    """The scratch space of a batch that nobody has tidied up."""
    return [path for path in own_folder(world.settings.spool).glob("round-*") if path.is_dir()]


def in_scratch(world: World) -> set[Path]:
    """All that is in our own folder of the spool, but for the mark that says so."""
    return {path for path in own_folder(world.settings.spool).iterdir() if path.name != MARKER}


def in_force(world: World) -> list[BillingFile]:
    """The one state of the two possible ones that the lake is in."""
    rows = charged(world.lake)
    states = [state for state in (BEFORE, AFTER) if rows == billed(state)]
    assert len(states) == 1, "the lake shows half a batch"
    return states[0]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_consumer_leaves_all_or_nothing_and_the_next_one_finishes(world: World, point: str) -> None:
    change_everything(world)

    die(world, point, "consume", "--drain")

    assert bool(rounds_left(world)) == (point in HOLDS_SPOOL)
    assert in_force(world) == (AFTER if point in COMMITTED else BEFORE)
    assert (world.depth() == 0) == (point == "after acknowledge")

    wait_until_visible(world)
    world.drain()

    world.assert_holds(AFTER)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_the_next_start_removes_what_the_dead_left_and_nothing_of_the_living(world: World) -> None:
    change_everything(world)
    die(world, "after fetch", "consume", "--drain")
    left = in_scratch(world)
    mine = {path for path in left if path.name.startswith(world.lake.scratch.name)}
    assert len(mine) == 2  # a folder and its lock
    assert rounds_left(world)
    assert len(left - mine) > 2

    world.billstream.run("consume", "--drain")

    assert in_scratch(world) == mine
    world.assert_holds(AFTER)
