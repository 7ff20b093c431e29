"""What S3 means when it refuses: try later, never, or stop, decided by its error code and by whose bucket it is."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from billstream.common.aws import CREDENTIALS_REFUSED
from billstream.common.errors import Fatal, ObjectMissing, Poison, ServiceUnavailable

MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
DELETE_MARKER = frozenset({"405", "MethodNotAllowed"})
_TRANSIENT = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "InternalError",
        "ServiceUnavailable",
    }
)
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName"})
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_RELOAD = "then `billstream quarantine reload`"
_OF_THE_OBJECT = {
    "InvalidObjectState": f"it is archived; restore it, {_RELOAD}",
    "InvalidRequest": "it cannot be read in the ordinary way; is it encrypted with a key of the customer's (SSE-C)? "
    f"Write it again without, {_RELOAD}",
    "InvalidArgument": "its notification names a version that cannot be one; `billstream quarantine reload` reads what "
    "is current",
    "KeyTooLongError": "no object can have such a key",
    "KMS.DisabledException": f"its key in KMS is disabled; enable it, {_RELOAD}",
    "KMS.NotFoundException": f"its key in KMS is gone; write it again, {_RELOAD}",
    "KMS.KMSInvalidStateException": f"its key in KMS cannot be used; put that right, {_RELOAD}",
}
"""Refusals that are about one object and stay, and what can be done."""


@dataclass(frozen=True)
class Ownership:
    """Which bucket is ours. Without a name any may be, as nobody said which one it is."""

    bucket: str | None = None

    def is_ours(self, bucket: str) -> bool:
        """Whether it is the configured bucket."""
        return bucket == self.bucket

    def is_foreign(self, bucket: str) -> bool:
        """Whether it is certainly not the configured one."""
        return self.bucket is not None and bucket != self.bucket


def code_of(error: ClientError) -> str:
    """S3's own word; the HTTP status where it has none, as in every answer to a HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_transient(error: ClientError) -> bool:
    """Whether the same request may succeed later: throttling and server errors."""
    status = _status(error)
    return code_of(error) in _TRANSIENT or status in {0, 429} or status >= 500  # noqa: PLR2004 - HTTP


def translated(  # noqa: PLR0911 - a table of cases
    error: ClientError, doing: str, bucket: str, ownership: Ownership
) -> ObjectMissing | ServiceUnavailable | Poison | Fatal:
    """Name S3's refusal of one object by its class.

    Returns:
        `ObjectMissing` for what is not there, `ServiceUnavailable` for throttling and server errors. `Poison` for
        what never will be read as things are: an archived object, a version that cannot be one, a bucket that is
        not ours and does not let us in. `Fatal` for all else, missing permissions on our own bucket first of all.
    """
    code = code_of(error)
    told = f"{doing}: {code} (HTTP {_status(error)})"
    if code in MISSING | DELETE_MARKER:
        return ObjectMissing(f"{doing}: {code}")
    if is_transient(error):
        return ServiceUnavailable(told)
    if code in CREDENTIALS_REFUSED:
        return Fatal(f"{told}. The AWS credentials are wrong or have expired: renew them.")
    if advice := _OF_THE_OBJECT.get(code):
        return Poison(f"{told}: {advice}.")
    if code in _NO_BUCKET | _ELSEWHERE:
        return _of_the_bucket(told, code, bucket, ownership)
    if ownership.is_foreign(bucket):
        return Poison(
            f"{told}: the bucket {bucket} is not ours (BILLSTREAM_BUCKET is {ownership.bucket}). "
            f"Give the consumer s3:GetObject on it, {_RELOAD}; or have it send no notifications here."
        )
    return Fatal(
        f"{told}. Check the permissions s3:GetObject, s3:GetObjectVersion, and kms:Decrypt where objects are encrypted "
        "with a key of KMS. Without s3:ListBucket S3 says the same of an object that is not there."
    )


def _of_the_bucket(told: str, code: str, bucket: str, ownership: Ownership) -> Poison | Fatal:
    what = "there is no such bucket" if code in _NO_BUCKET else "the bucket is in another region, or another AWS"
    if ownership.is_ours(bucket):
        return Fatal(f"{told}: {what}. Check BILLSTREAM_BUCKET, AWS_REGION and AWS_ENDPOINT_URL.")
    return Poison(f"{told}: {what}.")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
