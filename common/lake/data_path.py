"""Faults of the data path on S3, as DuckDB's S3 client words them.

The client reports everything in the text of its exceptions, and in three forms only: an answer to a write, an answer to
a read, and no answer. Each form has an HTTP status, or the words of curl; S3's own code follows if S3 sent one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from billstream.common.aws import CREDENTIALS_REFUSED, TRUST
from billstream.common.errors import BillstreamError, CatalogUnavailable, Misconfigured

P = ParamSpec("P")
T = TypeVar("T")

_WRITE = re.compile(
    r"Unable to connect to URL \S+: .*?\(HTTP code (?P<status>\d{3})\)(?:\s+(?P<code>\w+):)?", re.DOTALL
)
_READ = re.compile(
    r"HTTP (?P<method>[A-Z]+) error reading '(?P<url>[^']+)' in region '[^']*' "
    r"\(HTTP (?P<status>\d{3})[^)]*\)(?:\s+(?P<code>\w+):)?",
    re.IGNORECASE,
)
# DuckDB itself has tried these again, and has given up.
_TRIED = re.compile(r"(?P<words>Request returned HTTP \d{3})", re.IGNORECASE)
_NO_ANSWER = re.compile(r"(?P<words>[^:\n]*) error for HTTP [A-Z]+ to '", re.IGNORECASE)
# curl's words for a server whose certificate is not trusted, and for a file of certificates that cannot be read.
_UNTRUSTED = re.compile(r"peer certificate|CA cert", re.IGNORECASE)
_TOO_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "TemporaryRedirect",
        "Throttling",
        "ThrottlingException",
    }
)
_LATER = frozenset({307, 408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed."""
_LOST = frozenset({(404, ""), (404, "NoSuchKey"), (416, ""), (416, "InvalidRange")})
"""The answers to a read of a file that is not there, or that ends before the bytes that were asked for."""


class DataPathRefused(Misconfigured):
    """S3 refuses the data path, or a file of it, and will do so again.

    Args:
        text: what was being done, and what DuckDB says.
        status: of HTTP.
        code: S3's own, where it sent one.
        lost: the URL of the file that was to be read and is not there, or has fewer bytes than it had.
    """

    def __init__(self, text: str, status: int = 0, code: str = "", lost: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.lost = lost


class CredentialsRenewed(CatalogUnavailable):
    """S3 refused the data path, and fresh credentials were taken: the same once more."""


@dataclass(frozen=True)
class DataPathFault:
    """One fault of the data path: an HTTP status with S3's code, or the words of curl."""

    status: int = 0
    code: str = ""
    words: str = ""
    lost: str | None = None

    def explained(self, doing: str, short: str) -> BillstreamError:
        """Return the error: transport, throttling and server errors are retryable, refusals are not."""
        if _UNTRUSTED.search(self.words):
            return Misconfigured(f"{doing}: {short} The data path is not trusted. {TRUST}")
        if not self.status or self.status >= 500 or self.status in _LATER or self.code in _TOO_BUSY:  # noqa: PLR2004
            return CatalogUnavailable(f"{doing}: the data path does not answer. {short}")
        return DataPathRefused(f"{doing}: {short}", self.status, self.code, self.lost)


def data_path_fault(text: str) -> DataPathFault | None:
    """Return the fault that a text of DuckDB's is about; None if it is about something else."""
    if found := _READ.search(text):
        status, code = int(found["status"]), found["code"] or ""
        return DataPathFault(status, code, lost=found["url"] if (status, code) in _LOST else None)
    if found := _WRITE.search(text):
        return DataPathFault(int(found["status"]), found["code"] or "")
    if found := _TRIED.search(text) or _NO_ANSWER.search(text):
        return DataPathFault(words=found["words"])
    return None


def advice(refused: DataPathRefused, location: str, region: str) -> str:
    """Return what to do about a refusal of the data path `location`."""
    if refused.code in CREDENTIALS_REFUSED:
        return "The AWS credentials are wrong or have expired: renew them, and start again."
    if refused.status == 403:  # noqa: PLR2004 - HTTP
        return (
            f"Grant s3:GetObject, s3:PutObject and s3:DeleteObject on {location}*, s3:ListBucket on the bucket, and "
            "kms:Decrypt and kms:GenerateDataKey if it is encrypted with a KMS key; then start again."
        )
    if refused.code == "NoSuchBucket" or refused.status == 404:  # noqa: PLR2004
        return "Create the bucket (`billstream init --aws` does), or correct BILLSTREAM_DATA_PATH."
    if refused.status in {301, 400}:
        return f"Is the bucket in another region than {region}? Set AWS_REGION to the bucket's region."
    return "Check BILLSTREAM_DATA_PATH, AWS_REGION and AWS_ENDPOINT_URL."


def once_more(method: Callable[P, T]) -> Callable[P, T]:
    """Repeat a method of the lake if the data path refused it, and fresh credentials were taken for it."""

    @wraps(method)
    def repeated(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return method(*arguments, **named)
        except CredentialsRenewed:
            return method(*arguments, **named)

    return repeated
