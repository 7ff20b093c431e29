"""Translate the errors of S3: retry, quarantine or stop, by the error code and by the owner of the bucket."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from billstream.common.aws import CREDENTIALS_REFUSED, code_of, credentials_refused, not_renewed, status_of, whereabouts
from billstream.common.errors import Denied, Fatal, Misconfigured, ObjectMissing, Poison, ServiceUnavailable
from billstream.consumer.events import EXPORT_BUCKET, FILE_BUCKET, MESSAGE_BUCKET, EventKind, ObjectEvent

MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
DELETE_MARKER = frozenset({"405", "MethodNotAllowed"})
_TRANSIENT = frozenset(
    {
        "BandwidthLimitExceeded",
        "BusyException",
        "ConditionalRequestConflict",
        "ConnectionClosedByRequester",
        "EC2ThrottledException",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "Redirect",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResponseInterrupted",
        "ServiceUnavailable",
        "SlowDown",
        "TemporaryRedirect",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_LATER = frozenset({0, 307, 408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed; 0 is an answer without one."""

_NEVER = frozenset({"InvalidBucketState", "NotImplemented", "501"})
"""Codes that do not go away, although their statuses are those of passing troubles."""

_PASSING = {
    "OperationAborted": "another operation on the same thing is at work",
    "ConditionalRequestConflict": "another operation on the same object is at work",
    "409": "another operation on the same thing is at work",
    "TemporaryRedirect": "the bucket is new, and its name is not known everywhere yet",
    "307": "the bucket is new, and its name is not known everywhere yet",
    "RequestExpired": "the request was too old when it arrived; if this stays, check the clock of this machine",
    "RequestTimeTooSkewed": "the clock of this machine is wrong by minutes; correct it",
}
"""Passing troubles that need a word; the others explain themselves."""

_NO_BUCKET = frozenset(
    {
        "InvalidAccessPoint",
        "InvalidAccessPointAliasError",
        "InvalidBucketName",
        "NoSuchAccessPoint",
        "NoSuchBucket",
        "NoSuchMultiRegionAccessPoint",
    }
)
_FORBIDDEN = 403  # HTTP
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "KMS.AccessDeniedException"})
_ELSEWHERE = frozenset(
    {
        "301",
        "AuthorizationHeaderMalformed",
        "EndpointNotFound",
        "IllegalLocationConstraintException",
        "IncorrectEndpoint",
        "InvalidRegion",
        "PermanentRedirect",
        "PermanentRedirectControlError",
    }
)
_RELOAD = "then `billstream quarantine reload`"
_ADVICE_ON_OBJECT = {
    "InvalidObjectState": f"it is archived; restore it, {_RELOAD}",
    "InvalidRequest": "it cannot be read as it is; is it encrypted with a customer-provided key (SSE-C)? "
    f"Write it again without one, {_RELOAD}",
    "InvalidArgument": "its notification names an invalid version; `billstream quarantine reload` loads the one that "
    "is current",
    "KeyTooLongError": "no object of S3 can have a key of this length; correct the sender of the notification",
    "InvalidEncryptionAlgorithmError": f"it cannot be decrypted; write it again, {_RELOAD}",
    "InvalidPayer": "S3 has disabled all access to it; ask its owner, or AWS Support, "
    f"{_RELOAD} once it can be read again",
    "InvalidRange": f"it has no bytes; write it again, {_RELOAD}",
    "InvalidURI": "no object of S3 can have this name; correct the sender of the notification",
    "KMS.DisabledException": f"its KMS key is disabled; enable the key, {_RELOAD}",
    "KMS.InvalidKeyUsageException": f"its KMS key is not one for encryption; write it again with another, {_RELOAD}",
    "KMS.NotFoundException": f"its KMS key does not exist; write the object again, {_RELOAD}",
    "KMS.KMSInvalidStateException": f"its KMS key cannot be used; correct the state of the key, {_RELOAD}",
}
"""Error codes that are about one object and do not go away, with the advice on each."""

_ACCOUNT = {
    "AccountProblem": "there is a problem with the AWS account; AWS Support knows which",
    "InvalidBucketState": "the bucket is in a state in which it cannot be used",
    "MissingAuthenticationToken": "the request was not signed; is there a proxy that drops headers?",
    "MissingSecurityHeader": "the request lacks a header; is there a proxy that drops headers?",
    "NotImplemented": "this S3 cannot do what was asked; is AWS_ENDPOINT_URL a server that is like S3 in this, too?",
    "NotSignedUp": "the AWS account is not signed up for S3",
    "UnauthorizedAccess": "the AWS account is not allowed to use this region (China needs an account of its own)",
    "UnauthorizedAccessError": "the AWS account is not allowed to use this region (China needs an account of its own)",
    "UnexpectedIPError": "the request came from an address that the account does not allow",
    "UnsupportedSignature": "this S3 knows no signatures of version 4; is AWS_ENDPOINT_URL right?",
}
"""Error codes about the account, the bucket or the server as a whole, with what they mean."""


