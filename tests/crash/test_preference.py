"""A process that dies in the commit of a preference has set all rows aside or none; whoever comes next finishes it."""

from decimal import Decimal

import pytest

from tests.crash.killing import die
from tests.integration.overlap_support import cur, focus
from tests.worlds import World

POINTS = ["before commit", "after commit"]
COMMITTED = {"after commit"}
BOTH, ONE = Decimal(217), Decimal(105)


def counted(world: World) -> tuple[Decimal, int]:
    sql = "SELECT (SELECT sum(billed_cost) FROM charges), (SELECT count(*) FROM set_aside_charges)"
    return world.lake.rows(sql)[0]


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_preference_is_made_whole_or_not_at_all(world: World, point: str) -> None:
    for key, text in (("cur/2026/03/a.csv", cur(("100", 1), ("5", 2))), ("focus/2026/03/a.csv", focus(("112", 1)))):
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=key, Body=text.encode())
    world.drain()
    assert counted(world) == (BOTH, 0)

    die(world, point, "exports", "prefer", "cur")

    assert counted(world) == ((ONE, 1) if point in COMMITTED else (BOTH, 0))
    world.billstream.run("exports", "prefer", "cur")
    assert counted(world) == (ONE, 1)
    world.billstream.run("verify")
