"""`billstream sql` reads whatever there is, and changes nothing: not the lake, not its catalog, not a file."""

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.cli.query import read_only
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.lake_support import charge, line


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a lake with two loads and a ledger line is."""
    folder = tmp_path_factory.mktemp("lake")
    with Lake.open(Settings(home=folder, threads=2), create=True) as lake:
        for write in (line("k"), charge("load-1"), charge("load-2"), charge("load-2")):
            lake.commit(write, claims=[], author="me", message="test")
    return folder


@pytest.fixture(scope="module")
def lake(home: Path) -> Iterator[Lake]:
    with Lake.open(Settings(home=home, threads=2), read_only=True) as opened:
        yield opened


def content(home: Path) -> dict[str, str]:
    """Every file of the lake by its digest; the write-ahead log has nothing of ours once it is checkpointed."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.rglob("*")
        if path.is_file()
        and "spool" not in path.parts
        and not path.name.endswith(("-shm", "-wal", ".lock", ".readers", ".turnstile"))
    }


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) AS n FROM charges", [{"n": 3}]),
        ("FROM ledger SELECT state", [{"state": "loaded"}]),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", [{"a": 1}]),
        ("VALUES (1)", [{"col0": 1}]),
        ("(SELECT 1 AS a) UNION ALL (SELECT 2) ORDER BY a", [{"a": 1}, {"a": 2}]),
        ("SELECT count(*) AS n FROM charges -- ; DROP TABLE charges", [{"n": 3}]),
        ("SELECT 1 AS a;", [{"a": 1}]),
        ("SELECT count(*) > 0 AS some FROM ducklake_snapshots('lake')", [{"some": True}]),
        ("SELECT 'checkpoint' AS word", [{"word": "checkpoint"}]),
        ("SELECT count(*) AS n FROM active_loads", [{"n": 1}]),
        ("SELECT current_setting('TimeZone') AS z", [{"z": "UTC"}]),
        (
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT sum(n) AS s FROM r",
            [{"s": 6}],
        ),
        ("WITH a AS (SELECT 1 AS x), b AS (FROM a) SELECT x FROM b, (WITH a AS (SELECT 2) FROM a)", [{"x": 1}]),
        (
            "SELECT load_id, row_number() OVER (ORDER BY load_id) AS i FROM charges QUALIFY i = 1",
            [{"load_id": "load-1", "i": 1}],
        ),
        ("SELECT count(*) FILTER (WHERE load_id = 'load-2') AS n FROM lake.main.charges", [{"n": 2}]),
        (
            "FROM (PIVOT charges ON load_id IN ('load-1', 'load-2') USING count(*)) SELECT \"load-2\" AS n LIMIT 1",
            [{"n": 2}],
        ),
        ("UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b", [{"name": "a", "value": 1}, {"name": "b", "value": 2}]),
        ("SELECT unnest([1, 2]) AS x", [{"x": 1}, {"x": 2}]),
        ("SELECT x FROM unnest([1, 2]) AS t(x)", [{"x": 1}, {"x": 2}]),
        ("SELECT count(*) AS n FROM generate_series(1, 3), range(2)", [{"n": 6}]),
        (
            "SELECT count(DISTINCT load_id) AS n FROM charges WHERE load_id IN (SELECT load_id FROM lake.charges)",
            [{"n": 2}],
        ),
        (
            "SELECT min((SELECT count(*) FROM charges c WHERE c.load_id = l.load_id)) AS n FROM charges l",
            [{"n": 1}],
        ),
        ("SELECT count(*) AS n FROM charges AT (VERSION => 3)", [{"n": 1}]),
        ("SELECT count(*) AS n FROM lake.table_changes('charges', 0, 4)", [{"n": 2}]),
        ("SELECT count(*) AS n FROM ducklake_table_insertions('lake', 'main', 'charges', 0, 4)", [{"n": 2}]),
        ("SELECT count(*) > 0 AS some FROM lake.snapshots()", [{"some": True}]),
        ("SELECT count(*) AS n FROM information_schema.tables WHERE table_name = 'charges'", [{"n": 1}]),
        (
            "SELECT count(*) AS n FROM duckdb_columns() WHERE table_name = 'charges' AND column_name = 'load_id'",
            [{"n": 1}],
        ),
        (
            "SELECT [x + 1 FOR x IN [1, 2] IF x > 1] AS l, list_transform([1], lambda y: y * 2) AS m",
            [{"l": [3], "m": [2]}],
        ),
        (
            "SELECT '{\"a\": [1]}'::JSON->'a'->>0 AS j, {'k': 1}.k AS k, MAP {'m': 2}['m'] AS m",
            [{"j": "1", "k": 1, "m": 2}],
        ),
        ("SELECT (DATE '2026-03-01' + INTERVAL 1 MONTH)::DATE::VARCHAR AS d", [{"d": "2026-04-01"}]),
        ("SELECT load_id.upper() AS u FROM charges ORDER BY u LIMIT 1", [{"u": "LOAD-1"}]),
        ("SELECT lower(COLUMNS('load.*')) AS load_id FROM charges ORDER BY ALL LIMIT 1", [{"load_id": "load-1"}]),
        ("SELECT * EXCLUDE (b) REPLACE (a + 1 AS a) FROM (SELECT 1 AS a, 2 AS b)", [{"a": 2}]),
        ("SELECT count(*) AS n FROM charges a ASOF JOIN charges b ON a.load_id >= b.load_id", [{"n": 3}]),
        ("SELECT 1 AS a EXCEPT SELECT 2 INTERSECT SELECT 2", [{"a": 1}]),
        (
            "SELECT x, GROUPING(x) AS g FROM range(1) t(x) GROUP BY ROLLUP (x) ORDER BY ALL",
            [{"x": 0, "g": 0}, {"x": None, "g": 1}],
        ),
        ("TABLE watermark", []),
        ('SELECT "checkpoint" AS c FROM (SELECT 1 AS checkpoint)', [{"c": 1}]),
        ("SELECT 'read_text(''x'')' AS word -- FROM read_text('x')", [{"word": "read_text('x')"}]),
    ],
)
def test_a_select_is_answered(lake: Lake, sql: str, rows: list[dict[str, object]]) -> None:
    assert read_only(lake, sql).to_pylist() == rows


