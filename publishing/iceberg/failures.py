"""The meaning of the errors of pyiceberg, of its catalogs and of its storage."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import requests
from botocore.exceptions import ClientError
from pyiceberg import exceptions as iceberg
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from billstream.common.aws.errors import NO_ANSWER, code_of, unanswered
from billstream.common.errors import BillstreamError, Misconfigured, ServiceUnavailable, WriteConflict
from billstream.common.lake.failures import refusal_of, translate
from billstream.common.masking import masked

_CONFLICTS = (
    iceberg.CommitFailedException,
    iceberg.ValidationException,
    iceberg.TableAlreadyExistsError,
    iceberg.NamespaceAlreadyExistsError,
)
_REFUSED = (iceberg.UnauthorizedError, iceberg.ForbiddenError, iceberg.OAuthError, iceberg.SignError)
_NO_ANSWER = (
    iceberg.CommitStateUnknownException,
    iceberg.ServiceUnavailableError,
    iceberg.ServerError,
    iceberg.TooManyRequestsError,
    iceberg.AuthorizationExpiredError,
    iceberg.WaitingForLockException,
    requests.ConnectionError,
    requests.Timeout,
    OperationalError,
)
_WRONG = (iceberg.RESTError, iceberg.NotInstalledError, requests.RequestException, SQLAlchemyError)
_DENIED = (
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "NO_SUCH_BUCKET",
    "Permission denied",
    "Read-only file system",
)
"""Words in what Arrow says of its storage, which has no codes."""


@contextmanager
def translated(doing: str, place: str) -> Iterator[None]:
    """Turn errors of what is done meanwhile into those of `common.errors`.

    Args:
        doing: the action, with the name of the target.
        place: the address of the target, without secrets.
    """
    try:
        yield
    except BillstreamError:
        raise
    except duckdb.Error as error:
        raise translate(error, doing) from error
    except Exception as error:
        known = _known(error, doing, place)
        if known is None:
            raise
        raise known from error


def _known(error: Exception, doing: str, place: str) -> BillstreamError | None:  # noqa: PLR0911 - one for each outcome
    # What the driver said; SQLAlchemy puts the statement and its values behind it.
    text = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    cause = masked(text)[-300:]
    if isinstance(error, _CONFLICTS):
        return WriteConflict(f"{doing}: another process was first at {place}.")
    if isinstance(error, NO_ANSWER):
        return unanswered(error, doing)
    denied = isinstance(error, ClientError) and "Denied" in code_of(error)
    denied = denied or (isinstance(error, OSError) and any(word in str(error) for word in _DENIED))
    if denied or isinstance(error, _REFUSED):
        return Misconfigured(
            f"{doing}: {place} refuses; nothing was changed. Check the credentials for its catalog and its warehouse, "
            f"that they exist, and what may be done there. ({cause})"
        )
    if isinstance(error, OperationalError) and (refusal := refusal_of(text, f"the catalog of the target ({place})")):
        return Misconfigured(f"{doing}: {refusal}")
    # A URL that cannot be one is an OSError, too: requests' own errors are.
    storage = isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    if storage or isinstance(error, (*_NO_ANSWER, ClientError)):
        return ServiceUnavailable(f"{doing}: {place} does not answer. It is tried again. ({cause})")
    if isinstance(error, _WRONG):
        return Misconfigured(f"{doing}: {place} cannot be used; nothing was changed. Correct the target. ({cause})")
    return None
