"""The bucket against the ledger: what no notification told of, because it got lost or was never sent.

The events that come of it are settled like any others. They have no sequencer, so `decide` asks S3 where the
ledger holds something else: an object that was listed before a newer version of it was loaded rolls nothing back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.feed import Fed, Feed
from billstream.consumer.backfill.paging import append, pages
from billstream.consumer.commit.duplicates import freed
from billstream.consumer.decide.decision import Verdict, decide
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.listing import Bucket, Listed

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.common.stop import Stop
    from billstream.consumer.layouts.interest import Interest

CREATED = "ObjectCreated:Sweep"
REMOVED = "ObjectRemoved:Sweep"

log = structlog.get_logger(__name__)


class Difference(StrEnum):
    """How the bucket and the ledger differ about one object."""

    UNKNOWN = "unknown"  # the ledger has no line about it
    CHANGED = "changed"  # the ledger is about another version of it
    GONE = "gone"  # the ledger has it, the bucket has not
    FREED = "freed"  # the ledger skipped it for a content that is in force nowhere any more


@dataclass(frozen=True)
class Found:
    """One difference, and the event that settles it."""

    difference: Difference
    event: ObjectEvent


@dataclass(frozen=True)
class Sweep:
    """Compares a bucket with the ledger. Holds a page of the listing at a time, however large the bucket is."""

    lake: "Lake"
    bucket: Bucket
    interest: "Interest"
    stop: "Stop"

    def differences(self, listed: Callable[[int], None] = lambda _: None) -> Iterator[Found]:
        """Find every difference; ends early, and then without a word on what is gone, when told to stop.

        Args:
            listed: told how many objects each page of the listing has.

        Raises:
            Retryable: S3 or the catalog does not answer.
            Fatal: the bucket cannot be listed.
        """
        # What the ledger holds before the listing begins: an object that comes meanwhile is not taken for gone.
        self.lake.run(statement(__name__, "sweep_held", guard=GUARD_TABLE), [self.bucket.name])
        self.lake.run("CREATE OR REPLACE TEMP TABLE sweep_listed (scope_id VARCHAR)")
        free = {scope_id(event.scope): event for event in freed(self.lake)}
        for page in self.bucket.pages():
            if self.stop.requested:
                return
            yield from self._created(page, free)
            listed(len(page))
        self.lake.run(statement(__name__, "sweep_gone"))
        for rows in pages(self.lake, "sweep_gone"):
            yield from (Found(Difference.GONE, self._removed(row["key"])) for row in rows)

    def _created(self, page: Sequence[Listed], free: Mapping[str, ObjectEvent]) -> Iterator[Found]:
        events = {scope_id(one.created(CREATED).scope): (one.created(CREATED), one.version) for one in page}
        append(self.lake, "sweep_listed", {"scope_id": list(events)})
        wanted = {key: pair for key, pair in events.items() if self.interest.includes(pair[0].key)}
        held = self.lake.processed_keys(list(wanted))
        for key, (event, version) in wanted.items():
            if key not in held:
                yield Found(Difference.UNKNOWN, event)
            elif decide(event, held[key], version) is not Verdict.DUPLICATE:
                yield Found(Difference.CHANGED, event)
            elif key in free:
                yield Found(Difference.FREED, free[key])

    def _removed(self, key: str) -> ObjectEvent:
        return ObjectEvent(kind=EventKind.REMOVED, bucket=self.bucket.name, key=key, event_name=REMOVED)


def settle(sweep: Sweep, feed: Feed) -> Fed:
    """Sweep once, and settle what is found; one line of the log tells what it came to.

    Raises:
        Retryable: S3 or the catalog does not answer; the next sweep goes on from there.
        Fatal: the bucket cannot be listed, or see `Intake.settle`.
    """
    fed = Fed()
    for outcomes in feed.run(found.event for found in sweep.differences()):
        fed.add(outcomes)
        for outcome in outcomes:
            outcome.log()
    log.info("sweep_done", bucket=sweep.bucket.name, finished=not sweep.stop.requested, **fed.outcomes)
    return fed
