"""The facts of the loads in a staged file: counts, totals, days and what they cover, by one look at its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import duckdb

from billstream.common.lake.catalog import literal
from billstream.common.lake.tables import CHARGES, Table
from billstream.consumer.decode.projection import AFTER_BAD_MARK
from billstream.consumer.decode.row_hash import hash_of_row, made_by
from billstream.consumer.decode.staged import COSTS, NO_CURRENCY, Covered, StagedLoad
from billstream.consumer.quality import Rule

DIGITS = 80
"""Enough for every sum of DECIMAL(38,18): nothing is rounded."""

_FIRST_DAY = 719_162 * 86_400_000_000
"""Microseconds from the first day of the calendar to 1970: no row's moment is before it."""

_KEYS = ("billing_currency", "provider_name", "billing_account_id", "sub_account_id")


def facts_of(  # noqa: PLR0913 - each is a thought of its own
    path: str,
    table: Table,
    columns: Sequence[str],
    types: Mapping[str, str],
    engine: duckdb.DuckDBPyConnection,
    unread: str,
    *,
    rules: Sequence[Rule] = (),
    marked: bool = True,
) -> dict[str, StagedLoad]:
    """Return the facts of each load: what is read back from a staged file is what a commit adds.

    Args:
        path: the staged file, or where it is written.
        table: the table of its rows.
        columns: its columns, in the order of its table.
        types: the columns of its table with their DuckDB types.
        engine: reads the file; its errors are DuckDB's.
        unread: the SQL of the number of cells of a row that cannot be read as tags.
        rules: of quality, about these columns.
        marked: whether there may be rows with a mark; to look for them costs a small file a tenth of its time.
    """
    how, hashes, loads = made_by(columns, list(types), table), dict[str, int](), dict[str, StagedLoad]()
    covered: dict[str, list[Covered]] = {}
    found = engine.execute(_sql(path, table, columns, types, unread, rules, marked=marked)).fetchall()
    with localcontext(prec=DIGITS):
        for load_id, currency, provider, account, sub_account, month, ordinals, *counts in found:
            count, hashed, lost, broken, *of_days = counts
            # Added up here, not by DuckDB: the sum of some days may have more digits than the type.
            costs = [sum(some, Decimal(0)) if some else None for some in map(_there, of_days)]
            days = tuple(date.fromordinal(number) for number in ordinals or ())
            load = loads.get(load_id, StagedLoad(table=table))
            hashes[load_id] = hashes.get(load_id, 0) + (hashed or 0)
            loads[load_id] = replace(
                load,
                rows_loaded=load.rows_loaded + count,
                tags_unread=load.tags_unread + lost,
                failing=_added(load.failing, rules, broken),
                rows_hash=f"{how} {hashes[load_id]}",
                first_charge_day=min(filter(None, (load.first_charge_day, *days[:1])), default=None),
                last_charge_day=max(filter(None, (load.last_charge_day, *days[-1:])), default=None),
                **_totals(load, currency or NO_CURRENCY, costs),
            )
            if days:  # else marked rows, of which only the number is known, or rows of a table without charges
                of = (provider, account, sub_account, date.fromordinal(month), currency)
                covered.setdefault(load_id, []).append(Covered(*of, days, count, *costs))
    return {load_id: replace(load, covered=tuple(covered.get(load_id, ()))) for load_id, load in loads.items()}


def _sql(
    path: str,
    table: Table,
    columns: Sequence[str],
    types: Mapping[str, str],
    unread: str,
    rules: Sequence[Rule],
    *,
    marked: bool,
) -> str:
    rows, none = f"read_parquet({literal(path)}, hive_partitioning = false)", ", NULL" * len(COSTS)
    unknown = ", NULL" * (len(_KEYS) + 2)
    counts = f"count(*) AS rows, sum({hash_of_row(columns, types)}) AS hashed, sum({unread}) AS lost"
    # The two halves are told apart by the statistics of the file; a filter of each sum would cost more than the sum.
    # Values of marked rows are not looked at: they may be beyond every sum and every day.
    good = (
        f"FROM {rows} WHERE load_id >= {literal(AFTER_BAD_MARK)} GROUP BY ALL"
        if marked
        else f"FROM {rows} GROUP BY ALL"
    )
    if table == CHARGES:
        keys = ", ".join(name if name in columns else f"NULL::VARCHAR AS {name}" for name in _KEYS)
        begun = "coalesce(billing_period_start, charge_period_start)"
        begun = begun if "billing_period_start" in columns else "charge_period_start"
        sums = [f"sum({cost}_cost)" if f"{cost}_cost" in columns else "NULL" for cost in COSTS]
        named = ", ".join(f"{total} AS {cost}" for cost, total in zip(COSTS, sums, strict=True))
        judged = "".join(f", count_if({rule.broken}) AS broken_{number}" for number, rule in enumerate(rules))
        by_day = (
            f"SELECT load_id, {keys}, {_day(begun)} AS began, {_day('charge_period_start')} AS day, "
            f"{counts}{judged}, {named} {good}"
        )
        # Days become months only here, where they are few: a calendar's functions cost more than all of the above.
        month = "began - day(DATE '0001-01-01' + (began - 1)::INTEGER) + 1"
        again = ", ".join(f"list({cost})" for cost in COSTS)
        broken = ", ".join(f"sum(broken_{number})" for number in range(len(rules)))
        facts = (
            f"SELECT load_id, {', '.join(_KEYS)}, {month} AS month, list(DISTINCT day ORDER BY day), "
            f"sum(rows), sum(hashed), sum(lost), [{broken}], {again} FROM ({by_day}) GROUP BY ALL"
        )
    else:  # only charges have days, and costs that may be added up
        facts = f"SELECT load_id{unknown}, {counts}, NULL{none} {good}"
    if not marked:
        return f"{facts} ORDER BY ALL"
    return (
        f"{facts} UNION ALL SELECT load_id{unknown}, count(*), NULL, 0, NULL{none} FROM {rows} "
        f"WHERE load_id < {literal(AFTER_BAD_MARK)} GROUP BY load_id ORDER BY ALL"
    )


def _added(failing: Mapping[str, int], rules: Sequence[Rule], broken: Sequence[int] | None) -> dict[str, int]:
    """Return the rows that break each rule, with some more."""
    more = {rule.name: count for rule, count in zip(rules, broken or (), strict=False) if count}
    return {**failing, **{name: failing.get(name, 0) + int(count) for name, count in more.items()}}


def _there(costs: Sequence[Decimal | None] | None) -> list[Decimal]:
    return [cost for cost in costs or () if cost is not None]


def _day(moment: str) -> str:
    """Return a moment's day in UTC, as Python's ordinal. A cast to DATE asks for time zones: six times the time."""
    return f"(epoch_us({moment}) + {_FIRST_DAY}) // 86400000000 + 1"


def _totals(load: StagedLoad, currency: str, costs: Sequence[Decimal | None]) -> dict[str, Any]:
    """Return the totals of a load that these costs change."""
    found = dict[str, Any]()
    for cost, more in zip(COSTS, costs, strict=True):
        if more is not None:
            totals: dict[str, Decimal] = getattr(load, f"{cost}_totals")
            found[f"{cost}_totals"] = totals | {currency: totals.get(currency, Decimal(0)) + more}
    return found
