"""What is told of one commit: plain facts, small enough to wait in a queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_INPUTS = 1000
"""Inputs of one run; of further ones only the number is told. A delivery may have many thousand parts."""


class How(StrEnum):
    """How a column is made of fields, in the words of OpenLineage."""

    IDENTITY = "IDENTITY"
    TRANSFORMATION = "TRANSFORMATION"
    AGGREGATION = "AGGREGATION"


@dataclass(frozen=True)
class Feed:
    """The fields of an input that one column of an output is made of."""

    column: str
    fields: tuple[str, ...]
    how: How = How.TRANSFORMATION


@dataclass(frozen=True)
class Input:
    """A version of a dataset that was read.

    `namespace` is None for a table of the lake. `feeds` are those of the columns of `table`, the output that its rows
    went to; None: of every output, by the output's own feeds. Inputs that were read alike share `fields` and `feeds`.
    """

    name: str
    version: str | None
    namespace: str | None = None
    rows: int | None = None
    size_bytes: int | None = None
    fields: tuple[str, ...] = ()
    table: str | None = None
    feeds: tuple[Feed, ...] = ()


@dataclass(frozen=True)
class Output:
    """A table of the lake that a commit has changed. `fields` are its columns with their types, None where unknown."""

    table: str
    rows: int | None = None
    size_bytes: int | None = None
    fields: Mapping[str, str | None] | None = None
    feeds: tuple[Feed, ...] = ()


@dataclass(frozen=True)
class Run:
    """One commit. `job` is what makes such commits, `snapshot_id` the snapshot that this one has made."""

    job: str
    snapshot_id: int
    began_at: datetime
    ended_at: datetime
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    inputs_left_out: int = 0

    @property
    def weight(self) -> int:
        """How much of the queue it takes: the number of its inputs, and one."""
        return 1 + len(self.inputs)
