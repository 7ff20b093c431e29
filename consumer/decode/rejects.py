"""Records that did not fit, and where in their file they stand."""

import csv
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumer.decode.tabular import Tabular

MAX_KEPT_CHARACTERS = 10_000


@dataclass(frozen=True)
class RejectedRow:
    """One record that did not fit. `line` is 1-based in the decompressed file, None where it was not found."""

    load_id: str
    line: int | None
    column: str | None
    raw_value: str | None
    cells: tuple[str | None, ...]
    reason: str

    @property
    def raw_record(self) -> str:
        """The record as text, cut to a bound."""
        return ",".join(cell or "" for cell in self.cells)[:MAX_KEPT_CHARACTERS]


@dataclass(frozen=True)
class Rejects:
    """How many records were rejected, and the first of them."""

    total: int = 0
    rows: tuple[RejectedRow, ...] = ()


def locate(file: "Tabular", rows: Sequence[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Find the lines of rejected records by walking the file once.

    DuckDB decides which records are rejected, this only says where they stand: it looks for records with the
    same cells. Of records that are equal, any order is as good as another.
    """
    if not rows:
        return ()
    nulls = set(file.binding.profile.values.nulls) if file.binding else set()
    wanted: dict[tuple[str | None, ...], deque[int]] = defaultdict(deque)
    for index, row in enumerate(rows):
        wanted[row.cells].append(index)
    lines: dict[int, int] = {}
    limit = csv.field_size_limit(1 << 27)
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=file.delimiter)
            for record in reader:
                cells = tuple(None if cell == "" or cell in nulls else cell for cell in record)
                if waiting := wanted.get(cells):
                    lines[waiting.popleft()] = reader.line_num
                    if len(lines) == len(rows):
                        break
    except csv.Error:
        pass  # a line number is a courtesy; the record is rejected with or without it
    finally:
        csv.field_size_limit(limit)
    return tuple(replace(row, line=lines.get(index)) for index, row in enumerate(rows))
