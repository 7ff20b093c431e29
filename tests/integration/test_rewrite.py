"""Why maintenance leaves deleted rows in the files that have others, too."""

from pathlib import Path

import duckdb

from billstream.common.lake import Lake
from billstream.maintenance.steps import maintenance_claim
from tests.integration.aggregator_support import new_lake


def commit(lake: Lake, sql: str) -> int:
    def write(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(sql)

    return lake.commit(write, claims=[maintenance_claim(lake)], author="test", message="test", alone=True)


def test_a_file_that_is_written_anew_changes_what_old_snapshots_hold(tmp_path: Path) -> None:
    """If this fails, DuckLake has mended it, and maintenance can call `ducklake_rewrite_data_files`.

    DuckLake keeps one set of statistics for a table, that of its newest snapshot. A rewrite narrows them to the rows
    that are left, and DuckDB then packs the values of an old snapshot into too few bits.
    """
    with new_lake(tmp_path) as lake:
        commit(lake, "CREATE TABLE numbers (n INTEGER)")
        before = commit(lake, "INSERT INTO numbers SELECT CASE WHEN range < 60 THEN 1 ELSE 2 END FROM range(100)")
        commit(lake, "DELETE FROM numbers WHERE n = 1")
        held = "SELECT DISTINCT n FROM (SELECT n FROM numbers AT (VERSION => $1) ORDER BY n) ORDER BY n"
        assert lake.rows(held, [before]) == [(1,), (2,)]
        commit(lake, "CALL ducklake_rewrite_data_files('lake', 'numbers', delete_threshold => 0.3)")
        assert lake.rows("SELECT DISTINCT n FROM numbers") == [(2,)]
        assert lake.rows(held, [before]) != [(1,), (2,)]
