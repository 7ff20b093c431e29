"""An S3 prefix as a place for files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from billstream.backups.places.streams import Readable
from billstream.common import aws
from billstream.common.errors import Misconfigured, ServiceUnavailable

if TYPE_CHECKING:
    from typing import IO

    from mypy_boto3_s3 import S3Client

AT_ONCE_BYTES = 8 * 1024 * 1024
"""A file up to this size is stored by one request; a larger one in parts, which S3 joins when all are there."""

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_LATER = frozenset({0, 307, 408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed; 0 is an answer without one."""


@dataclass(frozen=True)
class BucketPlace:
    """A prefix of a bucket, which exists. `prefix` ends with a slash, or is empty."""

    bucket: str
    prefix: str

    @property
    def location(self) -> str:
        """See `Place`."""
        return f"s3://{self.bucket}/{self.prefix}"

    @cached_property
    def _client(self) -> "S3Client":
        """The client, made once: it renews its credentials by itself."""
        return aws.s3_client()

    def sizes(self, below: str = "") -> dict[str, int]:
        """See `Place`."""
        found: dict[str, int] = {}
        with self._answered("listing", self.location):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}{below}"
            )
            for page in pages:
                for listed in page.get("Contents", []):
                    found[listed["Key"].removeprefix(self.prefix)] = listed["Size"]
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[Readable]:
        """See `Place`."""
        try:
            with self._answered("reading", name):
                body = self._client.get_object(Bucket=self.bucket, Key=f"{self.prefix}{name}")["Body"]
        except _NoObjectError as error:
            raise FileNotFoundError(f"{self.location}{name}") from error
        with body:
            yield _Body(body, self, name)

    def store(self, name: str, stream: Readable) -> None:
        """See `Place`."""
        key = f"{self.prefix}{name}"
        beginning = _filled(stream, AT_ONCE_BYTES)
        with self._answered("writing", name):
            if len(beginning) < AT_ONCE_BYTES:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=beginning)
            else:
                self._client.upload_fileobj(cast("IO[bytes]", _Joined(beginning, stream)), self.bucket, key)

    def remove(self, name: str) -> None:
        """See `Place`."""
        with self._answered("removing", name):
            self._client.delete_object(Bucket=self.bucket, Key=f"{self.prefix}{name}")

    def tidy(self) -> None:
        """See `Place`. Parts of uploads that were not finished are invisible; a rule of the bucket removes them."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See `Place`. S3 has no locks: on a bucket it is the operator who runs one at a time."""
        yield

    @contextmanager
    def _answered(self, verb: str, name: str) -> Iterator[None]:
        """Translate the errors of S3 about one request."""
        doing = f"{verb} {name if name.startswith('s3://') else f'{self.location}{name}'}"
        try:
            yield
        except ClientError as error:
            code, status = aws.code_of(error), aws.status_of(error)
            if code in _MISSING:
                raise _NoObjectError from error
            if waiting := aws.not_renewed(error, doing):
                raise waiting from error
            if status in _LATER or status >= 500 or code == "SlowDown":  # noqa: PLR2004 - HTTP
                raise ServiceUnavailable(f"{doing}: {error}") from error
            if code in aws.CREDENTIALS_REFUSED:
                raise aws.credentials_refused(doing, code) from error
            if code == "NoSuchBucket":
                raise Misconfigured(
                    f"{doing}: there is no bucket {self.bucket}; asked as {aws.whereabouts()}. Nothing was changed. "
                    "Create the bucket, or correct its name."
                ) from error
            raise Misconfigured(
                f"{doing}: {code}; asked as {aws.whereabouts()}. Grant s3:ListBucket on the bucket {self.bucket}, and "
                f"s3:GetObject, s3:PutObject and s3:DeleteObject on {self.location}*."
            ) from error
        except aws.NO_ANSWER as error:
            raise aws.unanswered(error, doing) from error


class _NoObjectError(Exception):
    """There is no such object."""


@dataclass(frozen=True)
class _Body:
    """The bytes of an answer; an answer that ends early is no end."""

    stream: Readable
    place: BucketPlace
    name: str

    def read(self, size: int = -1, /) -> bytes:
        with self.place._answered("reading", self.name):  # noqa: SLF001 - of the same module
            return self.stream.read(size) if size >= 0 else self.stream.read()


class _Joined:
    """The bytes that were read already, and then the others."""

    def __init__(self, beginning: bytes, rest: Readable) -> None:
        self._beginning = BytesIO(beginning)
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        """Return exactly so many bytes, fewer only at the end: S3 takes no small part but the last."""
        first = self._beginning.read(size)
        if size < 0:
            return first + self._rest.read()
        return first + _filled(self._rest, size - len(first))


def _filled(stream: Readable, size: int) -> bytes:
    """Return so many bytes, fewer only at the end of the stream, which is read then."""
    parts = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)
