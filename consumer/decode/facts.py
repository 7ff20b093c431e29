"""The facts of the loads in a staged file: what is read back from it is what a commit adds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb

from billstream.common.lake.catalog import literal
from billstream.common.lake.tables import CHARGES, table_of
from billstream.consumer.decode.projection import AFTER_BAD_MARK
from billstream.consumer.decode.row_hash import hash_of_row, made_by
from billstream.consumer.decode.staged import COSTS, NO_CURRENCY, StagedLoad


def facts_of(
    path: str, columns: Sequence[str], types: Mapping[str, str], engine: duckdb.DuckDBPyConnection, unread: str
) -> dict[str, StagedLoad]:
    """Return counts, totals, days and hash of each load; of marked rows, counts alone.

    Args:
        path: the staged file.
        columns: its columns, in the order of its table.
        types: the columns of its table with their DuckDB types.
        engine: reads the file.
        unread: the SQL of the number of cells of a row that cannot be read as tags.
    """
    how = made_by(columns, list(types), table_of(path))
    hashes, loads = dict[str, int](), dict[str, StagedLoad]()
    facts = engine.execute(_sql(path, columns, types, unread)).fetchall()
    for load_id, currency, count, hashed, lost, first, last, *costs in facts:
        load = loads.get(load_id, StagedLoad(table=table_of(path)))
        days = [day for day in (load.first_charge_day, load.last_charge_day, first, last) if day is not None]
        hashes[load_id] = hashes.get(load_id, 0) + (hashed or 0)
        known = {f"{cost}_totals": total for cost, total in zip(COSTS, costs, strict=True) if total is not None}
        loads[load_id] = replace(
            load,
            rows_loaded=load.rows_loaded + count,
            tags_unread=load.tags_unread + lost,
            rows_hash=f"{how} {hashes[load_id]}",
            first_charge_day=min(days, default=None),
            last_charge_day=max(days, default=None),
            **{name: getattr(load, name) | {currency: total} for name, total in known.items()},
        )
    return loads


def _sql(path: str, columns: Sequence[str], types: Mapping[str, str], unread: str) -> str:
    rows, none = f"read_parquet({literal(path)}, hive_partitioning = false)", ", NULL" * len(COSTS)
    hashed = f"sum({hash_of_row(columns, types)}), sum({unread})"
    if table_of(path) == CHARGES:
        sums = ", ".join(f"sum({cost}_cost)" if f"{cost}_cost" in columns else "NULL" for cost in COSTS)
        by, currency = "load_id, billing_currency", f"coalesce(billing_currency, {literal(NO_CURRENCY)})"
        facts = f"{hashed}, min(charge_period_start)::DATE, max(charge_period_start)::DATE, {sums}"
    else:  # only charges have days, and costs that may be added up
        by, currency, facts = "load_id", "NULL", f"{hashed}, NULL, NULL{none}"
    # The two halves are told apart by the statistics of the file; a filter of each sum would cost more than the sum.
    # Values of marked rows are not looked at: they may be beyond every sum and every day.
    return (
        f"SELECT load_id, {currency}, count(*), {facts} FROM {rows} "
        f"WHERE load_id >= {literal(AFTER_BAD_MARK)} GROUP BY {by} "
        f"UNION ALL SELECT load_id, NULL, count(*), NULL, 0, NULL, NULL{none} FROM {rows} "
        f"WHERE load_id < {literal(AFTER_BAD_MARK)} GROUP BY load_id ORDER BY ALL"
    )
