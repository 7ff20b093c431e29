"""A deploy that makes every file unreadable must not pour a whole delivery into quarantine."""

from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE
from tests.worlds import World

LIMIT = 25
FILES = 30


def test_a_consumer_stops_when_nothing_can_be_loaded_and_the_messages_stay(world: World) -> None:
    good = billing_file("0 good.csv", seed=1)
    world.put(good)
    for number in range(FILES):
        body = f"unknown,header {number}\n1,2\n".encode()
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=f"poison {number:02}.csv", Body=body)

    consumer = world.start("consume", "--drain", BILLSTREAM_BATCH_FILES="10")
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 1
    assert "25 objects in a row cannot be loaded" in world.log()
    quarantined = world.lake.rows("SELECT count(*) FROM ledger WHERE state = 'quarantined'")[0][0]
    assert 0 < quarantined < LIMIT
    assert world.depth() == FILES - quarantined
    assert len(world.events("object_unreadable")) > 0
    assert world.lake.rows("SELECT key FROM ledger WHERE state = 'loaded'") == [(good.key,)]
