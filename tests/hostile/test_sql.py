"""Hostile SQL over both catalogs: nothing outside the lake is read, and nothing changes, even for a superuser."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

import billstream
from billstream.common import aws
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.settings import Settings
from tests.integration.lake_support import charge, line
from tests.servers.postgres import PostgresServer

SECRET = "sesame"  # in a file, and in the environment of the process
M = "__ducklake_metadata_lake"

REFUSED = [
    # the catalog's server
    f"SELECT * FROM postgres_execute('{M}', 'COMMIT; DELETE FROM processed_key; CREATE TABLE evil(i int); BEGIN')",
    f"FROM postgres_execute('{M}', 'COPY (SELECT 1) TO PROGRAM ''touch {{folder}}/pwned''')",
    f"SELECT count(*) FROM postgres_query('{M}', 'SELECT * FROM processed_key')",
    f"FROM postgres_query('{M}', 'SELECT pg_read_file(''/etc/passwd'')')",
    f"FROM \"postgres_query\"('{M}', 'SELECT 1')",
    f"FROM /* */ Postgres_Query /* */ ('{M}', 'SELECT 1')",
    f"FROM system.main.postgres_query('{M}', 'SELECT 1')",
    f"FROM main.postgres_execute('{M}', 'SELECT 1')",
    f"WITH a AS (WITH b AS (FROM postgres_query('{M}', 'SELECT 1')) FROM b) SELECT 1",
    f"SELECT 1 FROM charges WHERE EXISTS (FROM postgres_execute('{M}', 'COMMIT'))",
    "FROM postgres_scan('host=127.0.0.1', 'public', 'processed_key')",
    "FROM postgres_scan_pushdown('host=127.0.0.1', 'public', 'processed_key')",
    "FROM postgres_attach('host=127.0.0.1')",
    "FROM pg_clear_cache()",
    "FROM postgres_configure_pool()",
    # the catalog's file
    f"FROM sqlite_query('{M}', 'DELETE FROM processed_key RETURNING 1')",
    f"FROM sqlite_query('{M}', 'SELECT load_extension(''x'')')",
    "FROM sqlite_scan('{folder}/home/catalog.sqlite', 'processed_key')",
    "FROM sqlite_attach('{folder}/home/catalog.sqlite')",
    f"FROM {M}.processed_key",
    f"FROM {M}.main.processed_key",
    f"FROM {M}.public.processed_key",
    f'FROM "{M.upper()}".ducklake_snapshot',
    f"SELECT (SELECT count(*) FROM {M}.ducklake_data_file)",
    # files, URLs, buckets
    "FROM read_text('{folder}/secret.csv')",
    "FROM read_blob('{folder}/secret.csv')",
    "FROM read_csv('{folder}/secret.csv')",
    "FROM read_csv_auto('{folder}/secret.csv')",
    "FROM read_json('{folder}/secret.csv')",
    "FROM read_ndjson_objects('{folder}/secret.csv')",
    "FROM read_parquet('{folder}/home/data/**/*.parquet')",
    "FROM parquet_metadata('{folder}/home/data/**/*.parquet')",
    "FROM parquet_schema('{folder}/home/data/**/*.parquet')",
    "FROM sniff_csv('{folder}/secret.csv')",
    "FROM read_duckdb('{folder}/secret.csv')",
    "FROM glob('{folder}/*')",
    "FROM '{folder}/secret.csv'",
    'FROM "{folder}/secret.csv"',
    "SELECT a FROM '{folder}/secret.csv' AS charges(a)",
    "DESCRIBE '{folder}/secret.csv'",
    "SUMMARIZE '{folder}/secret.csv'",
    "DESCRIBE FROM read_csv('{folder}/secret.csv')",
    "FROM (SHOW '{folder}/secret.csv')",
    "FROM 's3://elsewhere/x.parquet'",
    "FROM 'https://127.0.0.1:1/x.csv'",
    "FROM read_text('http://127.0.0.1:1/latest/meta-data/')",
    "FROM 's3://elsewhere/x.csv?s3_endpoint=127.0.0.1:1'",
    'WITH "{folder}/secret.csv" AS (FROM "{folder}/secret.csv") FROM "{folder}/secret.csv"',
    "FROM histogram('{folder}/secret.csv', a)",
    "FROM histogram_values(charges, load_id)",
    "PIVOT '{folder}/secret.csv' ON a IN (1) USING count(*)",
    "UNPIVOT '{folder}/secret.csv' ON a",
    "SELECT * FROM charges ASOF JOIN '{folder}/secret.csv' AS s ON charges.load_id >= s.a",
    # SQL in a text
    "FROM query('FROM read_text(''{folder}/secret.csv'')')",
    "FROM query_table('{folder}/secret.csv')",
    "FROM query_table(['charges', '{folder}/secret.csv'])",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''{folder}/secret.csv'')'))",
    "SELECT json_serialize_plan('FROM read_text(''{folder}/secret.csv'')')",
    # this process
    "SELECT getenv('BILLSTREAM_TEST_SECRET')",
    "SELECT current_setting('allowed_directories')",
    "SELECT current_setting('s3_secret_access_key')",
    "SELECT current_setting('Temp_Directory')",
    "SELECT current_setting(lower('TEMP_DIRECTORY'))",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM which_secret('s3://x', 's3')",
    "FROM duckdb_databases()",
    "FROM duckdb_databases",
    "FROM pg_catalog.pg_settings",
    "FROM duckdb_temporary_files()",
    "FROM duckdb_logs()",
    "FROM enable_logging(storage = 'file', storage_path = '{folder}/logs')",
    "SELECT write_log('x')",
    "SELECT nextval('x')",
    "SELECT sleep_ms(600000)",
    "SELECT pg_sleep(600)",
    "SELECT setseed(0.5)",
    # maintenance
    "FROM ducklake_expire_snapshots('lake', older_than => now())",
    "FROM \"ducklake_expire_snapshots\"('lake', older_than => now())",
    "FROM ducklake_expire_snapshots/**/('lake', older_than => now())",
    "FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "FROM ducklake_delete_orphaned_files('lake', cleanup_all => true)",
    "FROM ducklake_merge_adjacent_files('lake')",
    "FROM lake.merge_adjacent_files()",
    "FROM lake.main.set_option('data_inlining_row_limit', 3)",
    "FROM ducklake_set_commit_message('lake', 'a', 'b')",
    "FROM ducklake_add_data_files('lake', 'charges', '{folder}/secret.csv')",
    "FROM checkpoint()",
    'FROM "Force_Checkpoint"()',
    # statements that are no SELECT, or more than one
    "SELECT 1; DROP TABLE charges",
    "COPY charges TO '{folder}/out.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
    "ATTACH '{folder}/other.db'",
    "ATTACH '{folder}/home/catalog.sqlite' AS c (TYPE sqlite)",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE TEMP MACRO f() AS TABLE FROM charges",
    "CALL postgres_execute('" + M + "', 'COMMIT')",
    "PRAGMA database_list",
    "LOAD httpfs",
    "WITH gone AS (DELETE FROM charges RETURNING *) FROM gone",
    "PREPARE p AS SELECT 1",
    "EXPORT DATABASE '{folder}/out'",
]

# What a program may run on its own connection: the seal holds, whatever the gate would say.
SEALED = [
    "FROM read_text('{folder}/secret.csv')",
    "FROM '{folder}/secret.csv'",
    "FROM read_text('{folder}/home/data/../../secret.csv')",
    "FROM glob('{folder}/*')",
    "FROM query('FROM read_text(''{folder}/secret.csv'')')",
    "FROM read_text('http://127.0.0.1:1/')",
    "FROM read_text('s3://elsewhere/x')",
    "FROM frame",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/other.db'",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "SET threads = 1",
    "INSTALL spatial",
    "LOAD '{folder}/secret.csv'",
    "DELETE FROM charges",
    "DROP TABLE ledger",
    f"FROM sqlite_query('{M}', 'DELETE FROM processed_key RETURNING 1')",
]


@dataclass
class Victim:
    """A lake with a claim and rows, a reader of it, and everything around that must stay as it is."""

    settings: Settings
    folder: Path
    server: PostgresServer | None = None
    lake: billstream.OpenLake = field(init=False)

    def state(self) -> dict[str, object]:
        """Return the claims, all files, and the relations of the server."""
        relations = ""
        if self.server:
            database = self.settings.catalog_url.rpartition("/")[2]
            relations = self.server.execute("SELECT relname, relkind FROM pg_class ORDER BY 1, 2", database)
            claims = self.server.execute("SELECT * FROM processed_key", database)
        else:
            with Lake.open(self.settings, read_only=True) as lake:
                claims = str(lake.processed_keys([scope_id("one")]))
        return {"claims": claims, "relations": relations, "files": files(self.folder)}


def files(folder: Path) -> dict[str, str]:
    """Return every file with its digest; SQLite's own companions and temporary files come and go."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "spool" not in path.parts and not path.name.endswith(("-shm", "-wal", ".lock"))
    }


