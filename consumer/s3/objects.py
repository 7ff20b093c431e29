"""Stores of objects: S3, and the local file system."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError, ParamValidationError

from billstream.common.aws import NO_ANSWER, code_of, unanswered
from billstream.common.errors import Denied, ObjectMissing, Poison, ServiceUnavailable
from billstream.consumer.events import GONE, Gone, ObjectEvent, ObjectVersion
from billstream.consumer.s3.errors import DELETE_MARKER, MISSING, Ownership, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1024 * 1024  # bytes
_CHANGED = {"412", "PreconditionFailed"}
_WITHOUT_BODY = {"301", "400", "403"}


@dataclass(frozen=True)
class Fetched:
    """An object's bytes on local disk, and their version."""

    path: Path
    version: ObjectVersion


class ObjectStore(Protocol):
    """The operations that the consumer needs from a store of objects."""

    @property
    def requests_at_once(self) -> int:
        """Return how many requests it should get at a time, each in a thread."""

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """Return the current version of the event's key, or `GONE` if there is none.

        Raises:
            ServiceUnavailable, Poison, Fatal: see `fetch`.
        """

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """Fetch the version that the event names to local disk, to `target`.

        If that version was replaced and is no longer kept, the current one is fetched: the answer has its version.

        Raises:
            ObjectMissing: the object or its version does not exist.
            ServiceUnavailable: the store did not answer as it should.
            Denied: the store denies this object; whether it denies all of its bucket is asked before the commit.
            Poison: the store refuses this object until somebody acts; the text says why, and what to do.
            Fatal: a permission on our own bucket is missing.
        """


class S3Objects:
    """Objects in S3, through boto3."""

    requests_at_once = 8

    def __init__(self, client: "S3Client", ownership: Ownership = Ownership()) -> None:  # noqa: B008 - frozen
        self._s3 = client
        self._ownership = ownership

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        try:
            head = self._s3.head_object(Bucket=event.bucket, Key=event.key)
        except ClientError as error:
            explained = self._with_code(error, event)
            if code_of(explained) in MISSING | DELETE_MARKER:
                return GONE
            raise self._translated(explained, f"HEAD {event.scope}", event) from error
        except NO_ANSWER as error:
            raise _unanswered(error, f"HEAD {event.scope}") from error
        etag, version_id = head["ETag"].strip('"'), _real_version(head.get("VersionId"))
        return ObjectVersion(version_id, etag, head["ContentLength"], head.get("LastModified"))

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`."""
        # `If-Match` is the version id of an unversioned object: S3 reports an overwrite instead of sending other bytes.
        pin = {"IfMatch": f'"{event.etag}"'} if event.etag else {}
        if event.version_id:
            pin = {"VersionId": event.version_id}
        try:
            return self._get(event, target, pin)
        except ClientError as error:
            if code_of(error) not in _CHANGED or event.version_id is not None:
                raise self._translated(error, f"GET {event.scope}", event) from error
        # The object was overwritten after the event: its current version is the one to load.
        try:
            return self._get(event, target, {})
        except ClientError as error:
            raise self._translated(error, f"GET {event.scope}", event) from error

    def _get(self, event: ObjectEvent, target: Path, pin: dict[str, Any]) -> Fetched:
        try:
            answer = self._s3.get_object(Bucket=event.bucket, Key=event.key, **pin)
            size = 0
            with target.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
                    size += len(chunk)
        except NO_ANSWER as error:
            raise _unanswered(error, f"GET {event.scope}") from error
        etag = answer.get("ETag", "").strip('"')
        # A proxy in between may answer 200 to anything; without an ETag the bytes have no version.
        if not etag:
            raise ServiceUnavailable(f"GET {event.scope}: the answer is not from S3.")
        # A body that ends early must not be loaded as if it were whole: its last rows would be missing without a trace.
        if size != answer["ContentLength"]:
            raise ServiceUnavailable(f"GET {event.scope}: {size} of {answer['ContentLength']} bytes arrived.")
        version = ObjectVersion(_real_version(answer.get("VersionId")), etag, size, answer.get("LastModified"))
        return Fetched(target, version)

    def _with_code(self, error: ClientError, event: ObjectEvent) -> ClientError:
        """Return the error of a GET in place of the error of a HEAD, if the HEAD's has no error code.

        An answer to a HEAD has no body: a number, where the answer to a GET says why.
        """
        if code_of(error) in _WITHOUT_BODY:
            try:
                self._s3.get_object(Bucket=event.bucket, Key=event.key)["Body"].close()
            except ClientError as explained:
                return explained
            except NO_ANSWER:
                pass
        return error

    def _translated(self, error: ClientError, doing: str, event: ObjectEvent) -> Exception:
        return translated(error, doing, event.bucket, self._ownership)


class LocalObjects:
    """Files of the local file system, read where they are.

    They are read through a link in the spool: DuckDB reads `*` or `{a,b}` in a file's name as a pattern.
    """

    requests_at_once = 1  # what takes time is our own checks, which threads do not make faster

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        path = Path(event.key)
        return _version_of(path.stat()) if path.is_file() else GONE

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`."""
        path = Path(event.key)
        try:
            version = _version_of(path.stat())
        except FileNotFoundError as error:
            raise ObjectMissing(f"The file {path} does not exist.") from error
        if not os.access(path, os.R_OK):
            raise Denied(
                f"The file {path} may not be read by this user. Change its mode or its owner, and load it again."
            )
        target.symlink_to(path)
        return Fetched(target, version)


def _version_of(status: os.stat_result) -> ObjectVersion:
    """Return a version without id and ETag: a file has none, only its size and its time."""
    return ObjectVersion(None, None, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _real_version(version_id: str | None) -> str | None:
    """Return None for `null`, which is how S3 calls the version of an unversioned object."""
    return None if version_id in {None, "null"} else version_id


def _unanswered(error: Exception, doing: str) -> Exception:
    # botocore sent no request: this name comes from a notification, so only its object is at fault.
    if isinstance(error, ParamValidationError):
        return Poison(f"{doing}: no object of S3 can have this name: {error}")
    return unanswered(error, doing)
