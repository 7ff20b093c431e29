"""Compare the copy in each target with the lake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billstream.cli import wiring
from billstream.common.errors import BillstreamError, CatalogUnavailable, Fatal, Retryable
from billstream.common.lake import Lake
from billstream.consumer.verify import Check, Cure, Finding
from billstream.publishing.config import Place
from billstream.publishing.proof import CopyProof, prove_copy


@dataclass(frozen=True)
class Copy:
    """A target of the file, and the proof of its copy; or the error that came instead of an answer."""

    name: str
    proof: CopyProof = field(default_factory=CopyProof)
    failure: BillstreamError | None = None

    @property
    def state(self) -> str:
        """Return the outcome in a word or two, as JSON has it."""
        if self.failure:
            return "failed"
        if self.proof.uncompared:
            return "not comparable"
        if not self.proof.snapshots:
            return "no copy"
        return "differs" if self.proof.differences else "agrees"

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as plain values; the differences are among the findings."""
        return {
            "target": self.name,
            "state": self.state,
            "reason": str(self.failure) if self.failure else self.proof.uncompared,
            "snapshot_ids": list(self.proof.snapshots),
            "rows": self.proof.rows,
        }


def prove_copies(lake: Lake, places: Mapping[str, Place]) -> tuple[Copy, ...]:
    """Compare every target of the file that answers.

    Raises:
        CatalogUnavailable: the lake does not answer.
    """
    return tuple(_prove(lake, name, place) for name, place in places.items())


def _prove(lake: Lake, name: str, place: Place) -> Copy:
    try:
        place.check()
        target = wiring.target(name, place, lake)
        try:
            return Copy(name, prove_copy(lake, target))
        finally:
            target.close()
    except CatalogUnavailable:  # of the lake: without it there is nothing to compare the others with either
        raise
    except (Retryable, Fatal) as error:
        return Copy(name, failure=error)


def copy_findings(copies: Sequence[Copy]) -> Iterator[Finding]:
    """Yield a finding for every place where a copy differs, and for every copy that cannot be compared."""
    for copy in copies:
        if copy.proof.uncompared:
            yield Finding(Check.TARGETS, f"{copy.name} cannot be compared: {copy.proof.uncompared}.", Cure.PUBLISH)
        for difference in copy.proof.differences:
            yield Finding(Check.TARGETS, f"{copy.name}, {difference.place}: {difference.problem}.", Cure.PUBLISH)
