"""The whole proof: of the charges by `consumer.verify`, of the aggregates by `aggregator.verify`, and of copies."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billstream.aggregator.refresh import rebuild
from billstream.cli.status import Refresh, read_refresh
from billstream.cli.verify.aggregates import aggregate_findings
from billstream.cli.verify.copies import Copy, copy_findings
from billstream.common.exits import ExitCode, exit_code_of
from billstream.common.lake import Lake
from billstream.consumer import verify
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.exports.overlaps import Overlap, read_overlaps
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.verify import Check, Finding, Proof, Repairs
from billstream.publishing.lag import Lag, read_lags


@dataclass(frozen=True)
class Verification:
    """All proofs. `refresh` is the refresh that made the aggregates, None before the first.

    `overlaps` are no findings: the rows are as the files have them, but their sums count charges more than once.
    `targets` says how far each target is behind, as the lake knows it; `copies` is what comparing them
    has shown, None where that was not asked for.
    `compared` is False when the aggregates were not compared: they are sums of charges, which must be right first.
    """

    proof: Proof
    refresh: Refresh | None
    aggregates: tuple[Finding, ...] = ()
    compared: bool = True
    overlaps: tuple[Overlap, ...] = ()
    targets: tuple[Lag, ...] = ()
    copies: tuple[Copy, ...] | None = None

    @property
    def of_lake(self) -> tuple[Finding, ...]:
        """The findings about the lake, those about the aggregates last."""
        return (*self.proof.findings, *self.aggregates)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those about copies last."""
        return (*self.of_lake, *copy_findings(self.copies or ()))

    @property
    def agrees(self) -> bool:
        """True when everything that was compared agrees."""
        return not self.findings

    @property
    def exit_code(self) -> int:
        """The exit code of a command that has made this: a target that did not answer is told from one that differs."""
        failures = [copy.failure for copy in self.copies or () if copy.failure]
        if self.agrees and failures:
            return exit_code_of(failures[0])
        return ExitCode.OK if self.agrees else ExitCode.TROUBLE

    def count(self, check: Check) -> int:
        """Return the number of findings of one part of the proof."""
        return Counter(finding.check for finding in self.findings)[check]

    def as_json(self) -> dict[str, Any]:
        """Return the verification as plain values."""
        return {
            "agrees": self.agrees,
            "snapshot_id": self.proof.snapshot_id,
            "active_loads": self.proof.loads,
            "active_rows": self.proof.rows,
            "bucket": self.proof.buckets,
            "loads_without_hash": self.proof.unhashed,
            "objects_listed": self.proof.listed,
            "invoices": self.proof.invoices.as_json(),
            "aggregates": {
                "compared": self.compared,
                "snapshot_id": self.refresh.snapshot_id if self.refresh else None,
                "changes_behind": self.refresh.lag_loads if self.refresh else None,
            },
            "overlaps": [asdict(one) for one in self.overlaps],
            "targets": [asdict(one) for one in self.targets],
            "copies": None if self.copies is None else [copy.as_json() for copy in self.copies],
            "findings": [finding.as_json() for finding in self.findings],
        }


def prove(
    lake: Lake,
    interest: Interest,
    buckets: Sequence[Bucket] = (),
    progress: Callable[[int], None] = lambda _: None,
    wait: timedelta = timedelta(days=30),
) -> Verification:
    """Compare everything; change nothing. Arguments and errors are those of `consumer.verify.prove`.

    `wait`: how long a target that is not seen is waited for.
    """
    proof = verify.prove(lake, interest, buckets, progress)
    if any(finding.check is Check.CHARGES or finding.damaged for finding in proof.findings):
        return Verification(proof, None, compared=False)
    overlaps = tuple(read_overlaps(lake))
    targets = read_lags(lake, now=datetime.now(UTC), wait=wait)
    return Verification(proof, read_refresh(lake), tuple(aggregate_findings(lake)), overlaps=overlaps, targets=targets)


def repairs(lake: Lake, backfill: Backfill, author: str) -> Repairs:
    """Return the repairs of a lake, which end with a rebuild of its aggregates."""
    return Repairs(lake, backfill, author, rebuild)


def mend(found: Verification, using: Repairs, prove_again: Callable[[], Verification]) -> Verification:
    """Repair, and prove again, until everything agrees or no more can be repaired. Return the last verification.

    Raises:
        Retryable: the lake or the store does not answer; run it again.
    """
    newest = found

    def again() -> tuple[Finding, ...]:
        nonlocal newest
        newest = prove_again()
        return newest.findings

    verify.repair(found.findings, using, again)
    return newest
