"""What a proof may find."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Check(StrEnum):
    """The parts of the proof."""

    CHARGES = "charges"  # rows and sums of each load are what the ledger says
    CLAIMS = "claims"  # the catalog and the ledger have the same loads in force
    AGGREGATES = "aggregates"  # the aggregates are the sums of the charges
    BUCKET = "bucket"  # the bucket holds what the ledger says


class Cure(StrEnum):
    """What mends a finding."""

    NONE = "none"  # nothing that could be done without asking
    RELOAD = "reload"  # load the object anew, in the place of what there is
    RETRACT = "retract"  # delete the rows of a load that is not in force
    RECONCILE = "reconcile"  # have the catalog hold what the ledger says
    REBUILD = "rebuild"  # compute the aggregates from scratch
    REMOVE = "remove"  # settle that the object is gone, as a notification of it would


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `scope` names the file, None where none is known."""

    check: Check
    problem: str
    cure: Cure
    scope: str | None = None
    bucket: str | None = None
    key: str | None = None
    load_id: str | None = None
    loads: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "check": self.check.value,
            "file": self.scope,
            "load_id": self.load_id,
            "problem": self.problem,
            "cure": self.cure.value,
        }
