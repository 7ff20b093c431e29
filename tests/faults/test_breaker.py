"""Files that cannot be loaded: one bad sender harms nobody, and a bad release pours nothing into quarantine."""

import json

from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.worlds import World

RECEIVES = 3
GOOD = [billing_file(f"good/{number}.csv", seed=number) for number in range(5)]
BAD, LIMIT = 30, 25


def few_receives(world: World) -> None:
    """After three receives a message is in the dead-letter queue."""
    policy = {"deadLetterTargetArn": world.aws.queue_arn(world.aws.dlq_url), "maxReceiveCount": str(RECEIVES)}
    world.aws.sqs.set_queue_attributes(
        QueueUrl=world.aws.queue_url, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "30"}
    )


def put_junk(world: World, *prefixes: str, count: int = BAD) -> None:
    for number in range(count):
        key, body = f"{prefixes[number % len(prefixes)]}/{number:02}.csv", f"unknown,header {number}\n1,2\n"
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=key, Body=body.encode())


def test_thirty_unreadable_files_of_one_prefix_are_quarantined_and_the_good_ones_loaded(world: World) -> None:
    few_receives(world)
    put_junk(world, "junk")
    world.put(*GOOD)
    summary = world.drain()
    assert (summary.outcomes["quarantined"], summary.outcomes["loaded"]) == (BAD, len(GOOD))
    world.assert_holds(GOOD)


def test_a_consumer_holds_when_nothing_can_be_loaded_and_goes_on_when_something_can(world: World) -> None:
    few_receives(world)
    put_junk(world, "vendor-a", "vendor-b")
    consumer = world.start("consume")
    until(lambda: len(world.events("consumer_holding")) >= 3, "it does not hold")

    assert consumer.poll() is None
    [(quarantined,)] = world.lake.rows("SELECT count(*) FROM ledger")
    assert quarantined < LIMIT
    held = int(str(world.events("consumer_holding")[-1]["held"]))
    assert world.depth() == BAD - quarantined
    assert world.visible() >= BAD - quarantined - held - 1, "they are hidden from consumers that can load them"
    reason = str(world.events("consumer_holding")[0]["reason"])
    assert "vendor-a" in reason
    assert "vendor-b" in reason
    world.put(*GOOD)
    until(lambda: world.events("consumer_resumed"), "a good object does not end it")
    until(lambda: world.lake.rows("SELECT count(*) FROM ledger WHERE state = 'loaded'") == [(5,)], "not loaded")
    consumer.terminate()
    consumer.communicate(timeout=PATIENCE)
    assert consumer.returncode == 0
    assert world.dead_letters() == 0


def test_a_drain_ends_with_an_error_when_it_leaves_something_behind(world: World) -> None:
    put_junk(world, "vendor-a", "vendor-b")
    consumer = world.start("consume", "--drain")
    output, _ = consumer.communicate(timeout=PATIENCE)
    assert consumer.returncode == 1
    assert f"{BAD} messages return to the queue" in world.log()
    assert world.events("process_failed")[0]["level"] == "error"
    assert "released" in output or "returned to the queue" in output
    assert world.depth() == BAD