@contextmanager
def victim(folder: Path, server: PostgresServer | None) -> Iterator[Victim]:
    home = folder / "home"
    settings = Settings(home=home, threads=1)
    if server:
        server.start()
        settings = Settings(home=home, threads=1, catalog=server.create_database(), data_path=str(home / "data"))
    (folder / "secret.csv").write_text(f"a\n{SECRET}\n")
    with Lake.open(settings, create=True) as lake:
        claim = Claim(ProcessedKey(scope_id=scope_id("one"), entry_id="e1", state="loaded"), prev=None)
        lake.commit(line("one"), claims=[claim], author="me", message="test")
        lake.commit(charge("load-1"), claims=[], author="me", message="test")
    made = Victim(settings, folder, server)
    with billstream.open_lake(settings) as made.lake:
        made.lake.query("SELECT 1")  # SQLite's companions are there from now on
        yield made
    if server:
        server.drop_database(settings.catalog_url)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with victim(tmp_path_factory.mktemp("hostile"), server) as made:
        yield made


def test_hostile_queries_are_refused_and_change_nothing(target: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_TEST_SECRET", SECRET)
    before = target.state()
    assert "e1" in str(before["claims"])
    for sql in REFUSED:
        with pytest.raises(billstream.BillstreamError) as refused:
            target.lake.query(sql.format(folder=target.folder) if "{folder}" in sql else sql)
        assert "othing was run" in str(refused.value) or "Parser Error" in str(refused.value), sql
        assert SECRET not in str(refused.value)
        assert files(target.folder) == before["files"], sql
    assert target.state() == before
    assert target.lake.query("SELECT count(*) AS n FROM charges").to_pylist() == [{"n": 1}]


def test_a_sealed_connection_reaches_nothing_but_its_lake(target: Victim) -> None:
    frame = target.lake.query("SELECT 1 AS a")
    before = target.state()
    for sql in SEALED:
        with pytest.raises(duckdb.Error):
            target.lake.connection.execute(sql.format(folder=target.folder)).fetchall()
    assert target.state() == before
    # What a program registers by itself can be joined.
    target.lake.connection.register("frame", frame)
    assert target.lake.query("SELECT count(*) AS n FROM frame, charges").to_pylist() == [{"n": 1}]
    target.lake.connection.unregister("frame")


def test_a_sealed_connection_reads_what_comes_later_and_may_spill(target: Victim) -> None:
    rows = target.lake.query("SELECT count(*) AS n FROM charges").to_pylist()[0]["n"]
    with Lake.open(target.settings) as writer:
        writer.commit(charge("later"), claims=[], author="me", message="test")
    assert target.lake.query("SELECT count(*) AS n FROM charges").to_pylist() == [{"n": rows + 1}]
    small = target.settings.model_copy(update={"memory_limit": "60MiB"})
    with billstream.open_lake(small) as lake:
        sorted_rows = (
            "SELECT i FROM (SELECT i, repeat('x', 40) || i AS s FROM range(1500000) AS t(i) ORDER BY s) LIMIT 1"
        )
        assert lake.query(sorted_rows).num_rows == 1


def test_a_sealed_connection_reaches_one_prefix_of_one_bucket(
    tmp_path: Path, ministack_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": ministack_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = aws.s3_client()
    for bucket in ("sealed-lake", "elsewhere"):
        client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key="secret.csv", Body=SECRET.encode())
    client.put_object(Bucket="sealed-lake", Key="data2/secret.csv", Body=SECRET.encode())
    settings = Settings(home=tmp_path, threads=1, data_path="s3://sealed-lake/data/")
    with Lake.open(settings, create=True) as writer:
        writer.commit(charge("load-1"), claims=[], author="me", message="test")
        with billstream.open_lake(settings) as lake:
            assert lake.query("SELECT count(*) AS n FROM charges").to_pylist() == [{"n": 1}]
            writer.commit(charge("load-2"), claims=[], author="me", message="test")
            assert lake.query("SELECT count(*) AS n FROM charges").to_pylist() == [{"n": 2}]
            for url in ("elsewhere/secret.csv", "sealed-lake/secret.csv", "sealed-lake/data2/secret.csv"):
                assert writer.rows(f"SELECT content FROM read_text('s3://{url}')") == [(SECRET,)]
                with pytest.raises(billstream.BillstreamError, match=r"read_text\(\)"):
                    lake.query(f"FROM read_text('s3://{url}')")
                with pytest.raises(duckdb.PermissionException):
                    lake.connection.execute(f"FROM read_text('s3://{url}')")
