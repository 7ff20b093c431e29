"""Errors of AWS: retried, quarantined or fatal, by the error code and by the owner of the bucket."""

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
    SSOTokenLoadError,
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
from billstream.consumer.sqs.queue import SqsQueue, described
from billstream.consumer.sqs.queue import translated as refused_by_sqs

OURS, FOREIGN, ANY = Ownership("ours"), Ownership("another"), Ownership()

# S3's documented error codes that an answer about an object, a bucket or a listing can have, by what they mean for us.
ABOUT_ONE_OBJECT = [
    ("InvalidArgument", 400),
    ("InvalidEncryptionAlgorithmError", 400),
    ("InvalidPayer", 403),
    ("InvalidRange", 416),
    ("InvalidURI", 400),
    ("KMS.InvalidKeyUsageException", 400),
    ("KMS.KMSInvalidStateException", 400),
    ("KMS.NotFoundException", 400),
    ("KeyTooLongError", 400),
]
PASSING = [
    ("307", 307),
    ("409", 409),
    ("429", 429),
    ("BandwidthLimitExceeded", 509),
    ("ConditionalRequestConflict", 409),
    ("ConnectionClosedByRequester", 400),
    ("IncompleteBody", 400),
    ("InternalError", 500),
    ("OperationAborted", 409),
    ("Redirect", 307),
    ("RequestExpired", 400),
    ("RequestLimitExceeded", 400),
    ("RequestTimeout", 400),
    ("ResponseInterrupted", 400),
    ("RestoreAlreadyInProgress", 409),
    ("ServiceUnavailable", 503),
    ("TemporaryRedirect", 307),
    ("ThrottlingException", 400),
    ("TooManyRequestsException", 400),
]
ABOUT_THE_BUCKET = [
    ("301", 301),
    ("EndpointNotFound", 400),
    ("IllegalLocationConstraintException", 400),
    ("IncorrectEndpoint", 400),
    ("InvalidAccessPoint", 400),
    ("InvalidAccessPointAliasError", 400),
    ("InvalidBucketName", 400),
    ("InvalidRegion", 403),
    ("NoSuchAccessPoint", 404),
    ("NoSuchMultiRegionAccessPoint", 404),
    ("PermanentRedirectControlError", 301),
]
ABOUT_THE_ACCOUNT = [
    ("AccountProblem", 403),
    ("MissingAuthenticationToken", 403),
    ("MissingSecurityHeader", 400),
    ("NotSignedUp", 403),
    ("UnauthorizedAccessError", 403),
    ("UnexpectedIPError", 403),
    ("UnsupportedSignature", 400),
]
ABOUT_THE_CREDENTIALS = [
    ("InvalidClientTokenId", 403),
    ("InvalidSecurity", 403),
    ("InvalidToken", 400),
    ("TokenRefreshRequired", 400),
]

