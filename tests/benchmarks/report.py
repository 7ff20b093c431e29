"""The table of a section, for people and for programs, and the options that all sections take."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from importlib.metadata import version
from typing import Any

from rich.table import Table

Cell = Any  # text, a number, or a value that knows how to show itself, such as a ratio


@dataclass(frozen=True)
class Options:
    """What the command line says to every section."""

    repeat: int = 3
    quick: bool = False  # tiny inputs: everything runs, and no figure means anything
    big: float = 2.0  # GB of the one big file
    millions: tuple[int, ...] = (1, 10)  # rows in the lake, for what must not grow with them


@dataclass
class Report:
    """One table.

    Args:
        title: what was done.
        keys: the columns that say what a line is of.
        figures: the columns of what was measured.
        compared: those of them that docs/benchmarks.md shows, before and now; default: all.
    """

    title: str
    keys: tuple[str, ...]
    figures: tuple[str, ...]
    compared: tuple[str, ...] = ()
    lines: list[dict[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Add a line."""
        self.lines.append(dict(zip((*self.keys, *self.figures), cells, strict=True)))

    def table(self) -> Table:
        """Return it for a terminal."""
        table = Table(title=self.title, caption="\n".join(self.notes) or None, title_justify="left")
        for name in self.keys:
            table.add_column(name)
        for name in self.figures:
            table.add_column(name, justify="right")
        for line in self.lines:
            table.add_row(*(shown(cell) for cell in line.values()))
        return table

    def values(self) -> dict[str, Any]:
        """Return it for JSON, unrounded."""
        lines = [
            {
                name: asdict(cell) if is_dataclass(cell) and not isinstance(cell, type) else cell
                for name, cell in line.items()
            }
            for line in self.lines
        ]
        return {
            "title": self.title,
            "keys": self.keys,
            "compared": self.compared or self.figures,
            "lines": lines,
            "notes": self.notes,
        }


def shown(cell: Cell) -> str:
    """Return a cell as text: numbers with three digits that count."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def machine() -> Mapping[str, str]:
    """Return what the figures depend on besides the code."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("billstream", "duckdb", "pyarrow")},
        "load of the last 1, 5 and 15 minutes": load,
    }
