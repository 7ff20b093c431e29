"""An event of one object, as a notification tells of it: the values that flow through the consumer."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

Item = TypeVar("Item")

FILE_BUCKET = "file:"
"""The bucket of local files; their keys are absolute paths."""

MESSAGE_BUCKET = "message:"
"""The bucket of messages that nobody can read; their keys are digests of their bodies."""

EXPORT_BUCKET = "export:"
"""The bucket of ledger entries about a delivery as a whole; their keys are `bucket/export/period`."""


class EventKind(StrEnum):
    """The kinds of events that a message may report."""

    CREATED = "created"
    REMOVED = "removed"
    EXPIRED = "expired"  # by a lifecycle rule of the bucket: what it said was true when it was billed
    UNREADABLE = "unreadable"  # the message itself cannot be read; `body` holds it, `problem` says why


@dataclass(frozen=True, kw_only=True)
class ObjectEvent:
    """One object version that came to be or went away.

    `key` is decoded. `version_id` is None in an unversioned bucket. `etag` is without quotes. `sequencer`
    orders events of one key, compared as hexadecimal numbers of equal length. `attempt` counts the receives
    of the message that brought the event, from 1. `force` loads what the store has now, whatever the ledger says; a
    removal that is forced, which no message can be, retracts whatever the store says.
    `part` marks a part of an export's delivery, whose rows come and go with its manifest.
    """

    kind: EventKind
    bucket: str
    key: str
    event_name: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    size_bytes: int | None = None
    event_time: datetime | None = None
    attempt: int = 1
    force: bool = False
    part: bool = False
    body: str | None = None
    problem: str | None = None

    @property
    def scope(self) -> str:
        """The scope that a load of this object replaces: the object itself."""
        if self.bucket in {FILE_BUCKET, MESSAGE_BUCKET, EXPORT_BUCKET}:
            return f"{self.bucket}//{self.key}"
        return f"s3://{self.bucket}/{self.key}"

    def forced(self) -> "ObjectEvent":
        """The same, but to be loaded whatever the ledger says; hence of no version but what the store has then."""
        return replace(self, force=True, version_id=None, etag=None, sequencer=None)

    def of_no_version(self) -> "ObjectEvent":
        """The same, but about whatever version is current."""
        return replace(self, version_id=None, etag=None)

    @property
    def has_identity(self) -> bool:
        """True when the event says which version of the object it means."""
        return self.version_id is not None or self.etag is not None


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object as the object store tells of it. A listing leaves `last_modified` out."""

    version_id: str | None
    etag: str | None
    size_bytes: int
    last_modified: datetime | None = field(default=None, compare=False)


class Gone:
    """The store's answer that a key has no current version."""


GONE = Gone()


class Later(Exception):  # noqa: N818 - it names an outcome, not a thing
    """The event cannot be processed now, so its message goes back to the queue.

    A value where it is the end of one event of a batch; raised where it is the end of a whole delivery.

    Args:
        reason: why, for logs and operators.
        unavailable: the object store as a whole does not answer.
        missing: the part of the delivery that is not there, where that is the reason.
        holding: everything fails, so the event waits until something can be loaded again.
        fatal: the error that ends the process, once all other events of the batch are processed.
    """

    def __init__(
        self,
        reason: str,
        *,
        unavailable: bool = False,
        missing: "ObjectEvent | None" = None,
        holding: bool = False,
        fatal: Exception | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unavailable = unavailable
        self.missing = missing
        self.holding = holding
        self.fatal = fatal


def batches(
    items: Iterable[Item],
    most: int,
    *,
    most_bytes: float = math.inf,
    size_bytes: Callable[[Item], int] = lambda _: 0,
) -> Iterator[list[Item]]:
    """Yield the items in batches, in their order; no batch is empty.

    A batch is closed by the item that fills it. So it never has more than `most` items, but it may be larger than
    `most_bytes` by a part of its last item: a single item of any size has its place.

    Args:
        items: read one by one, so that they may come from a listing that takes a while.
        most: items in a batch, 1 or more.
        most_bytes: the size at which a batch is full; no limit when it is left out.
        size_bytes: returns the size of one item in bytes.
    """
    batch: list[Item] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size_bytes(item)
        if len(batch) >= most or total >= most_bytes:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
