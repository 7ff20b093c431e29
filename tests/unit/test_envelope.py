"""The body of a message: every form of S3 notifications, and whatever else a stranger may put into a queue."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.sqs.envelope import Reading, read_body

UNVERSIONED = {"key": "2026/bill.csv", "size": 10, "eTag": "abc", "sequencer": "0055AED6DCD90281E5"}


def record(name: str = "ObjectCreated:Put", bucket: str = "billing", **details: object) -> dict[str, Any]:
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "eventTime": "2026-03-14T09:26:53.589Z",
        "s3": {"bucket": {"name": bucket}, "object": {**UNVERSIONED, **details}},
    }


def raw(*records: object) -> str:
    return json.dumps({"Records": records or [record()]})


def through_sns(message: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:topic", "Message": message})


def eventbridge(name: str = "Object Created", details: dict[str, object] | None = None, **detail: object) -> str:
    details = {"key": "a b+c.csv", "size": 10, "etag": "abc", "sequencer": "0A"} | (details or {})
    content = {"version": "0", "bucket": {"name": "billing"}, "object": details, **detail}
    return json.dumps(
        {"source": "aws.s3", "detail-type": name, "time": "2026-03-14T09:26:53Z", "detail": content, "region": "x"}
    )


def only_event(reading: Reading) -> ObjectEvent:
    assert reading.ignored == ()
    (event,) = reading.events
    return event


def key_of(key: str) -> str:
    return only_event(read_body(raw(record(key=key)))).key


# -- the forms ---------------------------------------------------------------------------------------------


def test_a_notification_of_s3_is_read_in_full() -> None:
    assert only_event(read_body(raw(record(versionId="v1")), attempt=3)) == ObjectEvent(
        kind=EventKind.CREATED,
        bucket="billing",
        key="2026/bill.csv",
        event_name="ObjectCreated:Put",
        version_id="v1",
        etag="abc",
        sequencer="0055AED6DCD90281E5",
        size_bytes=10,
        event_time=datetime(2026, 3, 14, 9, 26, 53, 589000, tzinfo=UTC),
        attempt=3,
    )


@pytest.mark.parametrize("body", [through_sns(raw()), through_sns(through_sns(raw()))], ids=["once", "twice"])
def test_a_notification_through_sns_is_read_alike(body: str) -> None:
    assert read_body(body) == read_body(raw())


def test_an_event_of_eventbridge_is_read_in_full_and_its_key_is_plain() -> None:
    assert only_event(read_body(eventbridge(details={"version-id": "v1"}))) == ObjectEvent(
        kind=EventKind.CREATED,
        bucket="billing",
        key="a b+c.csv",
        event_name="ObjectCreated:EventBridge",
        version_id="v1",
        etag="abc",
        sequencer="0A",
        size_bytes=10,
        event_time=datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC),
    )


def test_eventbridge_through_sns_is_read_alike() -> None:
    assert read_body(through_sns(eventbridge())) == read_body(eventbridge())


@pytest.mark.parametrize(
    ("deletion", "suffix"), [("Permanently Deleted", "Delete"), ("Delete Marker Created", "DeleteMarkerCreated")]
)
@pytest.mark.parametrize(
    ("reason", "kind", "name"),
    [
        ("DeleteObject", EventKind.REMOVED, "ObjectRemoved"),
        ("Lifecycle Expiration", EventKind.EXPIRED, "LifecycleExpiration"),
    ],
)
def test_a_deletion_of_eventbridge_tells_a_marker_from_a_removal_and_a_rule_from_a_person(
    reason: str, kind: EventKind, name: str, deletion: str, suffix: str
) -> None:
    detail: dict[str, Any] = {"reason": reason, "deletion-type": deletion}
    event = only_event(read_body(eventbridge("Object Deleted", **detail)))
    assert (event.kind, event.event_name) == (kind, f"{name}:{suffix}")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ObjectCreated:Put", EventKind.CREATED),
        ("s3:ObjectCreated:CompleteMultipartUpload", EventKind.CREATED),
        ("ObjectCreated:Copy", EventKind.CREATED),
        ("ObjectRemoved:Delete", EventKind.REMOVED),
        ("ObjectRemoved:DeleteMarkerCreated", EventKind.REMOVED),
        ("LifecycleExpiration:Delete", EventKind.EXPIRED),
        ("s3:LifecycleExpiration:DeleteMarkerCreated", EventKind.EXPIRED),
    ],
)
def test_an_event_name_tells_what_happened_with_or_without_its_prefix(name: str, kind: EventKind) -> None:
    event = only_event(read_body(raw(record(name))))
    assert (event.kind, event.event_name) == (kind, name.removeprefix("s3:"))


def test_the_test_event_of_s3_is_ignored_by_name() -> None:
    body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "billing"})
    assert read_body(body) == Reading(ignored=("s3:TestEvent",))
    assert read_body(through_sns(body)) == Reading(ignored=("s3:TestEvent",))


@pytest.mark.parametrize(
    "name",
    [
        "LifecycleTransition",
        "ObjectRestore:Completed",
        "Replication:OperationFailedReplication",
        "ObjectTagging:Put",
        "ObjectAcl:Put",
        "IntelligentTiering",
        "ReducedRedundancyLostObject",
    ],
)
def test_events_that_change_no_billing_data_are_ignored_by_name(name: str) -> None:
    assert read_body(raw(record(name))) == Reading(ignored=(name,))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (eventbridge("Object Restore Completed"), "Object Restore Completed (no reason)"),
        (eventbridge("AWS API Call via CloudTrail"), "AWS API Call via CloudTrail (no reason)"),
    ],
)
def test_what_eventbridge_tells_beside_creation_and_deletion_is_ignored_with_its_reason(body: str, reason: str) -> None:
    assert read_body(body) == Reading(ignored=(reason,))


def test_several_records_of_one_body_are_told_apart() -> None:
    foreign = {"eventSource": "aws:sqs", "body": "{}"}
    reading = read_body(raw(record(key="a.csv"), foreign, record("ObjectRestore:Post"), record(key="b.csv")))
    assert [event.key for event in reading.events] == ["a.csv", "b.csv"]
    assert reading.ignored == ("not an S3 event", "ObjectRestore:Post")


# -- the parts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b.csv", "a b.csv"),
        ("a%20b.csv", "a b.csv"),
        ("a%2Bb.csv", "a+b.csv"),
        ("year%3D2026/month%3d03/x.csv", "year=2026/month=03/x.csv"),
        ("%E6%97%A5%E6%9C%AC.csv", "日本.csv"),
        ("日本.csv", "日本.csv"),
        ("100%.csv", "100%.csv"),
        ("a%2525.csv", "a%25.csv"),
        ("a%0Ab.csv", "a\nb.csv"),
        ("../../etc/passwd.csv", "../../etc/passwd.csv"),
        ("%27%3B+DROP+TABLE+charges%3B--.csv", "'; DROP TABLE charges;--.csv"),
    ],
)
def test_keys_of_s3_are_decoded_once(encoded: str, key: str) -> None:
    assert key_of(encoded) == key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_every_key_survives_its_encoding(key: str) -> None:
    encoded = "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in key.encode())
    assert key_of(encoded) == key


def test_a_key_that_is_no_utf8_is_unreadable() -> None:
    event = only_event(read_body(raw(record(key="a%FFb.csv"))))
    assert (event.kind, event.problem) == (EventKind.UNREADABLE, "The key 'a%FFb.csv' does not decode to UTF-8.")


@pytest.mark.parametrize(("length", "kind"), [(1024, EventKind.CREATED), (1025, EventKind.UNREADABLE)])
def test_a_key_is_as_long_as_s3_lets_it_be(length: int, kind: EventKind) -> None:
    assert only_event(read_body(raw(record(key="k" * length)))).kind is kind
    assert only_event(read_body(eventbridge(details={"key": "é" * (length // 2) + "k" * (length % 2)}))).kind is kind


@pytest.mark.parametrize("version_id", [None, "null", "", 7, ["v"]])
def test_an_object_without_a_version_has_none(version_id: object) -> None:
    assert only_event(read_body(raw(record(versionId=version_id)))).version_id is None
    assert only_event(read_body(eventbridge(details={"version-id": version_id}))).version_id is None


@pytest.mark.parametrize(("etag", "expected"), [('"abc"', "abc"), ("abc", "abc"), ('""', None), ("", None), (5, None)])
def test_an_etag_is_kept_without_its_quotes(etag: object, expected: str | None) -> None:
    event = only_event(read_body(raw(record(eTag=etag))))
    assert event.etag == expected
    assert event.has_identity is (expected is not None)


@pytest.mark.parametrize("size", [-1, True, 1.5, "10", None, 10**30])
def test_an_impossible_size_is_ignored(size: object) -> None:
    assert only_event(read_body(raw(record(size=size)))).size_bytes is None


@pytest.mark.parametrize(
    "time",
    [
        None,
        5,
        "yesterday",
        "2026-03-14T09:26:53",  # whose?
        "0001-01-01T00:00:00+10:00",  # before the first day that Python knows
        "9999-12-31T23:59:59-10:00",
    ],
)
def test_an_invalid_time_is_ignored(time: object) -> None:
    assert only_event(read_body(raw({**record(), "eventTime": time}))).event_time is None


def test_times_are_in_utc() -> None:
    event = only_event(read_body(raw({**record(), "eventTime": "2026-03-14T01:00:00+02:00"})))
    assert event.event_time == datetime(2026, 3, 13, 23, tzinfo=UTC)
    assert str(event.event_time) == "2026-03-13 23:00:00+00:00"


# -- unreadable messages -----------------------------------------------------------------------------------


def without(path: str) -> str:
    content = json.loads(raw())
    *way, last = path.split(".")
    part = content["Records"][0]
    for step in way:
        part = part[step]
    del part[last]
    return json.dumps(content)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "not JSON"),
        ("Hello", "not JSON"),
        ('{"Records": [', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5_000, "not JSON"),
        (through_sns("Hello"), "not JSON"),
        (without("s3"), "no 's3'"),
        (without("s3.bucket"), "no 'bucket'"),
        (without("s3.object"), "no 'object'"),
        (without("s3.bucket.name"), "no bucket"),
        (without("s3.object.key"), "no key"),
        (raw(record(bucket="")), "no bucket"),
        (raw(record(bucket="file:")), "no bucket"),
        (raw(record(bucket="..")), "no bucket"),
        (raw(record(bucket="message:")), "no bucket"),
        (raw(record(bucket="a/b")), "no bucket"),
        (raw(record(bucket="x" * 256)), "no bucket"),
        (raw(record(key="")), "no key"),
        (raw(record(key=["a.csv"])), "no key"),
        (raw(record(key="\ud800.csv")), "no key"),
        (eventbridge(details={"key": "\udfff.csv"}), "no key"),
        (json.dumps({"source": "aws.s3", "detail-type": "Object Created"}), "no 'detail'"),
    ],
)
def test_a_broken_event_is_returned_whole_with_the_reason(body: str, problem: str) -> None:
    event = only_event(read_body(body))
    assert event.kind is EventKind.UNREADABLE
    assert event.body == body
    assert problem in str(event.problem)


def test_an_unreadable_body_is_identified_by_its_digest() -> None:
    first, again = only_event(read_body("Hello")), only_event(read_body("Hello", attempt=4))
    assert first.scope == again.scope == f"message://{first.key}"
    assert len(first.key) == 64
    assert only_event(read_body("Hello!")).scope != first.scope


def test_an_unreadable_record_does_not_stop_the_others() -> None:
    reading = read_body(raw(record(key="a.csv"), record(key=""), record(key="b.csv")))
    assert [event.kind.value for event in reading.events] == ["created", "unreadable", "created"]
    assert reading.events[1].body == raw(record(key="a.csv"), record(key=""), record(key="b.csv"))


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        "1",
        '"text"',
        "{}",
        '{"Records": {}}',
        '{"Records": [1]}',
        '{"Type": "Notification"}',
        json.dumps({"source": "aws.ec2", "detail-type": "Object Created"}),
    ],
)
def test_json_that_is_no_event_is_ignored(body: str) -> None:
    assert read_body(body) == Reading(ignored=("not an S3 event",))


def test_wrapping_has_an_end() -> None:
    body = raw()
    for _ in range(3):
        body = through_sns(body)
    assert read_body(body) == Reading(ignored=("not an S3 event",))


@pytest.mark.parametrize("field", ["eTag", "versionId", "sequencer"])
def test_half_a_character_in_a_part_is_no_part(field: str) -> None:
    event = only_event(read_body(raw(record(**{field: "a\ud800"}))))
    assert "a\ud800" not in (event.etag, event.version_id, event.sequencer)
    assert event.kind is EventKind.CREATED


# -- any text at all ---------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
WORDS = {
    "Records", "eventSource", "eventName", "eventTime", "s3", "bucket", "name", "object", "key", "versionId", "eTag",
    "sequencer", "size", "Type", "Message", "Event", "source", "detail-type", "detail", "reason", "deletion-type",
    "time", "version-id", "etag",
}  # fmt: skip
known_values = st.sampled_from(
    [
        "aws:s3",
        "aws.s3",
        "Notification",
        "ObjectCreated:Put",
        "ObjectRemoved:Delete",
        "Object Created",
        "Object Deleted",
    ]
)
lookalikes = st.recursive(
    json_values | known_values,
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(sorted(WORDS)), children, max_size=6)
    ),
    max_leaves=12,
)


def assert_safe(reading: Reading) -> None:
    """Every text in a reading can be stored, and every number fits."""
    for event in reading.events:
        for text in (event.bucket, event.key, event.event_name, event.version_id, event.etag, event.sequencer):
            (text or "").encode()
        (event.body or "").encode()
        assert event.size_bytes is None or 0 <= event.size_bytes < 2**63
        assert event.body is not None if event.kind is EventKind.UNREADABLE else event.key


@given(st.text(st.characters()))
def test_no_text_is_too_strange_to_read(body: str) -> None:
    assert_safe(read_body(body))


@given(lookalikes)
@settings(max_examples=200)
def test_no_json_is_too_strange_to_read(content: object) -> None:
    assert_safe(read_body(json.dumps(content)))


@given(lookalikes, st.sampled_from(["eventName", "eventTime", "s3"]))
@settings(max_examples=200)
def test_a_record_with_any_part_replaced_is_read(part: object, name: str) -> None:
    assert_safe(read_body(raw({**record(), name: part})))


@given(lookalikes, st.sampled_from(["bucket", "object"]))
@settings(max_examples=200)
def test_an_s3_part_with_any_part_replaced_is_read(part: object, name: str) -> None:
    content = record()
    content["s3"][name] = part
    assert_safe(read_body(raw(content)))


@pytest.mark.parametrize("depth", [50, 300, 900, 950, 970, 980, 990, 1_000, 3_000, 50_000])
def test_nesting_of_any_depth_is_read_in_any_part(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for name in ("eventName", "eventTime", "s3", "eventSource"):
        assert_safe(
            read_body(json.dumps({"Records": [{**record(), name: 0}]}).replace(f'"{name}": 0', f'"{name}": {nested}'))
        )
    assert_safe(read_body(f'{{"source": "aws.s3", "detail-type": {nested}, "detail": {{"reason": {nested}}}}}'))


# -- events as others recorded them ------------------------------------------------------------------------

CREATED, REMOVED = EventKind.CREATED, EventKind.REMOVED
FOREIGN = "not an S3 event"
GO = "aws_lambda_go/events/testdata"
JAVA = "lambda_java_libs/aws-lambda-java-tests/src/test/resources"
TOOLS = "powertools_python/tests/events"
SAM = "sam_cli/samcli/lib/generated_sample_events"

# For each file the (kind, bucket, key) of its events, or the reasons why there are none.
RECORDED: dict[str, list[Any]] = {
    f"{GO}/cloudwatch-logs-event.json": [FOREIGN],
    f"{GO}/s3-batch-job-event-request-1.0.json": [FOREIGN],
    f"{GO}/s3-batch-job-event-request-2.0.json": [FOREIGN],
    f"{GO}/s3-batch-job-event-response.json": [FOREIGN],
    f"{GO}/s3-event-with-decoded.json": [(CREATED, "sourcebucket", "Happy Face.jpg")],
    f"{GO}/s3-event.json": [(CREATED, "sourcebucket", "Happy Face.jpg")],
    f"{GO}/s3-glacier-event.json": ["ObjectRestore:Completed"],
    f"{GO}/s3-intelligenttier-event.json": ["IntelligentTiering:TransitionAccess"],
    f"{GO}/s3-lifecycle-event.json": ["LifecycleTransition"],
    f"{GO}/s3-object-lambda-event-get-object-assumed-role.json": [FOREIGN],
    f"{GO}/s3-object-lambda-event-get-object-iam.json": [FOREIGN],
    f"{GO}/s3-object-lambda-event-head-object-iam.json": [FOREIGN],
    f"{GO}/s3-object-lambda-event-list-objects-iam.json": [FOREIGN],
    f"{GO}/s3-object-lambda-event-list-objects-v2-iam.json": [FOREIGN],
    f"{GO}/s3-replication-event.json": ["Replication:OperationFailedReplication"],
    f"{GO}/s3-restore-event.json": ["ObjectRestore:Completed"],
    f"{GO}/sns-event.json": [FOREIGN],
    f"{GO}/sqs-event.json": [FOREIGN],
    f"{JAVA}/s3_batch_event.json": [FOREIGN],
    f"{JAVA}/s3_batch_event_v2.json": [FOREIGN],
    f"{JAVA}/s3_event.json": [(CREATED, "example-bucket", "test/key")],
    f"{JAVA}/s3_object_lambda_event.json": [FOREIGN],
    f"{JAVA}/sns_event.json": [FOREIGN],
    f"{JAVA}/sqs/sqs_event_nobody.json": [FOREIGN],
    f"{JAVA}/sqs/sqs_event_product.json": [FOREIGN],
    f"{TOOLS}/eventBridgeEvent.json": [FOREIGN],
    f"{TOOLS}/s3BatchOperationEventSchemaV1.json": [FOREIGN],
    f"{TOOLS}/s3BatchOperationEventSchemaV2.json": [FOREIGN],
    f"{TOOLS}/s3Event.json": [
        (CREATED, "lambda-artifacts-deafc19498e3f2df", "b21b84d653bb07b05b1e6b33684dc11b"),
    ],
    f"{TOOLS}/s3EventBridgeNotificationObjectCreatedEvent.json": [(CREATED, "example-bucket", "IMG_m7fzo3.jpg")],
    f"{TOOLS}/s3EventBridgeNotificationObjectDeletedEvent.json": [(REMOVED, "example-bucket", "IMG_m7fzo3.jpg")],
    f"{TOOLS}/s3EventBridgeNotificationObjectExpiredEvent.json": [
        (EventKind.EXPIRED, "example-bucket", "IMG_m7fzo3.jpg")
    ],
    f"{TOOLS}/s3EventBridgeNotificationObjectRestoreCompletedEvent.json": ["Object Restore Completed (no reason)"],
    f"{TOOLS}/s3EventDecodedKey.json": [(CREATED, "sourcebucket", "Happy Face.jpg")],
    f"{TOOLS}/s3EventDeleteObject.json": [
        (REMOVED, "lambda-artifacts-deafc19498e3f2df", "b21b84d653bb07b05b1e6b33684dc11b"),
    ],
    f"{TOOLS}/s3EventGlacier.json": [
        (CREATED, "lambda-artifacts-deafc19498e3f2df", "b21b84d653bb07b05b1e6b33684dc11b"),
    ],
    f"{TOOLS}/s3ObjectEventIAMUser.json": [FOREIGN],
    f"{TOOLS}/s3ObjectEventTempCredentials.json": [FOREIGN],
    f"{TOOLS}/s3SqsEvent.json": [FOREIGN],
    f"{TOOLS}/snsSqsEvent.json": [FOREIGN],
    f"{TOOLS}/snsSqsFifoEvent.json": [FOREIGN],
    f"{TOOLS}/sqsDlqTriggerEvent.json": [FOREIGN],
    f"{TOOLS}/sqsEvent.json": [FOREIGN, FOREIGN],
    f"{SAM}/event-mapping.json": [FOREIGN],
    f"{SAM}/events/s3/S3BatchInvocation.json": [FOREIGN],
    f"{SAM}/events/s3/S3Delete.json": ["unreadable: no bucket"],  # templates: the bucket is {{{bucket}}}
    f"{SAM}/events/s3/S3Put.json": ["unreadable: no bucket"],
    f"{SAM}/events/sns/Sns.json": [FOREIGN],
    f"{SAM}/events/sqs/Sqs.json": [FOREIGN],
}
# The bodies inside the events of a Lambda function: messages of a queue or a topic.
INNER: dict[str, list[Any]] = {
    f"{GO}/sns-event.json": ["unreadable: not JSON"],
    f"{GO}/sqs-event.json": ["unreadable: not JSON"],
    f"{JAVA}/sns_event.json": [FOREIGN],
    f"{JAVA}/sqs/sqs_event_product.json": [FOREIGN],
    f"{TOOLS}/s3SqsEvent.json": [(CREATED, "xxx", "test.pdf")],
    f"{TOOLS}/snsSqsEvent.json": [FOREIGN],
    f"{TOOLS}/snsSqsFifoEvent.json": [FOREIGN],
    f"{TOOLS}/sqsDlqTriggerEvent.json": ["unreadable: not JSON"],
    f"{TOOLS}/sqsEvent.json": ["unreadable: not JSON", FOREIGN],
    f"{SAM}/events/sns/Sns.json": ["unreadable: not JSON"],
    f"{SAM}/events/sqs/Sqs.json": ["unreadable: not JSON"],
}


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> dict[str, str]:
    folder = shared_data / "s3_events"
    if not folder.is_dir():
        pytest.skip("no recorded events")
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.json")}


def assert_reads(reading: Reading, expected: list[Any]) -> None:
    said: list[Any] = [
        f"unreadable: {event.problem}" if event.kind is EventKind.UNREADABLE else (event.kind, event.bucket, event.key)
        for event in reading.events
    ] + list(reading.ignored)
    assert len(said) == len(expected)
    for mine, theirs in zip(said, expected, strict=True):
        if isinstance(theirs, str) and theirs.startswith("unreadable: "):
            assert mine.startswith("unreadable: ")
            assert theirs.removeprefix("unreadable: ") in mine
        else:
            assert mine == theirs


def inner_bodies(content: dict[str, Any]) -> list[str]:
    records = [part for part in content.get("Records", []) if isinstance(part, dict)]
    found = [part.get("body") or part.get("Sns", {}).get("Message") for part in records]
    return [body for body in found if isinstance(body, str)]


def test_every_recorded_event_has_its_expectation(recorded: dict[str, str]) -> None:
    assert set(recorded) == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_event_is_read_as_expected(name: str, recorded: dict[str, str]) -> None:
    assert_reads(read_body(recorded[name]), RECORDED[name])


@pytest.mark.parametrize("name", RECORDED)
def test_a_body_inside_a_recorded_event_is_read_as_expected(name: str, recorded: dict[str, str]) -> None:
    content = json.loads(recorded[name])
    bodies = inner_bodies(content) if isinstance(content, dict) else []
    expected = INNER.get(name, [])
    assert len(bodies) == len(expected)
    for body, said in zip(bodies, expected, strict=True):
        assert_reads(read_body(body), [said])
