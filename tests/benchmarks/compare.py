"""Two runs beside each other, as the tables of docs/benchmarks.md.

    python -m tests.benchmarks.compare before.json now.json

Both are files of `--json`. A section or a line that one of them does not have is a dash.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Ratio
from tests.benchmarks.report import Cell, shown

Section = dict[str, Any]


def compared(before: dict[str, Section], now: dict[str, Section]) -> str:
    """Return a Markdown table for each section, in the order of the newer run."""
    return "\n".join(_table(before.get(name), section) for name, section in now.items())


def _table(before: Section | None, now: Section) -> str:
    keys, figures = now["keys"], now["compared"]
    older = {_key(line, keys): line for line in (before or {"lines": []})["lines"]}
    head = [*keys, *(f"{figure}, {when}" for figure in figures for when in ("before", "now"))]
    rows = [head, ["---"] * len(keys) + ["---:"] * (len(head) - len(keys))]
    for line in now["lines"]:
        key = _key(line, keys)
        cells = [_text(one.get(figure)) for figure in figures for one in (older.get(key, {}), line)]
        rows.append([*key, *cells])
    notes = "".join(f"\n{note}\n" for note in now["notes"])
    return f"### {now['title']}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows) + notes


def _key(line: dict[str, Cell], keys: list[str]) -> tuple[str, ...]:
    return tuple(shown(line[key]) for key in keys)


def _text(cell: Cell) -> str:
    if isinstance(cell, dict):
        return str(Ratio(**cell))
    return "–" if cell is None else shown(cell)  # noqa: RUF001 - a dash in a table


if __name__ == "__main__":
    first, second = (json.loads(Path(path).read_text())["sections"] for path in sys.argv[1:])
    sys.stdout.write(compared(first, second))
