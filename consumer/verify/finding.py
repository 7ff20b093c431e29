"""One difference that a proof has found."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from billstream.common.lake.datafiles import DataFile


class Check(StrEnum):
    """The parts of the proof."""

    CHARGES = "charges"  # rows and sums of each load are as the ledger records them
    CLAIMS = "claims"  # the catalog and the ledger have the same active loads
    AGGREGATES = "aggregates"  # the aggregates are the sums of the charges
    BUCKET = "bucket"  # the bucket holds what the ledger records
    TARGETS = "targets"  # each copy has what the lake had at the snapshot that the copy names


class Cure(StrEnum):
    """The step that repairs a finding."""

    NONE = "none"  # no step is safe without asking a person
    RELOAD = "reload"  # load the object again, in place of its current rows
    RETRACT = "retract"  # delete the rows of a load that is not active
    RECONCILE = "reconcile"  # make the catalog hold what the ledger records
    SETTLE = "settle"  # set rows aside, or let them count again, as the preferences between exports want it
    REBUILD = "rebuild"  # compute the aggregates from scratch
    PUBLISH = "publish"  # `billstream publish NAME --anew`; no repair of the lake does it
    TAKE_OUT = "take_out"  # take a data file that cannot be read out of the lake, once its objects are loaded again


@dataclass(frozen=True)
class Finding:
    """One difference.

    `scope` is the object's URI, None where it is unknown. `data_files` are the paths of the files with the rows,
    `damaged` is the file that cannot be read.
    """

    check: Check
    problem: str
    cure: Cure
    scope: str | None = None
    bucket: str | None = None
    key: str | None = None
    load_id: str | None = None
    loads: tuple[str, ...] = field(default=())
    data_files: tuple[str, ...] = field(default=())
    damaged: DataFile | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return {
            "check": self.check.value,
            "file": self.scope,
            "load_id": self.load_id,
            "data_files": list(self.data_files),
            "problem": self.problem,
            "cure": self.cure.value,
        }
