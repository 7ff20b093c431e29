"""Told to end, a consumer ends: at once, in good order, with nothing lost and nothing held back."""

import signal
import subprocess
import time

import pytest

from tests.e2e.billing import billing_file
from tests.faults.waiting import until
from tests.servers.proxy import Proxy, Rule, silent, slow
from tests.worlds import World

FILES = [billing_file(f"{number}.csv", seed=number) for number in range(12)]
LONG = 60  # seconds of visibility: what is not given back stays hidden for as long as the test lasts


def hide_for_long(world: World) -> None:
    world.aws.sqs.set_queue_attributes(QueueUrl=world.aws.queue_url, Attributes={"VisibilityTimeout": str(LONG)})


def ended(process: "subprocess.Popen[str]", world: World, within: float = 10) -> int:
    try:
        process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail(f"it does not end:\n{world.log()}")
    return process.returncode


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_a_consumer_that_is_told_to_end_does_so_and_holds_nothing_back(
    world: World, proxy: Proxy, seconds: float
) -> None:
    hide_for_long(world)
    world.put(*FILES)
    consumer = world.start("consume", BILLSTREAM_BATCH_FILES="3", BILLSTREAM_POLL_SECONDS="1")
    until(lambda: proxy.seen["ReceiveMessage"], "the consumer does not begin")
    time.sleep(seconds)

    consumer.terminate()

    assert ended(consumer, world) == 0
    assert world.visible() == world.depth(), "messages are hidden though nobody works on them"
    world.drain()
    world.assert_holds(FILES)


def test_what_was_received_but_not_begun_is_given_back_at_once(world: World, proxy: Proxy) -> None:
    hide_for_long(world)
    world.put(*FILES)
    wait = proxy.inject(Rule("ReceiveMessage", slow(1.5), 1))
    consumer = world.start("consume")
    until(lambda: wait.injected, "the consumer does not begin")

    consumer.terminate()

    assert ended(consumer, world) == 0
    (returned,) = world.events("batch_returned")
    assert int(str(returned["messages"])) >= 1
    assert world.visible() == world.depth() == len(FILES) + 1  # one is S3's test event
    assert world.lake.rows("SELECT count(*) FROM ledger") == [(0,)]


def test_a_batch_that_takes_longer_than_the_grace_period_is_abandoned(world: World, proxy: Proxy) -> None:
    hide_for_long(world)
    world.put(*FILES)
    hang = proxy.inject(Rule("GetObject", silent(30), 1))
    consumer = world.start("consume", BILLSTREAM_GRACE_SECONDS="0.5")
    until(lambda: hang.injected, "the consumer does not begin")

    consumer.terminate()

    assert ended(consumer, world) == 0
    (abandoned,) = world.events("batch_abandoned")
    assert int(str(abandoned["messages"])) >= 1
    assert world.visible() == world.depth() > 0
    world.drain()
    world.assert_holds(FILES)


def test_a_second_signal_ends_it_at_once_and_the_messages_come_again(world: World, proxy: Proxy) -> None:
    world.put(*FILES)
    hang = proxy.inject(Rule("GetObject", silent(30), 1))
    consumer = world.start("consume")
    until(lambda: hang.injected, "the consumer does not begin")

    consumer.terminate()
    time.sleep(0.2)
    assert consumer.poll() is None
    consumer.terminate()

    assert ended(consumer, world, within=2) == 128 + signal.SIGTERM
    assert world.events("batch_abandoned") == []
    until(lambda: world.visible() == world.depth() > 0, "the messages do not come again")
    world.drain()
    world.assert_holds(FILES)


def test_an_aggregator_ends_when_it_is_told_to(world: World) -> None:
    world.put(*FILES)
    world.drain()
    aggregator = world.start("aggregate")
    until(lambda: world.events("insights_published", "aggregate"), "the aggregator does not work")

    aggregator.terminate()

    assert ended(aggregator, world) == 0
