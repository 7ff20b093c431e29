"""Rows that go aside and come back, inside the transaction whose commit makes it true.

A row is in `charges` or in `set_aside_charges`, never in both: it leaves one table in the statement after it enters the
other, and the numbers of both must be the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import duckdb
import pyarrow as pa

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import literal
from billstream.consumer.exports.choice import Days, set_aside
from billstream.consumer.exports.coverage import COSTS, Cell, Line, insert_lines, lines_of, read_lines, table_rows
from billstream.consumer.exports.naming import Source
from billstream.consumer.exports.preferences import Preference

CHARGES = "charges"
ASIDE = "set_aside_charges"
_KEYS = ("load_id", "provider_name", "billing_account_id", "sub_account_id", "billing_month", "billing_currency")
_DATES = {"billing_month", "charge_day"}
_SCHEMA = pa.schema([pa.field(name, pa.date32() if name in _DATES else pa.string()) for name in (*_KEYS, "charge_day")])
_OF_ROW = {
    "billing_month": "date_trunc('month', coalesce(c.billing_period_start, c.charge_period_start))::DATE",
    "charge_day": "c.charge_period_start::DATE",
}


@dataclass(frozen=True)
class Moves:
    """The days of lines that go aside, and those that come back."""

    out: Days
    back: Days

    @property
    def load_ids(self) -> set[str]:
        """The loads of which rows move."""
        return {line.load_id for line in (*self.out, *self.back)}


def active_lines(con: duckdb.DuckDBPyConnection, cells: Collection[Cell]) -> list[Line]:
    """Return the coverage of active loads in these cells. Errors are DuckDB's."""
    if not cells:
        return []
    listed = ", ".join(f"({literal(provider)}, DATE {literal(month.isoformat())})" for provider, month in sorted(cells))
    of_active = "load_id IN (SELECT load_id FROM active_loads)"
    return read_lines(con, f"(provider, billing_month) IN ({listed}) AND {of_active}")


def moves(lines: Iterable[Line], preferences: Sequence[Preference]) -> Moves:
    """Return what has to move, so that exactly those rows are aside that preferences set aside.

    Args:
        lines: the coverage of all active loads of whole cells.
        preferences: those that hold, the one that comes first in front.
    """
    whole: dict[tuple[object, ...], Line] = {}
    now: dict[tuple[object, ...], set[date]] = {}
    for line in lines:
        key = tuple(getattr(line, name) for name in _KEYS)
        now.setdefault(key, set()).update(line.days if line.set_aside else ())
        whole[key] = _together(whole[key], line) if key in whole else replace(line, set_aside=False)
    wanted = set_aside(whole.values(), preferences)
    out, back = Days(), Days()
    for key, line in whole.items():
        days = wanted.get(line, frozenset())
        if more := days - now[key]:
            out[line] = more
        if fewer := now[key] - days:
            back[line] = frozenset(fewer)
    return Moves(out, back)


def apply_moves(con: duckdb.DuckDBPyConnection, chosen: Moves, names: Mapping[str, str]) -> tuple[int, int]:
    """Move the rows, and write the coverage of their loads anew. Return how many went aside, and how many came back.

    Raises:
        Fatal: a table gave other rows than the other took; the transaction must be rolled back.
    """
    if not chosen.load_ids:
        return 0, 0
    sources = {
        line.load_id: Source(line.load_id, line.export, line.dataset, line.whole_period)
        for line in (*chosen.out, *chosen.back)
    }
    counts = _move(con, chosen.out, CHARGES, ASIDE), _move(con, chosen.back, ASIDE, CHARGES)
    con.execute(f"DELETE FROM load_coverage WHERE load_id IN ({', '.join(map(literal, sorted(sources)))})")
    insert_lines(con, lines_of(con, table_rows(CHARGES, sources), sources, names))
    insert_lines(con, lines_of(con, table_rows(ASIDE, sources), sources, names, set_aside=True))
    return counts


def _move(con: duckdb.DuckDBPyConnection, days: Days, from_table: str, to_table: str) -> int:
    if not days:
        return 0
    rows = [
        {name: getattr(line, name) for name in _KEYS} | {"charge_day": day}
        for line, some in days.items()
        for day in sorted(some)
    ]
    con.register("moving_days", pa.Table.from_pylist(rows, schema=_SCHEMA))
    loads = ", ".join(map(literal, sorted({line.load_id for line in days})))
    same = " AND ".join(f"m.{name} IS NOT DISTINCT FROM {_OF_ROW.get(name, f'c.{name}')}" for name in _SCHEMA.names)
    moving = f"c.load_id IN ({loads}) AND EXISTS (SELECT 1 FROM moving_days AS m WHERE {same})"
    try:
        taken = con.execute(
            f"INSERT INTO {to_table} BY NAME SELECT c.* FROM {from_table} AS c WHERE {moving}"
        ).fetchone()
        given = con.execute(f"DELETE FROM {from_table} AS c WHERE {moving}").fetchone()
    finally:
        con.unregister("moving_days")
    if taken != given:
        raise Fatal(
            f"{to_table} took {taken} rows of {from_table}, which gave {given}: a bug. Nothing was changed; report it "
            "with the output of billstream exports list --json."
        )
    return int(taken[0]) if taken else 0


def _together(one: Line, other: Line) -> Line:
    """Return the line of the rows of both, those that count and those that are set aside; its sums only tell NULL."""
    costs = {name: getattr(one, name) if getattr(one, name) is not None else getattr(other, name) for name in COSTS}
    days = tuple(sorted({*one.days, *other.days}))
    return replace(one, set_aside=False, days=days, charge_rows=one.charge_rows + other.charge_rows, **costs)
