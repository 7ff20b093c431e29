"""The one place where botocore's exceptions become billstream's while AWS resources are created."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, which is no kin of the built-in one
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
    SSOError,
)

from billstream.common.aws import (
    CREDENTIALS_REFUSED,
    code_of,
    credentials_refused,
    not_renewed,
    status_of,
    unanswered,
    whereabouts,
)
from billstream.common.errors import BillstreamError, Misconfigured, ServiceUnavailable

# The permission each call needs, where it is not simply the call's own name.
_PERMISSIONS = {
    "HeadBucket": "s3:ListBucket",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "PutBucketNotificationConfiguration": "s3:PutBucketNotification",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
_BUSY = {
    "OperationAborted",
    "QueueDeletedRecently",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "TemporaryRedirect",
    "Throttling",
    "ThrottlingException",
}
_SERVER_ERROR = 500


def _translate(error: ClientError, resource: str) -> BillstreamError:
    code, call = code_of(error), error.operation_name
    status = status_of(error)
    if waiting := not_renewed(error, f"setting up {resource}"):
        return waiting
    if code in CREDENTIALS_REFUSED:
        return credentials_refused(f"setting up {resource}", code)
    if code in _DENIED:
        # Most permissions are named like their calls; calls on queues have "Queue" in their names.
        permission = _PERMISSIONS.get(call, f"{'sqs' if 'Queue' in call else 's3'}:{call}")
        return Misconfigured(
            f"AWS denied a call on {resource}: the credentials in use ({whereabouts()}) need the permission "
            f"{permission} for it, or it belongs to another account. ({error})"
        )
    if code in _BUSY or status >= _SERVER_ERROR:
        return ServiceUnavailable(f"AWS could not answer about {resource} just now. ({error})")
    return Misconfigured(f"AWS refused a call on {resource}, asked as {whereabouts()}. ({error})")


@contextmanager
def explained(resource: str) -> Iterator[None]:
    """Translate botocore's exceptions in the block, which is about `resource` ("bucket billing").

    Raises:
        Fatal: a permission is missing (the text names it), or AWS refuses the call.
        ServiceUnavailable: throttling, a server error, or no answer at all.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(error, resource) from error
    except (NoCredentialsError, PartialCredentialsError, SSLError, CredentialRetrievalError, SSOError) as error:
        raise unanswered(error, f"setting up {resource}") from error
    except (ConnectionError, HTTPClientError) as error:
        raise ServiceUnavailable(f"No answer about {resource}. ({error})") from error
    except BotoCoreError as error:
        raise Misconfigured(f"The call on {resource} could not be made. ({error})") from error
