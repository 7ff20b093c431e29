"""Events made anew for objects that were announced before, or never: from the bucket's listing, or from the ledger."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.paging import pages
from billstream.consumer.backfill.selection import Selection
from billstream.consumer.decide.decision import Answer, Verdict, decide
from billstream.consumer.decide.states import State
from billstream.consumer.events import EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.layout import PartOf
from billstream.consumer.s3.listing import Bucket, Listed

if TYPE_CHECKING:
    from billstream.common.lake import Lake, ProcessedKey
    from billstream.consumer.layouts.interest import Interest
    from billstream.consumer.layouts.registry import Layouts

EVENT_NAME = "ObjectCreated:Replay"


@dataclass(frozen=True)
class Candidate:
    """An event to be replayed. `current` is what the listing says of its object, None where nobody has looked."""

    event: ObjectEvent
    current: ObjectVersion | None = None


Source = Callable[[], Iterator[list[Candidate]]]
"""Brings the candidates, a page at a time."""


@dataclass(frozen=True)
class FromListing:
    """Candidates from what the bucket holds now. An object that the ledger has, with the same ETag, costs a look-up."""

    lake: "Lake"
    bucket: Bucket
    interest: "Interest"
    selection: Selection

    def __call__(self) -> Iterator[list[Candidate]]:
        """List, select, and make events.

        Raises:
            Retryable: S3 or the catalog does not answer.
            Fatal: the bucket cannot be listed.
        """
        if self.selection.states:
            _read_states(self.lake, self.selection)
        for page in self.bucket.pages(self.selection.prefix):
            meant = [one for one in page if self.interest.includes(one.key) and self._means(one)]
            yield list(self._candidates(meant))

    def _means(self, listed: Listed) -> bool:
        return self.selection.includes(listed.key, listed.modified)

    def _candidates(self, meant: Sequence[Listed]) -> Iterator[Candidate]:
        events = [(listed, listed.created(EVENT_NAME)) for listed in meant]
        standing = self._standing([event for _, event in events]) if self.selection.states else None
        for listed, event in events:
            key = scope_id(event.scope)
            if standing is None or key in standing:
                forced = self.selection.forces(standing[key] if standing else None)
                yield Candidate(event.forced() if forced else event, listed.version)

    def _standing(self, events: Sequence[ObjectEvent]) -> dict[str, State]:
        ids = [scope_id(event.scope) for event in events]
        found = self.lake.rows(statement(__name__, "replay_standing"), [ids])
        return {key: State(state) for key, state in found}


@dataclass(frozen=True)
class FromLedger:
    """Candidates from the ledger, of every bucket and of local files.

    Nobody has looked at the objects, so the events are of no version: each object is fetched, and its content decides.
    """

    lake: "Lake"
    selection: Selection

    def __call__(self) -> Iterator[list[Candidate]]:
        """Read, select, and make events.

        Raises:
            Retryable: the catalog does not answer.
        """
        _read_states(self.lake, self.selection)
        self.lake.run(statement(__name__, "replay_objects"))
        for rows in pages(self.lake, "replay_objects"):
            meant = [row for row in rows if self.selection.includes(row["key"], row["modified"])]
            yield [Candidate(self._event(row)) for row in meant]

    def _event(self, row: dict[str, Any]) -> ObjectEvent:
        event = ObjectEvent(
            kind=EventKind.CREATED,
            bucket=row["bucket"],
            key=row["key"],
            event_name=EVENT_NAME,
            size_bytes=row["size_bytes"],
        )
        asked_for = State(row["standing"]) if self.selection.states else None
        return event.forced() if self.selection.forces(asked_for) else event


def foresee(lake: "Lake", candidates: Sequence[Candidate], layouts: "Layouts") -> list[Verdict]:
    """What each candidate would get now, as far as the ledger and the listing tell; nothing is fetched."""
    held = lake.processed_keys([scope_id(candidate.event.scope) for candidate in candidates])
    return [foreseen(one.event, held.get(scope_id(one.event.scope)), layouts, one.current) for one in candidates]


def foreseen(event: ObjectEvent, held: "ProcessedKey | None", layouts: "Layouts", current: Answer = None) -> Verdict:
    """What one event would get; a part of a delivery waits for its manifest, or comes with it."""
    part = isinstance(layouts.role(event.key), PartOf)
    return decide(replace(event, part=part), held, current)


def _read_states(lake: "Lake", selection: Selection) -> None:
    lake.run(statement(__name__, "replay_states"), [sorted(state.value for state in selection.states)])
