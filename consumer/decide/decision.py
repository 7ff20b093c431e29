"""The verdict on an event, decided from values alone: the event, what the ledger holds, what the store says.

| what is known | verdict |
|---|---|
| nothing is held of the key | load, or remove (a tombstone against a late create) |
| the event is older than what is held (its sequencer is strictly smaller) | stale |
| the same version as is held | duplicate; unchanged when a newer event names the same content |
| newer | load or remove |
| one version, or a delete marker, is removed for good | ask the store: remove, or as if what is current were created |
| no order can be told (sequencer equal or absent) | ask the store which version is current |
| an object that would load, and is a part of a delivery | await its manifest |

A sequencer compares within one key only, as text of equal length padded on the left with zeros
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
"""

from dataclasses import replace
from enum import StrEnum

from billstream.common.lake import ProcessedKey
from billstream.consumer.decide.states import ACTIVE, PROCESSED, UNLOADABLE, State
from billstream.consumer.events import EventKind, Gone, ObjectEvent, ObjectVersion


class Verdict(StrEnum):
    """The verdict on an event: what to do with it."""

    LOAD = "load"
    REMOVE = "remove"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    STALE = "stale"
    WITHDRAW = "withdraw"  # stale, but newer than the rows that a version in quarantine has left active
    SKIP = "skip"  # its content is active under another key
    AWAIT = "awaiting_manifest"  # it is a part of a delivery, which its manifest will load
    QUARANTINE = "quarantine"  # the message itself is at fault
    DENY = "deny"  # the store denies the object
    ASK = "ask"  # the store knows which version is current
    RELEASE = "release"  # it cannot be decided now; the event has to come again


class Order(StrEnum):
    """The place of an event relative to what is held."""

    OLDER = "older"
    NEWER = "newer"
    UNKNOWN = "unknown"


Answer = ObjectVersion | Gone | None
"""What the store says is current; None before it was asked."""


def decide(event: ObjectEvent, held: ProcessedKey | None, current: Answer = None) -> Verdict:
    """Return the verdict on `event`. `Verdict.ASK` means: ask the store, then decide again with its answer."""
    if event.kind is EventKind.UNREADABLE:
        return Verdict.DUPLICATE if held else Verdict.QUARANTINE
    event = meant(event, current)
    if event.kind is EventKind.REMOVED:
        verdict = _decide_removed(event, held, current)
    else:
        verdict = Verdict.LOAD if event.force else _decide_created(event, held, current)
    return _decide_part(verdict, event, held) if event.part else verdict


def meant(event: ObjectEvent, current: Answer) -> ObjectEvent:
    """The event itself; for the removal of one version, after which another is current, the creation of that one.

    It keeps its place in the order of events: what was told before it tells of an older state.
    """
    if current is None or not _removes_one_version(event) or not isinstance(current, ObjectVersion):
        return event
    return replace(
        event,
        kind=EventKind.CREATED,
        version_id=current.version_id,
        etag=current.etag,
        size_bytes=current.size_bytes,
    )


def order(event: ObjectEvent, held: ProcessedKey) -> Order:
    """Compare the sequencers. Equal or absent ones tell nothing: some stores send a constant, some none."""
    if not event.sequencer or not held.sequencer:
        return Order.UNKNOWN
    width = max(len(event.sequencer), len(held.sequencer))
    mine, theirs = event.sequencer.upper().rjust(width, "0"), held.sequencer.upper().rjust(width, "0")
    if mine == theirs:
        return Order.UNKNOWN
    return Order.OLDER if mine < theirs else Order.NEWER


def same_version(one: ObjectEvent | ObjectVersion, other: ObjectVersion | ProcessedKey | ObjectEvent) -> bool:
    """Return True when both name the same version: by version id where both have one, else by ETag."""
    if one.version_id and other.version_id:
        return one.version_id == other.version_id
    return one.etag is not None and one.etag == other.etag


def _decide_created(  # noqa: PLR0911 - a table of cases
    event: ObjectEvent, held: ProcessedKey | None, current: Answer
) -> Verdict:
    if held is None:
        return Verdict.LOAD
    standing = order(event, held)
    if standing is Order.OLDER:
        return Verdict.STALE
    same = same_version(event, held)
    if standing is Order.NEWER:
        return Verdict.UNCHANGED if same and held.state in ACTIVE else Verdict.LOAD
    if same and held.state in PROCESSED:
        return Verdict.DUPLICATE
    if not event.has_identity:
        return Verdict.LOAD
    if current is None:
        return Verdict.ASK
    if isinstance(current, Gone):
        return Verdict.STALE
    if same_version(event, current):
        return Verdict.LOAD
    return Verdict.STALE if same_version(current, held) else Verdict.LOAD


def _decide_removed(event: ObjectEvent, held: ProcessedKey | None, current: Answer) -> Verdict:
    standing = order(event, held) if held else Order.NEWER
    if standing is Order.OLDER:
        return Verdict.STALE
    if _removes_one_version(event) and current is None:
        return Verdict.ASK
    if held is None or standing is Order.NEWER:
        return Verdict.REMOVE
    if held.state in {State.REMOVED, State.KEPT}:
        return Verdict.DUPLICATE
    if current is None:
        return Verdict.ASK
    return Verdict.REMOVE if isinstance(current, Gone) else Verdict.STALE


def _decide_part(verdict: Verdict, event: ObjectEvent, held: ProcessedKey | None) -> Verdict:
    """Turn the verdict on an object into that on a part: the ledger notes it, and its manifest loads it."""
    if verdict is Verdict.REMOVE and held is not None and held.state == State.MISSING:
        # A sweep reports a part gone that its manifest misses: the manifest goes on waiting for it.
        return Verdict.DUPLICATE
    if verdict is not Verdict.LOAD:
        return verdict
    known = held is not None and held.state in PROCESSED
    return Verdict.DUPLICATE if known and not event.has_identity and not event.force else Verdict.AWAIT


def may_withdraw(event: ObjectEvent, held: ProcessedKey | None) -> bool:
    """Return whether a late removal may be of rows that are active only because the newest version cannot be loaded."""
    waiting = held is not None and held.load_id is not None and held.state in UNLOADABLE | {State.MISSING}
    return waiting and event.kind is EventKind.REMOVED and not _removes_one_version(event)


def _removes_one_version(event: ObjectEvent) -> bool:
    """In a versioned bucket a version may be deleted for good, and so may a delete marker."""
    return (
        event.kind is EventKind.REMOVED
        and event.version_id is not None
        and not event.event_name.endswith("DeleteMarkerCreated")
    )