# code, HTTP status: if the bucket is ours, if it is not, if no bucket is configured
CASES: list[tuple[str, int, type[BillstreamError], type[BillstreamError], type[BillstreamError]]] = [
    ("AccessDenied", 403, Denied, Poison, Denied),
    ("403", 403, Denied, Poison, Denied),
    ("AllAccessDisabled", 403, Denied, Poison, Denied),
    ("NoSuchBucket", 404, Fatal, Poison, Poison),
    ("PermanentRedirect", 301, Fatal, Poison, Poison),
    ("AuthorizationHeaderMalformed", 400, Fatal, Poison, Poison),
    ("InvalidObjectState", 403, Poison, Poison, Poison),
    *((code, status, Poison, Poison, Poison) for code, status in ABOUT_ONE_OBJECT),
    *((code, status, ServiceUnavailable, ServiceUnavailable, ServiceUnavailable) for code, status in PASSING),
    *((code, status, Fatal, Poison, Poison) for code, status in ABOUT_THE_BUCKET),
    *((code, status, Fatal, Poison, Fatal) for code, status in ABOUT_THE_ACCOUNT),
    *((code, status, Fatal, Fatal, Fatal) for code, status in ABOUT_THE_CREDENTIALS),
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
    ("NotImplemented", 501, Fatal, Poison, Fatal),
    ("InvalidBucketState", 409, Fatal, Poison, Fatal),
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
        assert isinstance(found, expected), (ownership, found)
        assert str(found).startswith(f"GET s3://ours/k: {code}")


@pytest.mark.parametrize(
    ("code", "ownership", "words"),
    [
        ("OperationAborted", OURS, "another operation on the same thing is at work"),
        ("TemporaryRedirect", OURS, "the bucket is new"),
        ("RequestExpired", OURS, "check the clock of this machine"),
        ("InvalidPayer", OURS, "disabled all access to it"),
        ("NoSuchBucket", OURS, "there is no bucket ours; asked as region us-east-1"),
        ("NotSignedUp", OURS, "not signed up for S3"),
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


# SQS's documented errors, in both of the forms in which they arrive, with words of the advice.
OF_SQS: list[tuple[str, type[BillstreamError], str]] = [
    ("KmsAccessDenied", Fatal, "Grant kms:Decrypt"),
    ("KMS.AccessDeniedException", Fatal, "Grant kms:Decrypt"),
    ("KmsDisabled", Fatal, "is disabled: enable it"),
    ("KMS.DisabledException", Fatal, "is disabled: enable it"),
    ("KmsInvalidKeyUsage", Fatal, "is not one for encryption"),
    ("KMS.InvalidKeyUsageException", Fatal, "is not one for encryption"),
    ("KmsInvalidState", Fatal, "pending deletion"),
    ("KMS.KMSInvalidStateException", Fatal, "pending deletion"),
    ("KmsNotFound", Fatal, "does not exist: set another key"),
    ("KMS.NotFoundException", Fatal, "does not exist: set another key"),
    ("KmsOptInRequired", Fatal, "sign up for it"),
    ("KMS.OptInRequired", Fatal, "sign up for it"),
    ("KmsANewOne", Fatal, "kms:Decrypt"),
    ("KmsThrottled", ServiceUnavailable, "KmsThrottled"),
    ("KMS.ThrottlingException", ServiceUnavailable, "KMS.ThrottlingException"),
    ("OverLimit", ServiceUnavailable, "too many messages are in flight"),
    ("RequestThrottled", ServiceUnavailable, "RequestThrottled"),
    ("ANewOne", ServiceUnavailable, "ANewOne"),
    ("AccessDenied", Fatal, "Grant sqs:ReceiveMessage"),
    ("InvalidAddress", Fatal, "Correct BILLSTREAM_QUEUE_URL"),
    ("InvalidSecurity", Fatal, "credentials"),
    ("UnsupportedOperation", Fatal, "a standard queue"),
    ("QueueDoesNotExist", Fatal, "Check BILLSTREAM_QUEUE_URL, AWS_REGION"),
    ("AWS.SimpleQueueService.NonExistentQueue", Fatal, "Check BILLSTREAM_QUEUE_URL, AWS_REGION"),
]


@pytest.mark.parametrize(("code", "kind", "words"), OF_SQS)
def test_a_refusal_of_sqs_says_what_to_do(code: str, kind: type[BillstreamError], words: str) -> None:
    where = described("https://sqs.eu-west-1.amazonaws.com/123456789012/bills")
    found = refused_by_sqs(refusal(code, 400), "receiving", where=where)
    assert isinstance(found, kind)
    assert words in str(found)
    assert "init --aws" not in str(found)
    if kind is Fatal and code != "InvalidSecurity":
        assert "the queue bills (region eu-west-1, account 123456789012)" in str(found)


def test_credentials_that_cannot_be_renewed_are_waited_for() -> None:
    for error in (
        CredentialRetrievalError(provider="custom-process", error_msg="sts: timeout"),
        SSOTokenLoadError(error_msg="expired"),
    ):
        assert isinstance(unanswered(error, "GET"), ServiceUnavailable)
    answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    of_the_role = ClientError(answer, "AssumeRole")
    assert isinstance(translated(of_the_role, "GET s3://ours/k", "ours", OURS), ServiceUnavailable)
    assert isinstance(refused_by_sqs(of_the_role, "receiving"), ServiceUnavailable)


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
