"""The one edge where botocore's exceptions become billstream's while AWS is being set up."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, which is no kin of the built-in one
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from billstream.common.aws import SET_CREDENTIALS, credentials_advice
from billstream.common.errors import BillstreamError, Fatal, ServiceUnavailable

# The permission each call needs, where it is not simply the call's own name.
_PERMISSIONS = {
    "HeadBucket": "s3:ListBucket",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "PutBucketNotificationConfiguration": "s3:PutBucketNotification",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
_BUSY = {"OperationAborted", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException"}
_SERVER_ERROR = 500


def error_code(error: ClientError) -> str:
    """What AWS calls the error, such as `AccessDenied` or, without a body, `404`."""
    return error.response.get("Error", {}).get("Code", "")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _permission(error: ClientError) -> str:
    call = error.operation_name
    return _PERMISSIONS.get(call, f"{'sqs' if 'Queue' in call else 's3'}:{call}")


def _translate(error: ClientError, resource: str) -> BillstreamError:
    code = error_code(error)
    if advice := credentials_advice(code):
        return Fatal(f"{advice} ({error})")
    if code in _DENIED:
        return Fatal(
            f"AWS denied a call on {resource}: the credentials in use need the permission {_permission(error)} "
            f"for it, or it belongs to somebody else. ({error})"
        )
    if code in _BUSY or _status(error) >= _SERVER_ERROR:
        return ServiceUnavailable(f"AWS could not answer about {resource} just now. ({error})")
    return Fatal(f"AWS refused a call on {resource}. ({error})")


@contextmanager
def explained(resource: str) -> Iterator[None]:
    """Translate what botocore raises in the block, which is about `resource` ("bucket billing").

    Raises:
        Fatal: a permission is missing (the text names it), or AWS refuses what it was asked.
        ServiceUnavailable: throttling, a server error, or no answer at all.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(error, resource) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Fatal(f"No AWS credentials were found. {SET_CREDENTIALS}") from error
    except (ConnectionError, HTTPClientError) as error:
        raise ServiceUnavailable(f"No answer about {resource}. ({error})") from error
    except BotoCoreError as error:
        raise Fatal(f"The call on {resource} could not be made. ({error})") from error
