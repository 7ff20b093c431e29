"""What a place can do."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from billstream.backups.places.streams import Readable
from billstream.common.errors import Misconfigured
from billstream.common.values import folder_or_s3

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Place(Protocol):
    """Files by their names: relative paths with `/`, without `.` and `..`. A file is there whole, or not at all.

    Each method raises `ServiceUnavailable` for no answer, `NoRoom` for a full disk, and `Misconfigured` for a place
    that does not exist or cannot be used. All may be called from several threads.
    """

    @property
    def location(self) -> str:
        """Return the folder or the S3 prefix; it ends with a slash."""

    def sizes(self, below: str = "") -> Mapping[str, int]:
        """Return the sizes in bytes of all files whose names begin with `below`, by name."""

    def open(self, name: str) -> AbstractContextManager[Readable]:
        """Return the bytes of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def store(self, name: str, stream: Readable) -> None:
        """Store a file, or replace it, once all of its bytes are there. What reading the stream raises, it raises."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""

    def tidy(self) -> None:
        """Remove what processes that were killed have not finished; nobody else may be writing."""

    def alone(self) -> AbstractContextManager[None]:
        """Return a context that no other process of this host has at the same time.

        Raises:
            Misconfigured: another process has it.
        """


def place_at(location: str) -> Place:
    """Return the place that a text names. Nothing is made.

    Raises:
        Misconfigured: it is a URL of another kind than `s3://bucket/prefix/`.
    """
    from billstream.backups.places.bucket import BucketPlace  # noqa: PLC0415 - each of the two is a place
    from billstream.backups.places.folder import FolderPlace  # noqa: PLC0415

    try:
        folder_or_s3(location)
    except ValueError as error:
        raise Misconfigured(f"{location!r} is no place for a backup: it {error}.") from error
    if location.startswith("s3://"):
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        return BucketPlace(bucket, f"{prefix.strip('/')}/".lstrip("/"))
    return FolderPlace(Path(location))


def safe_name(name: str) -> str:
    """Return a name that leads out of no folder.

    Raises:
        ValueError: it is absolute, has `.` or `..` or an empty part, or has control characters.
    """
    if _CONTROL.search(name) or any(part in {"", ".", ".."} for part in name.split("/")):
        raise ValueError(f"{name!r} is no name of a file in a backup")
    return name


def overlap(one: Place, other: Place) -> bool:
    """Return whether one place is the other, or lies in it."""
    first, second = (
        place.location if place.location.startswith("s3://") else f"{Path(place.location).resolve()}/"
        for place in (one, other)
    )
    return first.startswith(second) or second.startswith(first)