@dataclass(frozen=True)
class Ownership:
    """The configured buckets are ours. Without a name any bucket may be: nobody has configured one."""

    bucket: str | None = None
    others: tuple[str, ...] = ()

    def is_ours(self, bucket: str) -> bool:
        """Return whether it is a configured bucket."""
        return bucket == self.bucket or bucket in self.others

    def is_foreign(self, bucket: str) -> bool:
        """Return whether buckets are configured and this is none of them."""
        return self.bucket is not None and not self.is_ours(bucket)

    def refuses(self, event: ObjectEvent) -> bool:
        """Return whether the event is of a bucket of S3 that is not ours, so that it is not even asked about.

        A person may have the rows of such an object retracted; no message can.
        """
        of_s3 = event.bucket not in {FILE_BUCKET, MESSAGE_BUCKET, EXPORT_BUCKET}
        retracts = event.force and event.kind is EventKind.REMOVED
        return of_s3 and self.is_foreign(event.bucket) and not retracts


def is_transient(error: ClientError) -> bool:
    """Return whether the same request may succeed later: throttling and server errors."""
    code, status = code_of(error), status_of(error)
    return code in _TRANSIENT or (code not in _NEVER and (status in _LATER or status >= 500))  # noqa: PLR2004 - HTTP


def translated(  # noqa: PLR0911 - a table of cases
    error: ClientError, doing: str, bucket: str, ownership: Ownership
) -> ObjectMissing | ServiceUnavailable | Poison | Fatal:
    """Translate an error of S3 about one object into one of ours.

    Returns:
        `ObjectMissing` for an object that does not exist, `ServiceUnavailable` for throttling and server errors.
        `Poison` for an object that stays unreadable until somebody acts: an archived one, an invalid version, a bucket
        that is not ours and denies access. `Denied` for an object whose bucket is or may be ours: the permission may be
        missing for this object alone. `Fatal` for all else.
    """
    code = code_of(error)
    problem = f"{doing}: {code} (HTTP {status_of(error)})"
    if code in MISSING | DELETE_MARKER:
        return ObjectMissing(f"{doing}: {code}")
    if waiting := not_renewed(error, doing):
        return waiting
    if is_transient(error):
        return ServiceUnavailable(f"{problem}: {_PASSING[code]}" if code in _PASSING else problem)
    if code in CREDENTIALS_REFUSED:
        return credentials_refused(doing, f"{code} (HTTP {status_of(error)})")
    # Before the question whose bucket it is: an archived object in our own bucket is no reason to stop.
    if advice := _ADVICE_ON_OBJECT.get(code):
        return Poison(f"{problem}: {advice}.")
    if code in _NO_BUCKET | _ELSEWHERE:
        return _bucket_error(problem, error, bucket, ownership)
    if (what := _ACCOUNT.get(code)) and not ownership.is_foreign(bucket):
        return Fatal(f"{problem}: {what}. The object was not loaded, and its message returns to the queue.")
    if ownership.is_foreign(bucket):
        return Poison(
            f"{problem}: the bucket {bucket} is not ours (BILLSTREAM_BUCKET is {ownership.bucket}). "
            f"Grant the consumer s3:GetObject on it, {_RELOAD}; or stop its notifications to this queue."
        )
    if status_of(error) == _FORBIDDEN or code in _DENIED:
        return Denied(
            f"{problem}. Is it encrypted with a KMS key of its own, owned by another account, or denied by a policy? "
            f"Grant s3:GetObject, s3:GetObjectVersion, and kms:Decrypt on its key, {_RELOAD}. "
            "Without s3:ListBucket S3 answers the same for an object that does not exist."
        )
    # Unknown codes: to go on would quarantine one object after another for a fault of the bucket.
    return Fatal(
        f"{problem}. The object was not loaded, and its message returns to the queue. Check the permissions "
        "s3:GetObject, s3:GetObjectVersion, and kms:Decrypt if objects are encrypted with a KMS key."
    )


def _bucket_error(problem: str, error: ClientError, bucket: str, ownership: Ownership) -> Poison | Fatal:
    region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if code_of(error) in _NO_BUCKET:
        what = f"there is no bucket {bucket}"
    else:
        what = f"the bucket {bucket} is in {f'region {region}' if region else 'another region or partition of AWS'}"
    if ownership.is_ours(bucket):
        return Misconfigured(
            f"{problem}: {what}; asked as {whereabouts()}. Check BILLSTREAM_BUCKET, AWS_REGION and AWS_ENDPOINT_URL."
        )
    # A notification names it, and nobody has configured it: one message with a wrong name must not stop the process.
    return Poison(f"{problem}: {what}. Correct what sends its notifications, or the access to it, {_RELOAD}.")
