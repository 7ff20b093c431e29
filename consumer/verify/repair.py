"""Repair what a proof has found. Every step is one commit that leaves the lake no worse, so it may end anywhere.

An object that the store still has is loaded again, in place of its current rows. Rows are deleted only if their load is
active neither in the ledger nor in the catalog, or if the ledger has two active loads of one object and the catalog has
the other one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from billstream.common import retries
from billstream.common.lake import Lake
from billstream.common.lake.datafiles import DataFile, data_files, take_out
from billstream.common.texts import counted
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.commit.unit import Unit
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.exports.deciding import settle
from billstream.consumer.verify.finding import Check, Cure, Finding
from billstream.consumer.verify.reconciliation import reconcile

ROUNDS = 4
"""One repair may reveal another problem: a claim that is right again, that its rows are missing."""

AT_ONCE = 1000
CREATED = "ObjectCreated:Verify"


@dataclass(frozen=True)
class Repairs:
    """Repair the lake.

    Args:
        lake: open for writing.
        backfill: loads objects again.
        author: this process, as ledger and snapshots name it.
        rebuild: recomputes whatever is derived from the charges; see `repair`.
    """

    lake: Lake
    backfill: Backfill
    author: str
    rebuild: Callable[[Lake], object]

    def apply(self, findings: Sequence[Finding]) -> list[Outcome]:
        """Repair these findings, all but the aggregates. Return the outcomes of the objects that were loaded again.

        Raises:
            Retryable: the lake or the store does not answer; run it again.
        """
        for finding in findings:
            if finding.cure is Cure.RECONCILE:
                reconcile(self.lake, finding, author=self.author, now=datetime.now(UTC))
        if any(finding.cure is Cure.SETTLE for finding in findings):
            settle(self.lake, author=self.author)
        self._retract([finding for finding in findings if finding.cure is Cure.RETRACT and finding.load_id])
        outcomes = [outcome for batch in self.backfill.run(_events(findings)) for outcome in batch]
        # Only now, so that charges lack nothing in between that an object still has.
        self._take_out([finding.damaged for finding in findings if finding.damaged and finding.cure is Cure.TAKE_OUT])
        return outcomes

    def _take_out(self, files: Sequence[DataFile]) -> None:
        """Take damaged files out of the lake, unless the commits of new loads have done so."""
        tables = {file.table for file in files}
        there = {file for table in tables for file in data_files(self.lake, table)}
        left = [file for file in files if file in there]
        if left:
            retries.redo_on_conflict(partial(take_out, self.lake, left, author=self.author))

    def _retract(self, findings: Sequence[Finding]) -> None:
        for start in range(0, len(findings), AT_ONCE):
            some = findings[start : start + AT_ONCE]
            loads = [finding.load_id for finding in some if finding.load_id]
            # In a damaged file a load id may be one that the statistics deny, so the file is searched by its name.
            unit = Unit(replaced=loads, searched=sorted({path for finding in some for path in finding.data_files}))
            message = f"verify --repair: deletes rows of {counted(len(some), 'load')} not active"
            # A delete conflicts with any concurrent insert; it depends on nothing that was read, so it is redone as is.
            retries.redo_on_conflict(partial(unit.commit, self.lake, self.author, message))


def repair(
    findings: Sequence[Finding], repairs: Repairs, prove_again: Callable[[], Sequence[Finding]]
) -> Sequence[Finding]:
    """Repair, and prove again, until nothing is found or no more can be repaired. Return the last findings."""
    for _ in range(ROUNDS):
        if all(finding.cure is Cure.NONE for finding in findings):
            break
        repairs.apply(findings)
        before, findings = findings, prove_again()
        # What is derived is computed from charges that are right by now, and never from those that stay wrong.
        if all(finding.check is not Check.CHARGES for finding in findings):
            repairs.rebuild(repairs.lake)
            findings = prove_again() if findings else findings
        if findings == before:
            break
    return findings


def _events(findings: Iterable[Finding]) -> list[ObjectEvent]:
    """Return the events that repair these findings, at most one for each object."""
    found: dict[str, ObjectEvent] = {}
    for finding in findings:
        if finding.bucket is None or finding.key is None or finding.scope is None:
            continue
        created = ObjectEvent(kind=EventKind.CREATED, bucket=finding.bucket, key=finding.key, event_name=CREATED)
        if finding.cure is Cure.RELOAD:
            found.setdefault(finding.scope, created.forced())
    return list(found.values())
