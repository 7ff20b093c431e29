"""The SQL of the condition under which a record uses a cell. A text in a cell that it does not use is no fault."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from billstream.common.lake.catalog import literal
from billstream.consumer.decode.values import text_of
from billstream.consumer.profiles.binding import Cell, First, Switch, Value, cells_of


def usage(value: Value) -> dict[Cell, str | None]:
    """Return the cells of a value, as they are read, each with the condition under which it counts; None is always.

    The condition is never NULL. A cell does not count in a case that does not add it, behind an earlier cell of
    `first` that has a value, and where `unless` rules it out.
    """
    if isinstance(value, Switch):
        return _of_switch(value)
    if isinstance(value, First):
        earlier, found = list[str](), list[tuple[Cell, str | None]]()
        for cell in value.cells:
            found.append((cell, " AND ".join([*earlier, *_ruled_in(cell)]) or None))
            earlier.append(f"{text_of(cell)} IS NULL")
        return either(found)
    return either((cell, " AND ".join(_ruled_in(cell)) or None) for cell in cells_of(value))


def either(uses: Iterable[tuple[Cell, str | None]]) -> dict[Cell, str | None]:
    """Return the uses of cells with those of the same cell put together: it counts where one of them makes it count."""
    found: dict[Cell, list[str | None]] = {}
    for cell, condition in uses:
        found.setdefault(replace(cell, negative=False, unless=None), []).append(condition)
    return {cell: _any(conditions) for cell, conditions in found.items()}


def where(condition: str | None, fault: str) -> str:
    """Return the fault of a cell, as far as the cell counts."""
    return fault if condition is None else f"({condition}) AND {fault}"


def _of_switch(value: Switch) -> dict[Cell, str | None]:
    texts: Mapping[str, list[Cell]] = {text: list(part.cells) if part else [] for text, part in value.cases.items()}
    chosen = f"folded(c{value.by})"
    uses = [
        (cell, " AND ".join([f"coalesce({chosen} = {literal(text.casefold())}, false)", *_ruled_in(cell)]))
        for text, cells in texts.items()
        for cell in cells
    ]
    known = ", ".join(literal(text.casefold()) for text in texts)
    other = f"coalesce({chosen} NOT IN ({known}), true)"
    cells = value.otherwise.cells if value.otherwise else ()
    uses += [(cell, " AND ".join([other, *_ruled_in(cell)])) for cell in cells]
    return either(uses)


def _ruled_in(cell: Cell) -> list[str]:
    return [] if cell.unless is None else [f"c{cell.unless} IS NULL"]


def _any(conditions: list[str | None]) -> str | None:
    """Return that one of these holds; None, which is always, where one of them always does."""
    known = [condition for condition in conditions if condition is not None]
    return " OR ".join(f"({one})" for one in dict.fromkeys(known)) if len(known) == len(conditions) else None
