"""A consumer that dies while it settles a manifest leaves the delivery before or the new one, and never half of one."""

import json

import pytest

from tests.crash.killing import die, wait_until_visible
from tests.e2e.billing import BillingFile, billing_file
from tests.worlds import World, billed, charged

FOLDER = "cur/r/20260301-20260401"
BEFORE = [billing_file(f"{FOLDER}/r-0000{number}.csv", seed=number) for number in (1, 2, 3)]
AFTER = [billing_file(f"{FOLDER}/r-0000{number}.csv", seed=10 + number) for number in (1, 2)]
POINTS = ["after stage", "before commit", "after commit", "before acknowledge"]
COMMITTED = {"after commit", "before acknowledge"}


def put_manifest(world: World, files: list[BillingFile], delivery: str) -> None:
    text = json.dumps({"assemblyId": delivery, "reportKeys": [file.key for file in files]})
    world.aws.s3.put_object(Bucket=world.aws.bucket, Key=f"{FOLDER}/r-Manifest.json", Body=text.encode())


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_consumer_leaves_one_whole_delivery_and_the_next_one_finishes(world: World, point: str) -> None:
    world.put(*BEFORE)
    put_manifest(world, BEFORE, "first")
    world.drain()
    assert charged(world.lake) == billed(BEFORE)
    world.put(*AFTER)
    world.drain()
    assert charged(world.lake) == billed(BEFORE), "parts alone change nothing"
    put_manifest(world, AFTER, "second")

    die(world, point, "consume", "--drain")

    assert charged(world.lake) == billed(AFTER if point in COMMITTED else BEFORE)
    wait_until_visible(world)
    summary = world.drain()

    assert summary.outcomes["duplicate" if point in COMMITTED else "delivered"] == 1
    world.assert_holds(AFTER)
    states = dict(world.lake.rows("SELECT parse_filename(key), state FROM latest_entries WHERE key LIKE '%.csv'"))
    assert states == {"r-00001.csv": "loaded", "r-00002.csv": "loaded", "r-00003.csv": "replaced"}
    ((parts,),) = world.lake.rows("SELECT parts FROM deliveries")
    assert parts == 2
