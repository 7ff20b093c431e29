"""Translate the errors of S3: retry, quarantine or stop, by the error code and by the owner of the bucket."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from billstream.common.aws import CREDENTIALS_REFUSED, credentials_refused
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
_ADVICE_ON_OBJECT = {
    "InvalidObjectState": f"it is archived; restore it, {_RELOAD}",
    "InvalidRequest": "it cannot be read as it is; is it encrypted with a customer-provided key (SSE-C)? "
    f"Write it again without one, {_RELOAD}",
    "InvalidArgument": "its notification names an invalid version; `billstream quarantine reload` loads the one that "
    "is current",
    "KeyTooLongError": "no object of S3 can have a key of this length; correct the sender of the notification",
    "KMS.DisabledException": f"its KMS key is disabled; enable the key, {_RELOAD}",
    "KMS.NotFoundException": f"its KMS key does not exist; write the object again, {_RELOAD}",
    "KMS.KMSInvalidStateException": f"its KMS key cannot be used; correct the state of the key, {_RELOAD}",
}
"""Error codes that are about one object and do not go away, with the advice on each."""


@dataclass(frozen=True)
class Ownership:
    """The configured bucket is ours. Without a name any bucket may be: nobody has configured one."""

    bucket: str | None = None

    def is_ours(self, bucket: str) -> bool:
        """Return whether it is the configured bucket."""
        return bucket == self.bucket

    def is_foreign(self, bucket: str) -> bool:
        """Return whether a bucket is configured and this is another one."""
        return self.bucket is not None and bucket != self.bucket


def code_of(error: ClientError) -> str:
    """Return S3's error code; the HTTP status if there is none, as in every answer to a HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_transient(error: ClientError) -> bool:
    """Return whether the same request may succeed later: throttling and server errors."""
    status = _status(error)
    return code_of(error) in _TRANSIENT or status in {0, 429} or status >= 500  # noqa: PLR2004 - HTTP


def translated(  # noqa: PLR0911 - a table of cases
    error: ClientError, doing: str, bucket: str, ownership: Ownership
) -> ObjectMissing | ServiceUnavailable | Poison | Fatal:
    """Translate an error of S3 about one object into one of ours.

    Returns:
        `ObjectMissing` for an object that does not exist, `ServiceUnavailable` for throttling and server errors.
        `Poison` for an object that stays unreadable until somebody acts: an archived one, an invalid version, a bucket
        that is not ours and denies access. `Fatal` for all else, above all for missing permissions on our own bucket.
    """
    code = code_of(error)
    problem = f"{doing}: {code} (HTTP {_status(error)})"
    if code in MISSING | DELETE_MARKER:
        return ObjectMissing(f"{doing}: {code}")
    if is_transient(error):
        return ServiceUnavailable(problem)
    if code in CREDENTIALS_REFUSED:
        return credentials_refused(doing, f"{code} (HTTP {_status(error)})")
    # Before the question whose bucket it is: an archived object in our own bucket is no reason to stop.
    if advice := _ADVICE_ON_OBJECT.get(code):
        return Poison(f"{problem}: {advice}.")
    if code in _NO_BUCKET | _ELSEWHERE:
        return _bucket_error(problem, code, bucket, ownership)
    if ownership.is_foreign(bucket):
        return Poison(
            f"{problem}: the bucket {bucket} is not ours (BILLSTREAM_BUCKET is {ownership.bucket}). "
            f"Grant the consumer s3:GetObject on it, {_RELOAD}; or stop its notifications to this queue."
        )
    # Unknown codes too: to go on would quarantine one object after another for a missing permission.
    return Fatal(
        f"{problem}. The object was not loaded, and its message returns to the queue. Check the permissions "
        "s3:GetObject, s3:GetObjectVersion, and kms:Decrypt if objects are encrypted with a KMS key. "
        "Without s3:ListBucket S3 answers the same for an object that does not exist."
    )


def _bucket_error(problem: str, code: str, bucket: str, ownership: Ownership) -> Poison | Fatal:
    what = "there is no such bucket" if code in _NO_BUCKET else "the bucket is in another region or partition of AWS"
    if ownership.is_ours(bucket):
        return Fatal(f"{problem}: {what}. Check BILLSTREAM_BUCKET, AWS_REGION and AWS_ENDPOINT_URL.")
    # A notification names it, and nobody has configured it: one message with a wrong name must not stop the process.
    return Poison(f"{problem}: {what}. Correct what sends its notifications, or the access to it, {_RELOAD}.")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
