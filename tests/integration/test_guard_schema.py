"""The guard is in PostgreSQL's schema `public`, as DuckLake's tables are, whatever a name without a schema means."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.verify import verify
from billstream.common.errors import ClaimRefused
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.guard import scope_id
from billstream.common.lake.postgres_catalog import PostgresCatalog
from billstream.common.settings import Settings
from tests.integration.lake_support import line
from tests.servers.postgres import USER, PostgresServer

DECOYS = """
CREATE TABLE other.processed_key (scope_id TEXT);
CREATE TABLE other.ducklake_snapshot_changes (commit_extra_info TEXT);
CREATE TABLE other.ducklake_metadata (key TEXT);
CREATE FUNCTION other.jsonb_array_elements(jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT $1 LIMIT 0';
CREATE FUNCTION other.jsonb_array_elements_text(jsonb) RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL LIMIT 0'
"""
GUARD_IN_USERS_SCHEMA = f"""
CREATE SCHEMA {USER};
DROP TRIGGER billstream_claim ON public.ducklake_snapshot_changes;
DROP FUNCTION public.billstream_claim();
ALTER TABLE public.processed_key SET SCHEMA {USER};
CREATE FUNCTION {USER}.billstream_claim() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER billstream_claim AFTER INSERT ON public.ducklake_snapshot_changes
FOR EACH ROW EXECUTE FUNCTION {USER}.billstream_claim();
"""
PLACE_OF_GUARD = (
    "SELECT n.nspname, f.pronamespace::regnamespace, g.tgrelid::regclass FROM pg_class t "
    "JOIN pg_namespace n ON n.oid = t.relnamespace, pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid "
    "WHERE t.relname = 'processed_key' AND n.nspname <> 'other' AND g.tgname = 'billstream_claim'"
)
IN_PUBLIC = "public|public|ducklake_snapshot_changes"


def claim(entry: str, prev: str | None = None) -> Claim:
    return Claim(ProcessedKey(scope_id=scope_id("s"), entry_id=entry, state="missing"), prev)


def assert_guarded(lake: Lake) -> None:
    """One claim is taken, seen and defended, and whoever reads the guard's table finds it."""
    lake.commit(line("a"), claims=[claim("1")], author="test", message="test")
    with pytest.raises(ClaimRefused):
        lake.commit(line("b"), claims=[claim("2")], author="test", message="test")
    assert lake.processed_keys([scope_id("s")])[scope_id("s")].entry_id == "1"
    assert lake.same_content([scope_id("s")]) == []
    assert lake.rows(f"SELECT entry_id FROM {GUARD_TABLE}") == [("1",)]
    refresh_once(lake)
    assert verify(lake) == []


@pytest.mark.parametrize(
    ("before", "options"),
    [
        (f"CREATE SCHEMA {USER}", ""),
        (f"CREATE SCHEMA other; {DECOYS}; ALTER DATABASE {{}} SET search_path = other, public", ""),
        (f"CREATE SCHEMA other; {DECOYS}; ALTER DATABASE {{}} SET search_path = other, public, pg_catalog", ""),
        (f"CREATE SCHEMA other; {DECOYS}", "?options=-c%20search_path%3Dother&application_name=bill%20'\\stream"),
    ],
    ids=["schema of the user", "search path", "search path before the system's", "option of the url"],
)
def test_the_guard_works_whatever_schema_comes_first(
    before: str, options: str, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    database = postgres_url.rpartition("/")[2]
    postgres.execute(before.format(database), database)
    settings = Settings(home=tmp_path, catalog=SecretStr(postgres_url + options), threads=1)

    with Lake.open(settings, create=True) as lake:
        assert_guarded(lake)

    assert postgres.execute(f"SET search_path = public; {PLACE_OF_GUARD}", database) == IN_PUBLIC


def test_a_guard_in_another_schema_is_brought_back_with_its_claims(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    database = postgres_url.rpartition("/")[2]
    with Lake.open(Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1), create=True) as lake:
        lake.commit(line("a"), claims=[claim("0")], author="test", message="test")
        postgres.execute(GUARD_IN_USERS_SCHEMA, database)
        assert postgres.execute(PLACE_OF_GUARD, database).startswith(f"{USER}|{USER}|")
        catalog = catalog_from_url(postgres_url)
        assert isinstance(catalog, PostgresCatalog)

        for _ in range(2):  # it may be repeated
            catalog.install_guard(lake.connection, [])

        assert postgres.execute(PLACE_OF_GUARD, database) == IN_PUBLIC
        lake.commit(line("b"), claims=[claim("1", prev="0")], author="test", message="test")
        with pytest.raises(ClaimRefused):
            lake.commit(line("c"), claims=[claim("1", prev="0")], author="test", message="test")
