"""A bucket in memory, versioned or not, that reports its events as S3 does."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import ClassVar

from billstream.common.errors import ObjectMissing
from billstream.consumer.events import GONE, EventKind, Gone, ObjectEvent, ObjectVersion
from billstream.consumer.s3.listing import ListedObject
from billstream.consumer.s3.objects import Fetched

Sequencer = Callable[[int], str | None]
EVENT_TIME = datetime(2026, 3, 14, 9, tzinfo=UTC)


def growing(number: int) -> str | None:
    """The sequencer of S3: it grows."""
    return f"{number:018X}"


def constant(_number: int) -> str | None:
    """The sequencer of LocalStack: always the same."""
    return "0055AED6DCD90281E5"


def absent(_number: int) -> str | None:
    """The sequencer of moto: there is none."""
    return None


@dataclass(frozen=True)
class Stored:
    """One version of an object; `content` is None for a delete marker."""

    version_id: str | None
    content: bytes | None
    modified: datetime = EVENT_TIME

    @property
    def version(self) -> ObjectVersion:
        content = self.content or b""
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return ObjectVersion(self.version_id, etag, len(content), self.modified)


@dataclass
class FakeBucket:
    """Implements `consumer.s3.objects.ObjectStore`, and lists itself as `consumer.s3.listing.Bucket` does.

    `put`, `remove` and `remove_version` return the notification that S3 would send. `failures` are raised by the
    calls ("fetch" or "current") for a key, one each; `before` is called first, with the call's name and its event.
    An object that is put has `now` as its time of modification.
    """

    requests_at_once: ClassVar[int] = 8

    name: str = "billing"
    versioned: bool = False
    sequencer: Sequencer = growing
    keys: dict[str, list[Stored]] = field(default_factory=dict)
    failures: dict[tuple[str, str], list[Exception]] = field(default_factory=dict)
    before: Callable[[str, ObjectEvent], None] = field(default=lambda _call, _event: None)
    calls: list[tuple[str, str]] = field(default_factory=list)
    now: datetime = EVENT_TIME
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # -- the owner of the bucket -------------------------------------------------------------------------

    def put(self, key: str, content: bytes | str) -> ObjectEvent:
        content = content.encode() if isinstance(content, str) else content
        stored = self._add(key, content)
        return self._event(EventKind.CREATED, key, "ObjectCreated:Put", stored)

    def remove(self, key: str) -> ObjectEvent:
        """Delete the key; in a versioned bucket that puts a delete marker on top."""
        if self.versioned:
            return self._event(EventKind.REMOVED, key, "ObjectRemoved:DeleteMarkerCreated", self._add(key, None))
        self.keys.pop(key, None)
        return self._event(EventKind.REMOVED, key, "ObjectRemoved:Delete", None)

    def remove_version(self, key: str, version_id: str) -> ObjectEvent:
        """Delete one version for good."""
        self.keys[key] = [stored for stored in self.keys[key] if stored.version_id != version_id]
        return self._event(EventKind.REMOVED, key, "ObjectRemoved:Delete", Stored(version_id, None))

    def content(self, key: str) -> bytes | None:
        """Return the current content of a key."""
        versions = self.keys.get(key)
        return versions[-1].content if versions else None

    def _add(self, key: str, content: bytes | None) -> Stored:
        stored = Stored(f"v{next(self._numbers)}" if self.versioned else None, content, self.now)
        with self._lock:
            self.keys[key] = [*(self.keys.get(key, []) if self.versioned else []), stored]
        return stored

    def _event(self, kind: EventKind, key: str, name: str, stored: Stored | None) -> ObjectEvent:
        created = stored.version if stored and stored.content is not None else None
        return ObjectEvent(
            kind=kind,
            bucket=self.name,
            key=key,
            event_name=name,
            version_id=stored.version_id if stored else None,
            etag=created.etag if created else None,
            sequencer=self.sequencer(next(self._numbers)),
            size_bytes=created.size_bytes if created else None,
            event_time=EVENT_TIME,
        )

    # -- the ports ---------------------------------------------------------------------------------------

    def pages(self, prefix: str = "") -> Iterator[list[ListedObject]]:
        """Yield the listing, one object a page; a change between two pages shows in the pages after it."""
        for key in sorted(key for key in self.keys if key.startswith(prefix)):
            current = self.keys.get(key, [])[-1:]
            yield [self._listed(key, stored) for stored in current if stored.content is not None]

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        self._begin("current", event)
        with self._lock:
            versions = self.keys.get(event.key)
        return versions[-1].version if versions and versions[-1].content is not None else GONE

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        self._begin("fetch", event)
        with self._lock:
            stored = self._wanted(event, self.keys.get(event.key, []))
        if stored is None or stored.content is None:
            raise ObjectMissing(f"GET {event.scope}: NoSuchKey")
        target.write_bytes(stored.content)
        return Fetched(target, stored.version)

    def _listed(self, key: str, stored: Stored) -> ListedObject:
        return ListedObject(self.name, key, stored.version.etag or "", stored.version.size_bytes, stored.modified)

    def _wanted(self, event: ObjectEvent, versions: list[Stored]) -> Stored | None:
        if event.version_id:
            return next((stored for stored in versions if stored.version_id == event.version_id), None)
        return versions[-1] if versions else None  # also if If-Match does not match: the current version

    def _begin(self, call: str, event: ObjectEvent) -> None:
        self.calls.append((call, event.key))
        self.before(call, event)
        if waiting := self.failures.get((call, event.key)):
            raise waiting.pop(0)
