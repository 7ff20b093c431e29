"""Events for objects that were announced before, or never: from the bucket's listing, or from the ledger."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from billstream.common.lake import Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.selection import Selection
from billstream.consumer.backfill.temporary_table import read_pages
from billstream.consumer.decide.decision import Answer, Verdict, decide
from billstream.consumer.decide.states import State
from billstream.consumer.events import EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.layouts.layout import Layouts, PartOf
from billstream.consumer.s3.listing import Bucket

EVENT_NAME = "ObjectCreated:Replay"


@dataclass(frozen=True)
class Candidate:
    """An event to replay. `current` is the object's version in the listing, None if no listing was read."""

    event: ObjectEvent
    current: ObjectVersion | None = None


Source = Callable[[], Iterator[list[Candidate]]]
"""Yields the candidates, a page at a time."""


@dataclass(frozen=True)
class FromListing:
    """Candidates from the current listing of the bucket.

    An object whose ETag the ledger has costs a look-up and is not fetched.
    """

    lake: Lake
    bucket: Bucket
    interest: Interest
    selection: Selection

    def __call__(self) -> Iterator[list[Candidate]]:
        """Yield the selected objects of each page of the listing.

        Raises:
            Retryable: S3 or the catalog does not answer.
            Fatal: the bucket cannot be listed.
        """
        if self.selection.states:
            _select_states(self.lake, self.selection)
        for page in self.bucket.pages(self.selection.prefix):
            selected = {
                scope_id(event.scope): (event, listed.version)
                for listed in page
                if self.interest.includes(listed.key, listed.bucket)
                and self.selection.includes(listed.key, listed.modified)
                for event in [listed.created(EVENT_NAME)]
            }
            states: dict[str, State | None] = dict.fromkeys(selected)
            if self.selection.states:
                found = self.lake.rows(statement(__name__, "replay_current_states"), [list(selected)])
                states = {key: State(state) for key, state in found}
            yield [
                Candidate(event.forced() if self.selection.forces(states[key]) else event, version)
                for key, (event, version) in selected.items()
                if key in states
            ]


@dataclass(frozen=True)
class FromLedger:
    """Candidates from the ledger, of every bucket and of local files.

    No listing was read, so the events name no version: each object is fetched, and its content decides.
    """

    lake: Lake
    selection: Selection

    def __call__(self) -> Iterator[list[Candidate]]:
        """Yield the selected objects that the ledger knows, a page at a time.

        Raises:
            Retryable: the catalog does not answer.
        """
        _select_states(self.lake, self.selection)
        # A copy, as the ledger grows while its objects are replayed.
        self.lake.run(statement(__name__, "replay_objects"))
        for rows in read_pages(self.lake, "replay_objects"):
            candidates = []
            for row in rows:
                if not self.selection.includes(row["key"], row["modified"]):
                    continue
                event = ObjectEvent(
                    kind=EventKind.CREATED,
                    bucket=row["bucket"],
                    key=row["key"],
                    event_name=EVENT_NAME,
                    size_bytes=row["size_bytes"],
                )
                state = State(row["current_state"]) if self.selection.states else None
                candidates.append(Candidate(event.forced() if self.selection.forces(state) else event))
            yield candidates


def expected_verdicts(lake: Lake, candidates: Sequence[Candidate], layouts: Layouts) -> list[Verdict]:
    """Return the verdict that each candidate would get now, by ledger and listing alone; no object is fetched."""
    held = lake.processed_keys([scope_id(candidate.event.scope) for candidate in candidates])
    return [
        expected_verdict(one.event, held.get(scope_id(one.event.scope)), layouts, one.current) for one in candidates
    ]


def expected_verdict(
    event: ObjectEvent, held: ProcessedKey | None, layouts: Layouts, current: Answer = None
) -> Verdict:
    """Return the verdict that one event would get now. A part of a delivery waits for its manifest."""
    part = isinstance(layouts.role(event.key), PartOf)
    return decide(replace(event, part=part), held, current)


def _select_states(lake: Lake, selection: Selection) -> None:
    lake.run(statement(__name__, "replay_states"), [sorted(state.value for state in selection.states)])
