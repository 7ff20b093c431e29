"""The source of each column of `charges` in one file, with an example from its first rows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billstream.common.texts import decimal_text
from billstream.consumer.decode import Tabular
from billstream.consumer.decode.scan import Scan
from billstream.consumer.decode.values import COST_TYPE
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Cell, Constant, Switch, Tags, Value, cells_of
from billstream.consumer.trial.bench import Bench
from billstream.consumer.trial.words import origin

LOOKED_AT = 200
"""Rows in which an example is looked for."""

_NUMBER = 1_000  # of the scan: none of a load has it


@dataclass(frozen=True)
class Feeding:
    """One column of `charges`: the header columns it is made of, the rule, one cell of each, and the resulting value.

    `raw` is empty and `value` None where the first rows have no value for it.
    """

    column: str
    header: tuple[str, ...]
    how: str
    raw: tuple[str | None, ...] = ()
    value: str | None = None


def feedings(bench: Bench, tabular: Tabular, *, examples: bool) -> tuple[Feeding, ...]:
    """Return the columns of its table that the file fills, in the table's order.

    Args:
        bench: whose lake's DuckDB reads the file.
        tabular: the file.
        examples: look for examples; only for a file that can be loaded.

    Raises:
        Retryable, Fatal: the fault is not in the file.
    """
    binding = tabular.binding
    if binding is None:
        return ()
    types = bench.lake.columns(tabular.table)
    columns = [column for column in types if column in binding.values]
    rows = list(_first_rows(bench, tabular, columns, types)) if examples else []
    return tuple(_feeding(binding, column, number, rows) for number, column in enumerate(columns))


def rescued(binding: Binding) -> tuple[tuple[str, str], ...]:
    """Return the header columns that are kept as JSON, each with the reason."""
    feeds: dict[int, list[str]] = {}
    for column, value in binding.values.items():
        for position in positions(value):
            feeds.setdefault(position, []).append(column)
    told = {
        position: f"feeds {', '.join(columns)}, but not in its original form" for position, columns in feeds.items()
    }
    return tuple((binding.names[i], told.get(i, "no column knows it")) for i in binding.rescued)


def positions(value: Value) -> tuple[int, ...]:
    """Return the positions of a value's cells, each once; the one that chooses among the others comes first."""
    found = [value.by] if isinstance(value, Switch) else []
    found += [cell.position for cell in cells_of(value)]
    if isinstance(value, Tags):
        found += [value.cell] if value.cell is not None else []
        found += [position for position, _ in value.columns]
    return tuple(dict.fromkeys(found))


Row = tuple[Sequence[str | None], Sequence[str | None]]
"""The cells of a record, and the values of the columns asked for, as text."""


def _first_rows(bench: Bench, tabular: Tabular, columns: Sequence[str], types: dict[str, str]) -> Iterator[Row]:
    lake = bench.lake
    plain = Scan([tabular], types, number=_NUMBER, exact=False)
    plain.prepare(lake.engine)
    scan = replace(plain, forms=plain.time_forms(lake.engine))
    cells = [f"c{position}" for position in range(len(scan.binding.names))]
    values = [f"{column}::VARCHAR" for column in columns]
    # Examples are of the file's first rows; DuckDB keeps their order only on request.
    lake.engine.execute("SET preserve_insertion_order = true")
    try:
        found = lake.engine.execute(
            f"SELECT {', '.join([*cells, *values])} FROM {scan.records()} LIMIT {LOOKED_AT}"
        ).fetchall()
    finally:
        lake.engine.execute("SET preserve_insertion_order = false")
    for row in found:
        texts = zip(columns, row[len(cells) :], strict=True)
        yield row[: len(cells)], [_shown(types[column], text) for column, text in texts]


def _feeding(binding: Binding, column: str, number: int, rows: Sequence[Row]) -> Feeding:
    value, source = binding.values[column], binding.profile.columns[column]
    used = positions(value)
    feeding = Feeding(column, tuple(binding.names[position] for position in used), _how(value, origin(source)))
    if isinstance(value, Constant):
        return Feeding(column, (), feeding.how, (), value.value)
    examples = [([cells[p] for p in used], values[number]) for cells, values in rows if any(cells[p] for p in used)]
    if not examples:
        return feeding
    raw, text = next(((raw, text) for raw, text in examples if text is not None), examples[0])
    return Feeding(column, feeding.header, feeding.how, tuple(raw), text)


def _how(value: Value, words: str) -> str:
    """Return the rule in words; none where the column is copied."""
    return "" if isinstance(value, Cell) and value.amounts is None and not value.negative else words


def _shown(data_type: str, text: str | None) -> str | None:
    if text is None:
        return None
    return decimal_text(Decimal(text)) if data_type == COST_TYPE else re.sub(r" 00:00:00\+00$", "", text)
