"""The gate for users' SQL: its lists are complete, and no spelling of a forbidden name passes."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.cli.query import read_only
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.engine import CONFIG, load_extensions
from billstream.common.lake.gate import allowed, one_select
from billstream.common.settings import Settings

FORBIDDEN = [
    "read_text('/etc/passwd')",
    "postgres_execute('__ducklake_metadata_lake', 'COMMIT')",
    "sqlite_query('__ducklake_metadata_lake', 'SELECT 1')",
    "query('SELECT 1')",
    "query_table('charges')",
    "glob('/*')",
    "duckdb_secrets()",
    "ducklake_expire_snapshots('lake')",
    "checkpoint()",
    "lake.set_option('a', 'b')",
    "lake.merge_adjacent_files()",
    "not_yet_invented(1)",
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    settings = Settings(home=tmp_path_factory.mktemp("lake"), threads=1)
    Lake.open(settings, create=True).close()
    with Lake.open(settings, read_only=True) as opened:
        yield opened


def names(con: duckdb.DuckDBPyConnection, *kinds: str) -> set[str]:
    found = con.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN (SELECT unnest(?))", [list(kinds)]
    ).fetchall()
    return {name for (name,) in found if not name.startswith(("icu_collate_", "__internal_"))}


def test_every_function_of_duckdb_and_its_extensions_is_on_a_list() -> None:
    """A new version of DuckDB fails here: decide about each new function."""
    lists = allowed()
    with duckdb.connect(config=dict(CONFIG)) as con:
        load_extensions(con, ["ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"])
        in_from = names(con, "table", "table_macro")
        values = {name.lower() for name in names(con, "scalar", "aggregate", "macro")}
    assert in_from - lists.functions == set()
    assert values - lists.functions == set()
    # What the parser itself knows, and what only DuckDB's own shell has.
    assert lists.functions - in_from - values - lists.of_lake == {"unlist", "getenv"}
    assert lists.values & lists.refused.keys() == lists.tables & lists.refused.keys() == set()


def test_no_function_that_may_be_called_is_one_that_connects_reads_files_or_takes_sql() -> None:
    lists = allowed()
    for name in lists.tables | lists.values:
        assert not name.startswith(("read_", "parquet_", "postgres_e", "postgres_q", "postgres_s", "sqlite_", "sniff_"))
        assert "execute" not in name
        assert "secret" not in name


@st.composite
def spelt(draw: st.DrawFn, call: str) -> str:
    """The call as another would write it: case, quotes, prefixes, white space, comments."""
    path, _, arguments = call.partition("(")
    words = path.split(".")
    if len(words) == 1:
        words = [*draw(st.sampled_from([[], ["main"], ["system", "main"]])), *words]
    written = []
    for word in words:
        cased = "".join(draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in word)
        written.append(draw(st.sampled_from([cased, f'"{cased}"'])))
    gap = draw(st.sampled_from(["", " ", "\n", "/* ( */", "-- charges\n", "/*\n;--*/ \t"]))
    return gap.join([(gap + "." + gap).join(written), f"({arguments}"])


WRAPPINGS = [
    "WITH c AS ({}) SELECT 1",
    "WITH c AS (SELECT 1), d AS MATERIALIZED ({}) FROM c",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE EXISTS ({})) FROM r",
    "SELECT (SELECT count(*) FROM ({}) AS s)",
    "SELECT 1 WHERE 1 IN ({})",
    "SELECT count(*) FROM charges AS a, LATERAL ({}) AS b",
    "SELECT 1 UNION ALL ({})",
    "SELECT 1 ORDER BY EXISTS ({})",
    "SELECT sum(n) OVER (PARTITION BY n) FROM ({}) AS w(n)",
    "SELECT CASE WHEN EXISTS ({}) THEN [1] ELSE list_transform([2], lambda x: x + 1) END",
    "FROM range(3) LIMIT (SELECT count(*) FROM ({}) AS s)",
    "SELECT {{'a': ARRAY({})}}",
    "FROM (DESCRIBE FROM ({}) AS s)",
    "FROM (SUMMARIZE FROM ({}) AS s)",
    "FROM (PIVOT ({}) ON x IN (1, 2) USING count(*))",
    "FROM charges JOIN ({}) AS j ON true",
    "SELECT * REPLACE (EXISTS ({}) AS state) FROM ledger",
    "SELECT count(*) FILTER (WHERE EXISTS ({})) FROM charges",
    "FROM unnest([(SELECT 1 WHERE EXISTS ({}))])",
]


@st.composite
def surroundings(draw: st.DrawFn) -> str:
    """A query that is allowed, with a place for the name of a source deep inside."""
    query = "SELECT * FROM {}"
    for wrapping in draw(st.lists(st.sampled_from(WRAPPINGS), max_size=3)):
        query = wrapping.replace("{{", "{").replace("}}", "}").replace("{}", query)
    return query


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(surrounding=surroundings(), call=st.sampled_from(FORBIDDEN).flatmap(spelt))
def test_no_spelling_of_a_forbidden_function_passes(lake: Lake, surrounding: str, call: str) -> None:
    one_select(lake.connection, surrounding.replace("{}", "range(1)"))  # so it is the function that is refused
    with pytest.raises(Fatal, match="Nothing was run"):
        one_select(lake.connection, surrounding.replace("{}", call))


@pytest.mark.parametrize(
    "query",
    [
        # The name of a common table expression stands for it only where it is visible.
        'SELECT * FROM (WITH "x.csv" AS (SELECT 1) FROM "x.csv"), \'x.csv\'',
        'WITH "x.csv" AS (FROM \'x.csv\') FROM "x.csv"',
        'WITH a AS (FROM "x.csv"), "x.csv" AS (SELECT 1) FROM a',
        'WITH RECURSIVE "x.csv" AS (FROM "x.csv" UNION ALL SELECT 1) FROM "x.csv"',
        "WITH x AS (SELECT 1) FROM memory.x",
        "FROM x.charges",
        "FROM main.processed_key",
        "FROM lake.processed_key",
        "FROM pg_catalog.pg_settings",
        "FROM duckdb_databases",
        "SHOW VARIABLES",
    ],
)
def test_a_name_in_from_is_a_relation_of_the_lake_or_of_the_query(lake: Lake, query: str) -> None:
    with pytest.raises(Fatal, match=r"[Nn]othing was run"):
        one_select(lake.connection, query)


def test_bytes_that_are_no_text_are_refused(lake: Lake) -> None:
    with pytest.raises(Fatal, match="UTF-8"):
        one_select(lake.connection, "SELECT '\udcff'")


def test_a_query_that_is_too_deep_to_be_checked_is_refused(lake: Lake) -> None:
    one_select(lake.connection, "FROM " + "(FROM " * 100 + "charges" + ")" * 100)
    with pytest.raises(Fatal, match="nested too deeply"):
        one_select(lake.connection, "SELECT " + "+".join("1" * 990))


def views(folder: Path, *statements: str) -> Settings:
    settings = Settings(home=folder, threads=1)
    with Lake.open(settings, create=True) as writer:
        for statement in statements:
            writer.connection.execute(statement)
    return settings


def test_a_view_of_the_lake_is_judged_when_it_is_named_and_stops_nothing_else(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.txt"
    stranger.write_text("secret")
    made = views(
        tmp_path / "home",
        f"CREATE VIEW reads AS FROM read_text('{stranger}')",
        "CREATE VIEW behind AS SELECT * FROM reads",
        "CREATE OR REPLACE VIEW latest_entries AS FROM glob('/*')",
        "CREATE OR REPLACE VIEW latest_entries AS FROM ledger",
        "CREATE VIEW around AS SELECT count(*) AS n FROM charges",
        "CREATE SCHEMA other",
        "CREATE VIEW other.one AS SELECT 1 AS one",
    )
    with Lake.open(made, read_only=True) as lake:
        for query in ("FROM reads", "FROM lake.main.reads", "SELECT (FROM behind)", "DESCRIBE behind"):
            with pytest.raises(Fatal, match=r"read_text\(\)"):
                read_only(lake, query)
        with pytest.raises(Fatal, match=r"glob\(\)"):  # as AT would show it
            read_only(lake, "FROM latest_entries AT (VERSION => 4)")
        assert read_only(lake, "FROM around").to_pylist() == [{"n": 0}]
        assert read_only(lake, "FROM other.one, lake.other.one AS two, lake.around").num_rows == 1


def test_a_macro_that_hides_a_function_of_duckdb_stops_queries_and_says_so(tmp_path: Path) -> None:
    made = views(tmp_path / "home", "CREATE MACRO lake.main.mine(x) AS 1")
    with Lake.open(made, read_only=True) as lake:
        assert read_only(lake, "SELECT sum(x) AS s FROM range(3) AS t(x)").to_pylist() == [{"s": 3}]
        with pytest.raises(Fatal, match=r"mine\(\)"):
            read_only(lake, "SELECT mine(1)")
    views(tmp_path / "home", "CREATE MACRO lake.main.sum(x) AS 42")
    with Lake.open(made, read_only=True) as lake, pytest.raises(Fatal, match=r"macros that hide .*\(sum\)"):
        read_only(lake, "SELECT sum(x) FROM range(3) AS t(x)")
