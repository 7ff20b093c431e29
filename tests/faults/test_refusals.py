"""S3 does not hand an object out: the others are loaded, the consumer goes on, and the ledger says what to do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.common import aws as clients
from billstream.common.errors import Denied, Fatal, Poison, ServiceUnavailable
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.errors import Ownership
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.s3.objects import S3Objects
from tests.e2e.billing import billing_file
from tests.servers.aws import AwsEnvironment
from tests.servers.proxy import Proxy, Rule, error, garbled
from tests.worlds import World, new_world

GOOD, BAD = billing_file("good.csv", seed=1), billing_file("bad.csv", seed=2)
ALWAYS = 1000


@pytest.fixture
def world(aws: AwsEnvironment, proxy: Proxy, tmp_path: Path) -> Iterator[World]:
    """A consumer that knows which bucket is its own."""
    more = {"AWS_ENDPOINT_URL": proxy.endpoint_url, "BILLSTREAM_BUCKET": aws.bucket}
    with new_world(tmp_path / "home", aws, **more) as world:
        yield world


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "InvalidObjectState", "restore it"),
        (400, "InvalidArgument", "names an invalid version"),
        (400, "InvalidRequest", "SSE-C"),
    ],
)
def test_an_object_that_cannot_be_read_is_quarantined_and_loaded_after_a_reload(
    world: World, proxy: Proxy, status: int, code: str, words: str
) -> None:
    world.put(GOOD, BAD)
    rule = proxy.inject(Rule("GetObject", error(status, code), 1, "*/bad.csv*"))

    world.drain()

    assert rule.injected == 1
    assert world.depth() == 0
    [(state, reason)] = world.lake.rows("SELECT state, reason FROM ledger WHERE key = 'bad.csv'")
    assert state == "quarantined"
    assert code in reason
    assert words in reason
    world.billstream.run("quarantine", "reload", "bad.csv")
    world.assert_holds([GOOD, BAD])


def test_a_bucket_that_is_not_ours_stops_nobody(world: World) -> None:
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "nobody-knows-it"}, "object": {"key": "bill.csv", "sequencer": "1"}},
    }
    world.aws.sqs.send_message(QueueUrl=world.aws.queue_url, MessageBody=json.dumps({"Records": [record]}))
    world.put(GOOD)

    summary = world.drain()

    assert summary.outcomes["refused"] == 1
    assert world.lake.rows("SELECT key FROM ledger") == [(GOOD.key,)]
    world.assert_holds([GOOD])


def test_a_permission_that_is_missing_on_our_own_bucket_ends_the_consumer_and_the_message_stays(
    world: World, proxy: Proxy
) -> None:
    world.put(GOOD)
    rule = proxy.inject(Rule("GetObject", error(403, "AccessDenied"), ALWAYS))
    with pytest.raises(Fatal, match="s3:ListBucket"):
        world.drain()
    assert rule.injected
    assert world.lake.rows("FROM ledger") == []
    rule.times = 0
    world.drain()
    world.assert_holds([GOOD])


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "ExpiredToken", Fatal),
        (400, "InvalidRequest", Poison),
        (403, "AccessDenied", Denied),
    ],
)
def test_an_answer_to_a_head_has_no_words_so_a_get_is_asked(
    world: World, proxy: Proxy, status: int, code: str, expected: type[Exception]
) -> None:
    world.put(GOOD)
    event = ObjectEvent(kind=EventKind.CREATED, bucket=world.aws.bucket, key=GOOD.key, event_name="ObjectCreated:Put")
    rule = proxy.inject(Rule("*Object", error(status, code), ALWAYS))
    with pytest.raises(expected, match=code):
        S3Objects(clients.s3_client(), Ownership(world.aws.bucket)).current(event)
    assert rule.injected


def test_a_listing_that_is_none_is_waited_for(world: World, proxy: Proxy) -> None:
    """A gateway on the way answers in the place of S3, in words that botocore cannot read."""
    rule = proxy.inject(Rule("List", garbled(), ALWAYS))
    with pytest.raises(ServiceUnavailable, match="listing the bucket"):
        list(Bucket(clients.s3_client(), world.aws.bucket).pages())
    assert rule.injected
