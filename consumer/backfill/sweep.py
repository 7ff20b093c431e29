"""A sweep: compare the bucket with the ledger, and process what no notification reported.

A notification may be lost, or was never sent. The events of a sweep are processed like any others. They have no
sequencer, so `decide` asks S3 wherever the ledger has another version: an object that was listed before a newer version
of it was loaded never replaces that version.

An object that is gone tells nothing about its rows: somebody may have removed it because it was wrong, or a lifecycle
rule because it was old, and what it said was true when it was billed. So a sweep counts and lists what is gone; a
person decides what becomes of the rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import structlog

from billstream.common.errors import Fatal, Held
from billstream.common.lake import Lake
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.lake.guard import scope_id
from billstream.common.policies import RemovalPolicy
from billstream.common.statements import statement
from billstream.common.stop import Stop
from billstream.consumer.backfill.backfill import Backfill, BackfillResult
from billstream.consumer.backfill.temporary_table import append_rows, read_pages
from billstream.consumer.commit.duplicates import freed
from billstream.consumer.decide.decision import Verdict, decide
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.limits import MAX_SHARE
from billstream.consumer.s3.listing import Bucket, ListedObject

CREATED = "ObjectCreated:Sweep"
REMOVED = "ObjectRemoved:Sweep"
EXPIRED = "LifecycleExpiration:Sweep"

log = structlog.get_logger(__name__)


class Difference(StrEnum):
    """The ways in which the bucket and the ledger can differ about one object."""

    UNKNOWN = "unknown"  # the ledger has no entry about it
    CHANGED = "changed"  # the ledger has another version of it
    GONE = "gone"  # the ledger has it, the bucket has not
    FOREIGN = "foreign"  # the ledger has it, and its bucket is not configured
    FREED = "freed"  # the ledger skipped it as duplicate content, and that content is no longer active


class Gone(StrEnum):
    """What a sweep does about objects that are gone, and whose rows are active."""

    LIST = "list"
    RETRACT = "retract"
    KEEP = "keep"  # record them as expired: their rows stay, and they are listed no more


@dataclass(frozen=True)
class FoundDifference:
    """One difference, and the event that reconciles it. With `retracts`, that event takes rows away."""

    difference: Difference
    event: ObjectEvent
    retracts: bool = False

    def expired(self) -> ObjectEvent:
        """Return the event that records the object as expired, for one that is gone."""
        return replace(self.event, kind=EventKind.EXPIRED, event_name=EXPIRED)


@dataclass(frozen=True)
class Sweep:
    """Compares a bucket with the ledger. Holds one page of the listing in memory, however large the bucket is."""

    lake: Lake
    bucket: Bucket
    interest: BillingFiles
    stop: Stop

    def differences(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[FoundDifference]:
        """Find every difference; after a requested stop, end early and report no object as gone.

        Args:
            progress: called with the number of objects of each page of the listing.

        Raises:
            Retryable: S3 or the catalog does not answer.
            Fatal: the bucket cannot be listed.
        """
        self.lake.use_threads(one=False)
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
                    self._retracts(row),
                )

    def counts(self) -> tuple[int, int]:
        """Return how many objects with active rows are gone, and of how many; once the listing has ended."""
        pages = read_pages(self.lake, "sweep_gone")
        gone = sum(self._retracts(row) for rows in pages for row in rows)
        return gone, self.lake.rows("SELECT count(*) FROM sweep_known WHERE has_rows")[0][0]

    def _as_part(self, event: ObjectEvent) -> ObjectEvent:
        return replace(event, part=self.interest.is_part(event.key))

    def _retracts(self, row: Mapping[str, Any]) -> bool:
        # The rows of a part come and go with its manifest, whatever becomes of the object.
        return bool(row["has_rows"]) and not self.interest.is_part(row["key"])

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
            elif decide(self._as_part(event), held[key], version) is not Verdict.DUPLICATE:
                yield FoundDifference(Difference.CHANGED, event)
            elif key in free:
                yield FoundDifference(Difference.FREED, free[key])


def reconcile(sweep: Sweep, backfill: Backfill, gone: Gone = Gone.LIST, max_share: float = MAX_SHARE) -> BackfillResult:
    """Sweep once, process every difference, and log one line with the result.

    Args:
        sweep: finds the differences.
        backfill: processes their events.
        gone: what is done about objects that are gone, and whose rows are active.
        max_share: the share of the bucket's active objects, 0 to 1, above which none of them is retracted.

    Raises:
        Retryable: S3 or the catalog does not answer; the next sweep continues from there.
        Fatal: the bucket cannot be listed, or see `Intake.process`. Or too many objects are gone: none of them was
            retracted, and all other differences are processed.
    """
    result = BackfillResult()
    problem: str | None = None

    def events() -> Iterator[ObjectEvent]:
        nonlocal problem
        keeps = backfill.settings.on_removed is RemovalPolicy.KEEP  # then a removal takes no rows away
        retracts, checked = gone is Gone.RETRACT, False
        for found in sweep.differences():
            if found.retracts and gone is Gone.KEEP:
                yield found.expired()
                continue
            if found.retracts and retracts and not checked and not keeps:
                # Only now is the listing complete, so that the share can be told; and nothing is retracted yet.
                problem, checked = _too_many(sweep, max_share), True
                retracts = problem is None
            if not found.retracts or retracts or keeps:
                yield found.event
            else:
                result.add_gone(found.event.scope)

    _process(sweep, backfill, events(), result)
    if result.gone:
        log.warning("objects_gone", bucket=sweep.bucket.name, objects=result.gone, examples=result.gone_listed[:10])
    log.info("sweep_done", bucket=sweep.bucket.name, finished=not sweep.stop.requested, **result.outcomes)
    if problem:
        raise Fatal(problem)
    return result


def _process(sweep: Sweep, backfill: Backfill, events: Iterator[ObjectEvent], result: BackfillResult) -> None:
    try:
        for outcomes in backfill.run(events):
            result.add(outcomes)
            for outcome in outcomes:
                outcome.log()
    except Held as held:
        # Not due again at once: the objects differ until the next sweep, and all others were processed.
        log.warning("sweep_held", bucket=sweep.bucket.name, reason=str(held))


def _too_many(sweep: Sweep, max_share: float) -> str | None:
    gone, active = sweep.counts()
    if gone <= max_share * active:
        return None
    return (
        f"{gone:,} of {active:,} active objects of the bucket {sweep.bucket.name} are gone, which is more than "
        f"--max-share {max_share:g} allows; none of them was retracted. Check that this is the right bucket and that "
        "its objects were removed on purpose: `billstream sweep --dry-run` names them. To retract them, raise "
        "--max-share; to keep their rows and list them no more, run: billstream sweep --keep-gone"
    )


def foreign(lake: Lake, buckets: Sequence[str]) -> Iterator[FoundDifference]:
    """Find the objects whose rows are active, and whose buckets are not configured; their events retract the rows.

    Args:
        lake: has the ledger.
        buckets: those that are configured.
    """
    lake.run(statement(__name__, "sweep_foreign", guard=GUARD_TABLE), [list(buckets)])
    for rows in read_pages(lake, "sweep_foreign"):
        for row in rows:
            # Forced: their buckets are never asked.
            event = ObjectEvent(
                kind=EventKind.REMOVED, bucket=row["bucket"], key=row["key"], event_name=REMOVED, force=True
            )
            yield FoundDifference(Difference.FOREIGN, event, retracts=True)
