"""Files with amounts so large that sums of the lake could not hold them."""

from billstream.common.lake import Lake
from billstream.common.lake.tables import CHARGES
from billstream.consumer.decode.projection import AFTER_BAD_MARK
from billstream.consumer.decode.scan import literals, rows_in
from billstream.consumer.decode.staged import COSTS, Staged

MOST = {**{f"{cost}_cost": 10**17 for cost in COSTS}, "consumed_quantity": 10**19}
"""What a file may have of each amount, signs aside. Sums of DECIMAL(38,18) have 20 digits before the point."""


def too_large(staged: Staged, lake: Lake) -> dict[str, str]:
    """Return the loads whose amounts are too large together, each with the reason.

    One sum beyond its type would stop the aggregates of all files, and one row is enough for it. No bill costs a
    thousandth of that. For almost every file statistics of the staged one tell that nothing has to be added up.

    Args:
        staged: rows of loads.
        lake: its DuckDB reads them back; its errors are DuckDB's.
    """
    paths = staged.paths_of(CHARGES)
    columns = _suspects(literals(paths), lake) if paths else []
    found: dict[str, str] = {}
    for column in columns:
        # Added up as DOUBLE, which no sum exceeds; what it rounds is nothing beside the limit.
        sql = (
            f"SELECT load_id FROM {rows_in(paths)} WHERE load_id >= $1 "
            f"GROUP BY load_id HAVING sum(abs({column}::DOUBLE)) > $2"
        )
        for (load_id,) in lake.engine.execute(sql, [AFTER_BAD_MARK, float(MOST[column])]).fetchall():
            found.setdefault(
                load_id,
                f"All {column} of the file add up to more than {MOST[column]:,}, signs aside. No bill has so much, "
                "and sums of the lake could not hold more of it, so nothing of the file is loaded. Correct it, and "
                "upload it again.",
            )
    return found


def _suspects(paths: str, lake: Lake) -> list[str]:
    """Return the columns that could be too large, by their largest value and the number of values."""
    sql = f"""
        WITH chunks AS (
            SELECT
                path_in_schema AS name,
                num_values - coalesce(stats_null_count, 0) AS number,
                greatest(
                    abs(TRY_CAST(stats_min_value AS DECIMAL(38, 18))), abs(TRY_CAST(stats_max_value AS DECIMAL(38, 18)))
                )::DOUBLE AS largest
            FROM parquet_metadata({paths})
            WHERE list_contains({literals(list(MOST))}, path_in_schema)
        )
        SELECT name, sum(number * coalesce(largest, 'inf'::DOUBLE)) FROM chunks WHERE number > 0 GROUP BY name
    """
    return [name for name, bound in lake.engine.execute(sql).fetchall() if bound > MOST[name]]
