"""No property of one object stops another: real commands, S3 and SQS, and both catalogs."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.common.errors import Fatal
from billstream.consumer.quarantine import quarantined
from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.servers.aws import AwsEnvironment
from tests.servers.proxy import Proxy, Rule, error
from tests.worlds import World, new_world

GOOD = [billing_file(f"good/{number}.csv", seed=number) for number in range(30)]
BAD = billing_file("denied.csv", seed=99)
ALWAYS = 10_000


@pytest.fixture(params=["sqlite", "postgres"])
def any_world(request: pytest.FixtureRequest, aws: AwsEnvironment, proxy: Proxy, tmp_path: Path) -> Iterator[World]:
    """A consumer that knows which bucket is its own, on each catalog."""
    catalog = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    more = {"AWS_ENDPOINT_URL": proxy.endpoint_url, "BILLSTREAM_BUCKET": aws.bucket}
    with new_world(tmp_path / "home", aws, catalog, **more) as world:
        yield world


def test_one_denied_object_beside_thirty_good_ones(any_world: World, proxy: Proxy) -> None:
    world = any_world
    deny = proxy.inject(Rule("*Object", error(403, "AccessDenied"), ALWAYS, "*/denied.csv*"))
    world.put(*GOOD, BAD)
    consumer = world.start("consume", "--drain")
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 0, world.log()
    assert deny.injected
    assert (world.depth(), world.dead_letters()) == (0, 0)
    (line,) = world.events("object_denied")
    assert (line["level"], line["scope"]) == ("warning", f"s3://{world.aws.bucket}/denied.csv")
    assert "kms:Decrypt" in str(line["reason"])
    assert [(item.key, item.state) for item in quarantined(world.lake)] == [("denied.csv", "denied")]
    deny.times = 0
    world.billstream.run("quarantine", "reload", "denied.csv")
    world.assert_holds([*GOOD, BAD])


def test_where_nothing_of_the_bucket_can_be_read_the_consumer_ends_and_nothing_is_lost(
    any_world: World, proxy: Proxy
) -> None:
    """The permission is lost in mid-run: what was loaded before is no proof that others can be read."""
    world = any_world
    world.put(GOOD[0])
    world.drain()
    deny = proxy.inject(Rule("*Object", error(403, "AccessDenied"), ALWAYS, f"/{world.aws.bucket}/*"))
    world.put(*GOOD[1:4])
    with pytest.raises(Fatal, match=f"No other object of the bucket {world.aws.bucket} can be read"):
        world.drain()
    assert deny.injected
    assert world.lake.rows("SELECT DISTINCT state FROM ledger") == [("loaded",)]
    deny.times = 0
    world.drain()
    world.assert_holds(GOOD[:4])


def test_each_objects_line_tells_its_lag_and_how_long_it_took(world: World) -> None:
    world.put(GOOD[0])
    consumer = world.start("consume", "--drain")
    consumer.communicate(timeout=PATIENCE)
    (line,) = world.events("object_loaded")
    assert float(str(line["lag_seconds"])) >= 0
    assert float(str(line["seconds"])) > 0


def test_an_object_that_kills_the_process_takes_no_other_along(world: World, proxy: Proxy) -> None:
    """Killed from outside whenever it fetches one object, as by the kernel when memory runs out."""
    policy = {"deadLetterTargetArn": world.aws.queue_arn(world.aws.dlq_url), "maxReceiveCount": "12"}
    world.aws.sqs.set_queue_attributes(
        QueueUrl=world.aws.queue_url, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "1"}
    )
    running: list[int] = []

    def kill(_exchange: object) -> None:
        os.kill(running[-1], signal.SIGKILL)

    pill = proxy.inject(Rule("GetObject", kill, ALWAYS, "*/denied.csv*"))
    world.put(BAD, *GOOD[:9])
    killed = 0
    while world.lake.rows("SELECT count(*) FROM ledger WHERE state = 'loaded'") != [(9,)]:
        consumer = world.start("consume", "--drain")
        running.append(consumer.pid)
        consumer.communicate(timeout=PATIENCE)
        assert consumer.returncode == -signal.SIGKILL
        killed += 1
    assert pill.injected >= killed >= 1
    assert world.dead_letters() == 0


@pytest.mark.parametrize("command", ["consume", "aggregate"])
def test_a_service_waits_for_its_servers_and_a_signal_ends_the_wait(
    any_world: World, command: str, request: pytest.FixtureRequest
) -> None:
    if "postgres" not in request.node.callspec.id and command == "aggregate":
        pytest.skip("a lake of files has no server")
    away = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    if "postgres" in request.node.callspec.id:
        away = {"BILLSTREAM_CATALOG": "postgresql://nobody@127.0.0.1:9/lake"}
    service = any_world.start(command, **away)
    until(lambda: len(any_world.events("dependency_awaited", command)) >= 2, "it does not wait")
    assert service.poll() is None
    service.terminate()
    service.communicate(timeout=20)
    assert service.returncode == 0, any_world.log(command)
    assert any_world.events("process_ended", command)
