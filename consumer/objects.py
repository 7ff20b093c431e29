"""Where the bytes of an object come from: S3, or the local file system."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from common.aws import NO_ANSWER
from common.errors import Fatal, ObjectMissing, ServiceUnavailable
from consumer.decision import GONE, Gone
from consumer.events import ObjectEvent, ObjectVersion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1024 * 1024
_MISSING = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
_CHANGED = {"412", "PreconditionFailed"}
_DELETE_MARKER = {"405", "MethodNotAllowed"}
_TRANSIENT = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "InternalError",
    "ServiceUnavailable",
}


@dataclass(frozen=True)
class Fetched:
    """An object's bytes on local disk, and the version they are."""

    path: Path
    version: ObjectVersion


class ObjectStore(Protocol):
    """What the consumer needs of a store of objects."""

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """The current version of the event's key, or that there is none."""

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """Bring the version that the event names to local disk, to `target` or where it is already.

        When that version has been replaced since, what is current is brought: its version is in the answer.

        Raises:
            ObjectMissing: there is nothing to bring.
            ServiceUnavailable: the store did not answer as it should.
            Fatal: we are not allowed to read.
        """


class S3Objects:
    """Objects in S3, read with boto3."""

    def __init__(self, client: "S3Client") -> None:
        self._s3 = client

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        try:
            head = self._s3.head_object(Bucket=event.bucket, Key=event.key)
        except ClientError as error:
            if _code(error) in _MISSING | _DELETE_MARKER:
                return GONE
            raise translated(error, f"HEAD {event.scope}") from error
        except NO_ANSWER as error:
            raise ServiceUnavailable(f"HEAD {event.scope}: {error}") from error
        return ObjectVersion(_real_version(head.get("VersionId")), head["ETag"].strip('"'), head["ContentLength"])

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`. An unversioned object is read with `If-Match`, so that what is read has a name."""
        try:
            return self._get(event, target, _pinned(event))
        except ClientError as error:
            if _code(error) in _CHANGED and event.version_id is None:
                return self._fetch_current(event, target)
            raise translated(error, f"GET {event.scope}") from error

    def _fetch_current(self, event: ObjectEvent, target: Path) -> Fetched:
        try:
            return self._get(event, target, {})
        except ClientError as error:
            raise translated(error, f"GET {event.scope}") from error

    def _get(self, event: ObjectEvent, target: Path, pin: dict[str, Any]) -> Fetched:
        try:
            answer = self._s3.get_object(Bucket=event.bucket, Key=event.key, **pin)
            size = 0
            with target.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
                    size += len(chunk)
        except NO_ANSWER as error:
            raise ServiceUnavailable(f"GET {event.scope}: {error}") from error
        etag = answer.get("ETag", "").strip('"')
        if not etag:
            raise ServiceUnavailable(f"GET {event.scope}: what answered is not S3.")
        if size != answer["ContentLength"]:
            raise ServiceUnavailable(f"GET {event.scope}: {size} of {answer['ContentLength']} bytes arrived.")
        version = ObjectVersion(_real_version(answer.get("VersionId")), etag, size)
        return Fetched(target, version)


class LocalObjects:
    """Files of the local file system, read where they are.

    They are read through a link in the spool: DuckDB takes `*` or `{a,b}` in a file's name for a pattern.
    """

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        path = Path(event.key)
        return ObjectVersion(None, None, path.stat().st_size) if path.is_file() else GONE

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`."""
        path = Path(event.key)
        try:
            size = path.stat().st_size
        except FileNotFoundError as error:
            raise ObjectMissing(f"{path} is not there.") from error
        target.symlink_to(path)
        return Fetched(target, ObjectVersion(None, None, size))


def _pinned(event: ObjectEvent) -> dict[str, Any]:
    if event.version_id:
        return {"VersionId": event.version_id}
    return {"IfMatch": f'"{event.etag}"'} if event.etag else {}


def _real_version(version_id: str | None) -> str | None:
    """S3 calls the version of an unversioned object `null`."""
    return None if version_id in {None, "null"} else version_id


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def translated(error: ClientError, doing: str) -> ObjectMissing | ServiceUnavailable | Fatal:
    """Name S3's refusal by its class.

    Returns:
        `ObjectMissing` for what is not there, `ServiceUnavailable` for throttling and server errors, `Fatal`
        for all else, missing permissions first of all.
    """
    code = _code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _MISSING | _DELETE_MARKER:
        return ObjectMissing(f"{doing}: {code}")
    if code in _TRANSIENT or status in {0, 429} or status >= 500:  # noqa: PLR2004 - HTTP
        return ServiceUnavailable(f"{doing}: {code} (HTTP {status})")
    return Fatal(f"{doing}: {code} (HTTP {status}). Check the permissions s3:GetObject and s3:GetObjectVersion.")
