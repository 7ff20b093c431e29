"""Mends what a proof has found. Every step is a commit that leaves the lake no worse, so it may be ended anywhere.

What can be loaded from the store again is replaced in one commit. Rows are deleted of loads that neither the ledger nor
the catalog has in force, and where the ledger has two of one object, of that which the catalog has not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billstream.aggregator.refresh import rebuild
from billstream.cli.verify.finding import Cure, Finding
from billstream.cli.verify.reconciliation import reconcile
from billstream.common import retries
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.commit.unit import retract_rows
from billstream.consumer.events import EventKind, ObjectEvent

if TYPE_CHECKING:
    import duckdb

    from billstream.cli.verify.proof import Proof
    from billstream.common.lake import Lake
    from billstream.consumer.backfill.backfill import Backfill

ROUNDS = 3
"""One mended thing may bring another to light: a claim that is put right, that the rows behind it are not there."""

AT_ONCE = 1000
CREATED = "ObjectCreated:Verify"
REMOVED = "ObjectRemoved:Verify"


@dataclass(frozen=True)
class Repairs:
    """Mends the lake with `feed`, in the name of `author`."""

    lake: "Lake"
    feed: "Backfill"
    author: str

    def mend(self, findings: Sequence[Finding]) -> list[Outcome]:
        """Do what is to be done about these findings. Returns what became of the objects that were loaded anew.

        Raises:
            Retryable: the lake or the store does not answer; run it again.
        """
        for finding in findings:
            if finding.cure is Cure.RECONCILE:
                reconcile(self.lake, finding, author=self.author, now=datetime.now(UTC))
        self._retract([finding.load_id for finding in findings if finding.cure is Cure.RETRACT and finding.load_id])
        outcomes = [outcome for batch in self.feed.run(_events(findings)) for outcome in batch]
        rebuild(self.lake)
        return outcomes

    def _retract(self, load_ids: Sequence[str]) -> None:
        for start in range(0, len(load_ids), AT_ONCE):
            self._delete(load_ids[start : start + AT_ONCE])

    def _delete(self, load_ids: Sequence[str]) -> None:
        def write(con: "duckdb.DuckDBPyConnection") -> None:
            retract_rows(con, load_ids)

        message = f"verify: rows of {len(load_ids)} loads that are not in force"
        retries.redo_on_conflict(lambda: self.lake.commit(write, claims=[], author=self.author, message=message))


def mend(proof: "Proof", repairs: Repairs, prove_again: Callable[[], "Proof"]) -> "Proof":
    """Mend, and prove again, until all agrees or nothing more can be mended. Returns the last proof."""
    for _ in range(ROUNDS):
        before = proof.findings
        if all(finding.cure is Cure.NONE for finding in before):
            break
        repairs.mend(before)
        proof = prove_again()
        if proof.findings == before:
            break
    return proof


def _events(findings: Iterable[Finding]) -> list[ObjectEvent]:
    """The events of the findings that an event mends, one for each object."""
    found: dict[str, ObjectEvent] = {}
    for finding in findings:
        if finding.bucket is None or finding.key is None or finding.scope is None:
            continue
        created = ObjectEvent(kind=EventKind.CREATED, bucket=finding.bucket, key=finding.key, event_name=CREATED)
        if finding.cure is Cure.RELOAD:
            found.setdefault(finding.scope, created.forced())
        elif finding.cure is Cure.REMOVE:  # there is nothing left to load
            found[finding.scope] = replace(created, kind=EventKind.REMOVED, event_name=REMOVED)
    return list(found.values())
