"""One store of objects over two: S3, and the local file system for files that were loaded from there."""

from dataclasses import dataclass
from pathlib import Path

from billstream.consumer.events import FILE_BUCKET, Gone, ObjectEvent, ObjectVersion
from billstream.consumer.s3.objects import Fetched, ObjectStore


@dataclass(frozen=True)
class RoutedObjects:
    """Asks the store that the event's bucket belongs to. The methods are those of `ObjectStore`."""

    buckets: ObjectStore
    files: ObjectStore

    @property
    def requests_at_once(self) -> int:
        """See `ObjectStore`."""
        return self.buckets.requests_at_once

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        return self._store(event).current(event)

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`."""
        return self._store(event).fetch(event, target)

    def _store(self, event: ObjectEvent) -> ObjectStore:
        return self.files if event.bucket == FILE_BUCKET else self.buckets
