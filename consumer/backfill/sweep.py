"""A sweep: compare the bucket with the ledger, and process what no notification reported.

A notification may be lost, or was never sent. The events of a sweep are processed like any others. They have no
sequencer, so `decide` asks S3 wherever the ledger has another version: an object that was listed before a newer version
of it was loaded never replaces that version.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from billstream.common.lake import Lake
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.common.stop import Stop
from billstream.consumer.backfill.backfill import Backfill, BackfillResult
from billstream.consumer.backfill.temporary_table import append_rows, read_pages
from billstream.consumer.commit.duplicates import freed
from billstream.consumer.decide.decision import Verdict, decide
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.s3.listing import Bucket, ListedObject

CREATED = "ObjectCreated:Sweep"
REMOVED = "ObjectRemoved:Sweep"

log = structlog.get_logger(__name__)


class Difference(StrEnum):
    """The ways in which the bucket and the ledger can differ about one object."""

    UNKNOWN = "unknown"  # the ledger has no entry about it
    CHANGED = "changed"  # the ledger has another version of it
    GONE = "gone"  # the ledger has it, the bucket has not
    FREED = "freed"  # the ledger skipped it as duplicate content, and that content is no longer active


@dataclass(frozen=True)
class FoundDifference:
    """One difference, and the event that reconciles it."""

    difference: Difference
    event: ObjectEvent


@dataclass(frozen=True)
class Sweep:
    """Compares a bucket with the ledger. Holds one page of the listing in memory, however large the bucket is."""

    lake: Lake
    bucket: Bucket
    interest: Interest
    stop: Stop

    def differences(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[FoundDifference]:
        """Find every difference; after a requested stop, end early and report no object as gone.

        Args:
            progress: called with the number of objects of each page of the listing.

        Raises:
            Retryable: S3 or the catalog does not answer.
            Fatal: the bucket cannot be listed.
        """
        # The ledger is read before the listing begins: an object that arrives in between is not reported as gone.
        self.lake.run(statement(__name__, "sweep_known", guard=GUARD_TABLE), [self.bucket.name])
        self.lake.run("CREATE OR REPLACE TEMP TABLE sweep_listed (scope_id VARCHAR)")
        free = {scope_id(event.scope): event for event in freed(self.lake)}
        for page in self.bucket.pages():
            # Objects of pages that were not read are not gone: a sweep that ends early must not go on to that.
            if self.stop.requested:
                return
            yield from self._differences_of(page, free)
            progress(len(page))
        self.lake.run(statement(__name__, "sweep_gone"))
        for rows in read_pages(self.lake, "sweep_gone"):
            for row in rows:
                yield FoundDifference(
                    Difference.GONE,
                    ObjectEvent(kind=EventKind.REMOVED, bucket=self.bucket.name, key=row["key"], event_name=REMOVED),
                )

    def _differences_of(
        self, page: Sequence[ListedObject], free: Mapping[str, ObjectEvent]
    ) -> Iterator[FoundDifference]:
        events = {scope_id(one.created(CREATED).scope): (one.created(CREATED), one.version) for one in page}
        # All of them, also objects that are not included: what is listed is not gone.
        append_rows(self.lake, "sweep_listed", {"scope_id": list(events)})
        wanted = {key: pair for key, pair in events.items() if self.interest.includes(pair[0].key, pair[0].bucket)}
        held = self.lake.processed_keys(list(wanted))
        for key, (event, version) in wanted.items():
            if key not in held:
                yield FoundDifference(Difference.UNKNOWN, event)
            elif decide(event, held[key], version) is not Verdict.DUPLICATE:
                yield FoundDifference(Difference.CHANGED, event)
            elif key in free:
                yield FoundDifference(Difference.FREED, free[key])


def reconcile(sweep: Sweep, backfill: Backfill) -> BackfillResult:
    """Sweep once, process every difference, and log one line with the result.

    Raises:
        Retryable: S3 or the catalog does not answer; the next sweep continues from there.
        Fatal: the bucket cannot be listed, or see `Intake.process`.
    """
    result = BackfillResult()
    for outcomes in backfill.run(found.event for found in sweep.differences()):
        result.add(outcomes)
        for outcome in outcomes:
            outcome.log()
    log.info("sweep_done", bucket=sweep.bucket.name, finished=not sweep.stop.requested, **result.outcomes)
    return result
