"""Errors of AWS: retried, quarantined or fatal, by the error code and by the owner of the bucket."""

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)
from urllib3.exceptions import ProtocolError

from billstream.common.aws import unanswered
from billstream.common.errors import BillstreamError, Denied, Fatal, ObjectMissing, Poison, ServiceUnavailable
from billstream.common.lake.storage import S3Storage
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.errors import Ownership, translated
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.s3.objects import S3Objects
from billstream.consumer.sqs.dead_letters import DeadLetter, DeadLetterQueue
from billstream.consumer.sqs.notifications import Notifications
from billstream.consumer.sqs.queue import SqsQueue
from billstream.consumer.sqs.queue import translated as refused_by_sqs

OURS, FOREIGN, ANY = Ownership("ours"), Ownership("another"), Ownership()

# code, HTTP status: if the bucket is ours, if it is not, if no bucket is configured
CASES: list[tuple[str, int, type[BillstreamError], type[BillstreamError], type[BillstreamError]]] = [
    ("AccessDenied", 403, Denied, Poison, Denied),
    ("403", 403, Denied, Poison, Denied),
    ("AllAccessDisabled", 403, Denied, Poison, Denied),
    ("NoSuchBucket", 404, Fatal, Poison, Poison),
    ("PermanentRedirect", 301, Fatal, Poison, Poison),
    ("AuthorizationHeaderMalformed", 400, Fatal, Poison, Poison),
    ("InvalidObjectState", 403, Poison, Poison, Poison),
    ("InvalidArgument", 400, Poison, Poison, Poison),
    ("InvalidRequest", 400, Poison, Poison, Poison),
    ("KMS.DisabledException", 400, Poison, Poison, Poison),
    ("ExpiredToken", 400, Fatal, Fatal, Fatal),
    ("InvalidAccessKeyId", 403, Fatal, Fatal, Fatal),
    ("SignatureDoesNotMatch", 403, Fatal, Fatal, Fatal),
    ("NoSuchKey", 404, ObjectMissing, ObjectMissing, ObjectMissing),
    ("NoSuchVersion", 404, ObjectMissing, ObjectMissing, ObjectMissing),
    ("MethodNotAllowed", 405, ObjectMissing, ObjectMissing, ObjectMissing),
    ("SlowDown", 503, ServiceUnavailable, ServiceUnavailable, ServiceUnavailable),
    ("RequestTimeTooSkewed", 403, ServiceUnavailable, ServiceUnavailable, ServiceUnavailable),
    ("ANewOne", 500, ServiceUnavailable, ServiceUnavailable, ServiceUnavailable),
    ("ANewOne", 400, Fatal, Poison, Fatal),
]


def refusal(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "status", "ours", "foreign", "unconfigured"), CASES)
def test_a_refusal_is_poison_or_fatal_or_retryable(
    code: str,
    status: int,
    ours: type[BillstreamError],
    foreign: type[BillstreamError],
    unconfigured: type[BillstreamError],
) -> None:
    for ownership, expected in ((OURS, ours), (FOREIGN, foreign), (ANY, unconfigured)):
        found = translated(refusal(code, status), "GET s3://ours/k", "ours", ownership)
        assert type(found) is expected, (ownership, found)
        assert str(found).startswith(f"GET s3://ours/k: {code}")


@pytest.mark.parametrize(
    ("code", "ownership", "words"),
    [
        ("InvalidObjectState", OURS, "archived; restore it, then `billstream quarantine reload`"),
        ("InvalidRequest", OURS, "SSE-C"),
        ("AccessDenied", FOREIGN, "the bucket ours is not ours (BILLSTREAM_BUCKET is another)"),
        ("AccessDenied", OURS, "s3:GetObjectVersion"),
        ("AccessDenied", OURS, "Without s3:ListBucket S3 answers the same for an object that does not exist"),
        ("ExpiredToken", OURS, "renew them"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, ownership: Ownership, words: str) -> None:
    assert words in str(translated(refusal(code, 403), "GET s3://ours/k", "ours", ownership))


def test_missing_credentials_are_fatal_and_a_missing_answer_is_retryable() -> None:
    for error in (NoCredentialsError(), NoRegionError()):
        assert isinstance(unanswered(error, "GET"), Fatal)
    assert "AWS_ACCESS_KEY_ID" in str(unanswered(NoCredentialsError(), "GET"))
    for silence in (EndpointConnectionError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")):
        assert isinstance(unanswered(silence, "GET"), ServiceUnavailable)


def test_refused_credentials_are_fatal_for_sqs_too() -> None:
    for code in ("ExpiredToken", "InvalidClientTokenId"):
        assert isinstance(refused_by_sqs(refusal(code, 403), "receiving"), Fatal)
    assert isinstance(refused_by_sqs(refusal("RequestThrottled", 403), "receiving"), ServiceUnavailable)


class TornOff:
    """A client whose every call raises an error of urllib3 that botocore does not translate."""

    def __getattr__(self, _call: str) -> Callable[..., Any]:
        return self._call

    def _call(self, *_: object, **__: object) -> None:
        raise ProtocolError("Connection broken")

    def get_paginator(self, _operation: str) -> "TornOff":
        return self


LETTER = DeadLetter("id", "receipt", "{}", 1, None)
EVENT = ObjectEvent(kind=EventKind.CREATED, bucket="b", key="k", event_name="ObjectCreated:Put")
TORN: Any = TornOff()
CALLS: dict[str, Callable[[], object]] = {
    "list": lambda: list(Bucket(TORN, "b").pages()),
    "send": lambda: Notifications(TORN, "url").send([EVENT]),
    "find the dead letters": lambda: DeadLetterQueue.of(SqsQueue(TORN, "url"), TORN),
    "read the dead letters": lambda: DeadLetterQueue(TORN, "url", "arn").peek(1),
    "delete dead letters": lambda: DeadLetterQueue(TORN, "url", "arn").delete([LETTER]),
    "ask what is current": lambda: S3Objects(TORN).current(EVENT),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_broken_connection_is_retryable(call: Callable[[], object]) -> None:
    with pytest.raises(ServiceUnavailable, match="Connection broken"):
        call()


def test_a_staged_file_that_cannot_be_removed_is_left_with_a_log_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.aws.s3_client", lambda: TORN)
    with structlog.testing.capture_logs() as logs:
        S3Storage("s3://lake/").discard("s3://lake/main/charges/staged.parquet")
    assert [line["event"] for line in logs] == ["staged_file_left"]
