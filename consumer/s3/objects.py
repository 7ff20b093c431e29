"""Where the bytes of an object come from: S3, or the local file system."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError, ParamValidationError

from billstream.common.aws import NO_ANSWER, unanswered
from billstream.common.errors import ObjectMissing, Poison, ServiceUnavailable
from billstream.consumer.events import GONE, Gone, ObjectEvent, ObjectVersion
from billstream.consumer.s3.errors import DELETE_MARKER, MISSING, Ownership, code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1024 * 1024
_CHANGED = {"412", "PreconditionFailed"}
_WORDLESS = {"301", "400", "403"}


@dataclass(frozen=True)
class Fetched:
    """An object's bytes on local disk, and the version they are."""

    path: Path
    version: ObjectVersion


class ObjectStore(Protocol):
    """What the consumer needs of a store of objects."""

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """The current version of the event's key, or that there is none.

        Raises:
            ServiceUnavailable, Poison, Fatal: see `fetch`.
        """

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """Bring the version that the event names to local disk, to `target` or where it is already.

        When that version has been replaced since, what is current is brought: its version is in the answer.

        Raises:
            ObjectMissing: there is nothing to bring.
            ServiceUnavailable: the store did not answer as it should.
            Poison: the store will never hand it out as things are; the text says why, and what to do.
            Fatal: we are not allowed to read what is ours.
        """


class S3Objects:
    """Objects in S3, read with boto3."""

    def __init__(self, client: "S3Client", ownership: Ownership = Ownership()) -> None:  # noqa: B008 - frozen
        self._s3 = client
        self._ownership = ownership

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        try:
            head = self._s3.head_object(Bucket=event.bucket, Key=event.key)
        except ClientError as error:
            worded = self._in_words(error, event)
            if code_of(worded) in MISSING | DELETE_MARKER:
                return GONE
            raise self._translated(worded, f"HEAD {event.scope}", event) from error
        except NO_ANSWER as error:
            raise _unanswered(error, f"HEAD {event.scope}") from error
        etag, version_id = head["ETag"].strip('"'), _real_version(head.get("VersionId"))
        return ObjectVersion(version_id, etag, head["ContentLength"], head.get("LastModified"))

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`. An unversioned object is read with `If-Match`, so that what is read has a name."""
        try:
            return self._get(event, target, _pinned(event))
        except ClientError as error:
            if code_of(error) in _CHANGED and event.version_id is None:
                return self._fetch_current(event, target)
            raise self._translated(error, f"GET {event.scope}", event) from error

    def _fetch_current(self, event: ObjectEvent, target: Path) -> Fetched:
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
        if not etag:
            raise ServiceUnavailable(f"GET {event.scope}: what answered is not S3.")
        if size != answer["ContentLength"]:
            raise ServiceUnavailable(f"GET {event.scope}: {size} of {answer['ContentLength']} bytes arrived.")
        version = ObjectVersion(_real_version(answer.get("VersionId")), etag, size, answer.get("LastModified"))
        return Fetched(target, version)

    def _in_words(self, error: ClientError, event: ObjectEvent) -> ClientError:
        """A HEAD is answered without a body: a number, where the answer to a GET says why."""
        if code_of(error) in _WORDLESS:
            try:
                self._s3.get_object(Bucket=event.bucket, Key=event.key)["Body"].close()
            except ClientError as worded:
                return worded
            except NO_ANSWER:
                pass
        return error

    def _translated(self, error: ClientError, doing: str, event: ObjectEvent) -> Exception:
        return translated(error, doing, event.bucket, self._ownership)


class LocalObjects:
    """Files of the local file system, read where they are.

    They are read through a link in the spool: DuckDB takes `*` or `{a,b}` in a file's name for a pattern.
    """

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
            raise ObjectMissing(f"{path} is not there.") from error
        target.symlink_to(path)
        return Fetched(target, version)


def _version_of(status: os.stat_result) -> ObjectVersion:
    """A file has no version but its time."""
    return ObjectVersion(None, None, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _pinned(event: ObjectEvent) -> dict[str, Any]:
    if event.version_id:
        return {"VersionId": event.version_id}
    return {"IfMatch": f'"{event.etag}"'} if event.etag else {}


def _real_version(version_id: str | None) -> str | None:
    """S3 calls the version of an unversioned object `null`."""
    return None if version_id in {None, "null"} else version_id


def _unanswered(error: Exception, doing: str) -> Exception:
    if isinstance(error, ParamValidationError):  # botocore did not even ask
        return Poison(f"{doing}: no object of S3 can be named so: {error}")
    return unanswered(error, doing)