@pytest.mark.parametrize(
    "sql", ["DESCRIBE charges", "SHOW TABLES", "SHOW ALL TABLES", "SUMMARIZE ledger", "DESCRIBE FROM ledger"]
)
def test_the_schema_can_be_asked_for(lake: Lake, sql: str) -> None:
    assert read_only(lake, sql).num_rows > 0


@pytest.mark.parametrize(
    "sql",
    [
        "",
        " ; ",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE charges",
        "INSERT INTO ledger SELECT * FROM ledger",
        "UPDATE charges SET billed_cost = 0",
        "DELETE FROM charges",
        "DROP TABLE charges",
        "TRUNCATE charges",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "COPY charges TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
        "EXPLAIN ANALYZE DELETE FROM charges",
        "EXPLAIN ANALYZE CREATE TABLE memory.main.t AS SELECT 1",
        "ATTACH '{folder}/other.db'",
        "DETACH lake",
        "SET threads = 1",
        "RESET threads",
        "PRAGMA disable_checkpoint_on_shutdown",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CHECKPOINT",
        "BEGIN",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL lake.set_commit_message('a', 'b')",
        "PREPARE p AS DELETE FROM charges",
        "EXECUTE p",
        "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
        "MERGE INTO charges USING ledger ON false WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
    ],
)
def test_what_is_not_one_select_is_refused_before_it_runs(lake: Lake, tmp_path: Path, sql: str) -> None:
    with pytest.raises(Fatal, match="runs one SELECT"):
        read_only(lake, sql.format(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert lake.rows("SELECT count(*) FROM charges") == [(3,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT nothing FROM charges",
        "SELECT 1 / (SELECT count(*) FROM charges) + 'x'::INTEGER",
        "SELECT '\x00'",
        "FROM query('DELETE FROM charges')",
        "FROM query('COPY (SELECT 1) TO ''/tmp/never.csv''')",
        "FROM sqlite_query('__ducklake_metadata_lake', 'DELETE FROM processed_key RETURNING 1')",
        "FROM sqlite_query('__ducklake_metadata_lake', 'DROP TABLE processed_key')",
        "FROM ducklake_expire_snapshots('lake', older_than => now())",
        "FROM ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "FROM ducklake_flush_inlined_data('lake')",
        "FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "FROM ducklake_merge_adjacent_files('lake')",
        "FROM ducklake_rewrite_data_files('lake')",
        "FROM DuckLake_Set_Option ('lake', 'data_inlining_row_limit', 3)",
        "FROM ducklake_add_data_files('lake', 'charges', 'x.parquet')",
        "FROM checkpoint()",
        "FROM query('FROM checkpoint()')",
    ],
)
def test_a_select_that_fails_or_would_change_something_is_one_sentence(lake: Lake, home: Path, sql: str) -> None:
    before = content(home)
    with pytest.raises(Fatal):
        read_only(lake, sql)
    assert content(home) == before
    assert read_only(lake, "SELECT count(*) AS n FROM charges").to_pylist() == [{"n": 3}]


def test_reading_changes_no_file(lake: Lake, home: Path) -> None:
    before = content(home)
    assert any(name.endswith(".parquet") for name in before)
    for sql in ("FROM charges", "FROM ledger", "FROM quarantined_rows", "SUMMARIZE charges"):
        read_only(lake, sql)
    assert content(home) == before


def test_ctrl_c_ends_a_long_query(lake: Lake) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        read_only(lake, "SELECT count(*) FROM range(100000000000) AS a(i) WHERE hash(i) = 3")
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert read_only(lake, "SELECT 1 AS a").to_pylist() == [{"a": 1}]
