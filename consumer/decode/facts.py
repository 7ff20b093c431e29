"""The facts of staged loads: counts, totals, days and a hash of their rows."""

from collections.abc import Sequence
from dataclasses import replace

from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.consumer.decode.projection import AFTER_BAD_MARK
from billstream.consumer.decode.row_hash import hash_of_row, made_by
from billstream.consumer.decode.scan import Scan
from billstream.consumer.decode.staged import COSTS, NO_CURRENCY, StagedLoad
from billstream.consumer.decode.unread import tags_unread


def facts_of(path: str, columns: Sequence[str], scans: Sequence[Scan], lake: Lake) -> dict[str, StagedLoad]:
    """Return the facts of each load in a staged file: what is read back from it is what a commit adds.

    Args:
        path: the file.
        columns: the columns of `charges` that it has, in the table's order.
        scans: what its rows come from, at least one.
        lake: whose DuckDB reads it.
    """
    types = scans[0].types
    rows = f"read_parquet({literal(path)}, hive_partitioning = false)"
    sums = ", ".join(f"sum({cost}_cost)" if f"{cost}_cost" in columns else "NULL" for cost in COSTS)
    # The two halves are told apart by the statistics of the file; a filter of each sum would cost more than the
    # sum. Values of marked rows are not looked at: they may be beyond every sum and every day.
    facts = (
        f"SELECT load_id, coalesce(billing_currency, {literal(NO_CURRENCY)}), count(*), "
        f"sum({hash_of_row(columns, types)}), sum({tags_unread(scans)}), min(charge_period_start)::DATE, "
        f"max(charge_period_start)::DATE, {sums} FROM {rows} WHERE load_id >= {literal(AFTER_BAD_MARK)} "
        "GROUP BY load_id, billing_currency "
        f"UNION ALL SELECT load_id, NULL, count(*), NULL, 0, NULL, NULL{', NULL' * len(COSTS)} FROM {rows} "
        f"WHERE load_id < {literal(AFTER_BAD_MARK)} GROUP BY load_id ORDER BY ALL"
    )
    how, hashes, loads = made_by(columns, list(types)), dict[str, int](), dict[str, StagedLoad]()
    for load_id, currency, count, hashed, lost, first, last, *costs in lake.engine.execute(facts).fetchall():
        load = loads.get(load_id, StagedLoad())
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
