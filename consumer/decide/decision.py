"""The verdict on an event, decided from values alone: the event, what the ledger holds, what the store says.

| what is known | verdict |
|---|---|
| nothing is held of the key, or a part that is none any more | load |
| the same version as is held, and it is processed | stale, duplicate or unchanged: nothing changes |
| another version, by a greater sequencer | load what is current |
| another version, by a smaller, an equal or no sequencer | ask the store: load what is current, or stale |
| a removal or an expiry | ask the store: remove or expire what is gone; what is there is processed as created |
| an object that would load, and is a part of a delivery | await its manifest |

An event is a claim: whoever can send to the queue can make one up, with any version and any sequencer. The store's
answer is the evidence. Rows are loaded only from what is current, and retracted only where nothing is. A sequencer
alone decides nothing: a greater one makes the consumer fetch, which gets what is current, and a smaller one makes it
ask, unless the event names the very version that is held. So a made-up sequencer costs a request, and holds no version
back.

A sequencer compares within one key only, as text of equal length padded on the left with zeros
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
"""

from dataclasses import replace
from enum import StrEnum

from billstream.common.lake import ProcessedKey
from billstream.consumer.decide.states import ACTIVE, ENDED, PROCESSED, State
from billstream.consumer.events import EventKind, Gone, ObjectEvent, ObjectVersion


class Verdict(StrEnum):
    """The verdict on an event: what to do with it."""

    LOAD = "load"
    REMOVE = "remove"
    EXPIRE = "expire"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    STALE = "stale"
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


_GOING = frozenset({EventKind.REMOVED, EventKind.EXPIRED})

Answer = ObjectVersion | Gone | None
"""What the store says is current; None before it was asked."""


def decide(event: ObjectEvent, held: ProcessedKey | None, current: Answer = None) -> Verdict:
    """Return the verdict on `event`. `Verdict.ASK` means: ask the store, then decide again with its answer.

    Any verdict but `STALE` is on what the event means by then, see `meant`.
    """
    if event.kind is EventKind.UNREADABLE:
        return Verdict.DUPLICATE if held else Verdict.QUARANTINE
    if event.kind is EventKind.CREATED:
        verdict = Verdict.LOAD if event.force else _decide_created(event, held, current)
    elif isinstance(current, ObjectVersion):
        verdict = _decide_still_there(event, held, current)
    else:
        verdict = _decide_gone(event, held, current)
    return _decide_part(verdict, event, held) if event.part else verdict


def meant(event: ObjectEvent, current: Answer) -> ObjectEvent:
    """Return the event itself; for a removal or an expiry of a key that has a current version, its creation.

    It keeps its place in the order of events: what was told before it tells of an older state.
    """
    if event.kind not in _GOING or not isinstance(current, ObjectVersion):
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
    place, same, expired = order(event, held), same_version(event, held), held.state == State.EXPIRED
    if same and held.state == State.AWAITING_MANIFEST and not event.part and place is not Order.OLDER:
        return Verdict.LOAD  # it is no part by the layouts in use now, so it waits no longer
    if same and held.state in PROCESSED and place is not Order.NEWER:
        return Verdict.STALE if place is Order.OLDER else Verdict.DUPLICATE
    # What a lifecycle rule has taken is rarely put again: a claim that it was is worth a question.
    if place is Order.NEWER and not expired:
        return Verdict.UNCHANGED if same and held.state in ACTIVE else Verdict.LOAD
    if not event.has_identity and place is Order.UNKNOWN and not expired:
        return Verdict.LOAD
    if current is None:
        return Verdict.ASK
    if isinstance(current, Gone):
        return Verdict.STALE
    if same_version(event, current):
        return Verdict.LOAD
    return Verdict.STALE if same_version(current, held) and held.state in PROCESSED else Verdict.LOAD


def _decide_still_there(event: ObjectEvent, held: ProcessedKey | None, current: ObjectVersion) -> Verdict:
    """Decide about a removal or an expiry of a key that has a current version."""
    known = held is not None and same_version(current, held) and held.state in PROCESSED - ENDED
    if known and not (event.kind is EventKind.REMOVED and _is_about_one_version(event)):
        return Verdict.STALE
    return _decide_created(meant(event, current), held, current)


def _decide_gone(event: ObjectEvent, held: ProcessedKey | None, current: Answer) -> Verdict:
    """Decide about a removal or an expiry before the store is asked, and where it has no current version."""
    if event.kind is EventKind.REMOVED and event.force:
        return Verdict.REMOVE
    ended, place = held is not None and held.state in ENDED, order(event, held) if held else Order.NEWER
    one = _is_about_one_version(event)
    if one and event.kind is EventKind.EXPIRED and held and held.version_id not in {None, event.version_id}:
        return Verdict.DUPLICATE  # a rule clears away old versions, never the current one alone
    if ended and place is not Order.NEWER and not one:
        return Verdict.STALE if place is Order.OLDER else Verdict.DUPLICATE
    if current is None:
        return Verdict.ASK
    if ended:
        # After an expiry a removal proves nothing: the object is gone in any case, and its rows could never come back.
        again = event.kind is EventKind.REMOVED and held is not None and held.state != State.EXPIRED
        return Verdict.REMOVE if again and place is Order.NEWER else Verdict.DUPLICATE
    return Verdict.EXPIRE if event.kind is EventKind.EXPIRED else Verdict.REMOVE


def _decide_part(verdict: Verdict, event: ObjectEvent, held: ProcessedKey | None) -> Verdict:
    """Turn the verdict on an object into that on a part: the ledger notes it, and its manifest loads it."""
    if verdict in {Verdict.REMOVE, Verdict.EXPIRE} and held is not None and held.state == State.MISSING:
        # A sweep reports a part gone that its manifest misses: the manifest goes on waiting for it.
        return Verdict.DUPLICATE
    if verdict is not Verdict.LOAD:
        return verdict
    known = held is not None and held.state in PROCESSED
    return Verdict.DUPLICATE if known and not event.has_identity and not event.force else Verdict.AWAIT


def _is_about_one_version(event: ObjectEvent) -> bool:
    """In a versioned bucket a version may be deleted for good, and so may a delete marker."""
    return event.version_id is not None and not event.event_name.endswith("DeleteMarkerCreated")
