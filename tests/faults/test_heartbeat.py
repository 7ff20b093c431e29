"""Work that takes longer than the visibility time-out: nobody else gets the message, or it counts once all the same."""

from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.servers.proxy import Proxy, Rule, error, slow
from tests.worlds import World

FILE = billing_file("slow.csv", seed=1)
TIMEOUT = 4  # seconds of visibility: a heartbeat comes each second, and may be late by three
LONG = 2.5 * TIMEOUT


def put_slowly(world: World, proxy: Proxy) -> Rule:
    """An object whose bytes come late, once, and whose message is the only one."""
    url = world.aws.queue_url
    world.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(TIMEOUT)})
    world.aws.sqs.purge_queue(QueueUrl=url)  # S3's test event
    world.put(FILE)
    return proxy.inject(Rule("GetObject", slow(LONG), 1))


def consume_while_another_looks(world: World, late: Rule) -> None:
    first = world.start("consume", "--drain")
    until(lambda: late.injected, "the consumer does not begin")
    second = world.start("consume", "--drain", BILLSTREAM_POLL_SECONDS="1")
    for consumer in (first, second):
        consumer.communicate(timeout=PATIENCE)
        assert consumer.returncode == 0, world.log()
    assert late.injected == 1


def received(world: World) -> int:
    """How often a message was received, by all consumers together."""
    return sum(int(str(line["messages"])) for line in world.events("batch_processed"))


def test_a_message_that_is_worked_on_is_shown_to_nobody_else(world: World, proxy: Proxy) -> None:
    late = put_slowly(world, proxy)

    consume_while_another_looks(world, late)

    assert proxy.seen["ChangeMessageVisibilityBatch"] >= LONG // TIMEOUT
    assert received(world) == 1
    assert world.events("object_duplicate") == []
    world.assert_holds([FILE])


def test_a_heartbeat_that_nobody_hears_costs_a_duplicate_and_no_more(world: World, proxy: Proxy) -> None:
    late = put_slowly(world, proxy)
    deaf = proxy.inject(Rule("ChangeMessageVisibilityBatch", error(500, "InternalFailure"), 1000))

    consume_while_another_looks(world, late)

    assert deaf.injected
    assert world.events("heartbeat_failed")
    assert received(world) == 2
    assert len(world.events("object_loaded")) == 1
    assert len(world.events("object_duplicate")) == 1
    world.assert_holds([FILE])


def test_a_message_that_is_ours_no_more_is_let_go(world: World, proxy: Proxy) -> None:
    late = put_slowly(world, proxy)
    consumer = world.start("consume", "--drain")
    until(lambda: late.injected, "the consumer does not begin")

    world.aws.sqs.purge_queue(QueueUrl=world.aws.queue_url)
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 0, world.log()
    (abandoned,) = world.events("message_abandoned")
    assert abandoned["reason"] == "its receipt handle is not valid"
    assert proxy.seen["ChangeMessageVisibilityBatch"] == 1, "it is extended though it is not ours"
    world.assert_holds([FILE])
