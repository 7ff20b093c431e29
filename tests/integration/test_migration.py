"""A lake that the version before has made opens, is brought up to date, keeps its rows, and verifies."""

import re
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from billstream.common.lake import Claim, Lake, ProcessedKey, connection, migrations
from billstream.common.lake.guard import scope_id
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream

if TYPE_CHECKING:
    import duckdb

VERSION_BEFORE = 4
FILES = 150  # more ledger lines in one commit than DuckLake keeps in the catalog: they go to a Parquet file


def entry(number: int) -> str:
    return f"{number:032x}"


def load(lake: Lake, first: int, count: int) -> None:
    """Commit loads of one row each, in the words of the version before: a Parquet file, lines, and claims."""
    staged = lake.staging_path(f"staged-{first}")
    numbers = f"range({first}, {first + count}) AS r(n)"
    lake.engine.execute(
        "COPY (SELECT printf('%032x', n) AS load_id, TIMESTAMPTZ '2026-03-01 00:00:00Z' AS charge_period_start, "
        f"'USD' AS billing_currency, (n + 0.5)::DECIMAL(38, 18) AS billed_cost FROM {numbers}) TO '{staged}'"
    )

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute("CALL ducklake_add_data_files('lake', 'charges', ?, allow_missing => true)", [staged])
        con.execute(
            "INSERT INTO ledger BY NAME SELECT printf('%032x', n) AS entry_id, "
            "sha256('s3://billing/' || n || '.csv') AS scope_id, 's3://billing/' || n || '.csv' AS scope, "
            "'loaded' AS state, printf('%032x', n) AS load_id, 'billing' AS bucket, n || '.csv' AS key, "
            "1 AS rows_loaded, 0 AS rows_rejected, 0 AS values_rounded, "
            "MAP {'USD': (n + 0.5)::DECIMAL(38, 18)} AS billed_totals, "
            "DATE '2026-03-01' AS first_charge_day, DATE '2026-03-01' AS last_charge_day, "
            f"TIMESTAMPTZ '2026-03-02 00:00:00Z' AS settled_at, 'before' AS consumer_id FROM {numbers}"
        )

    keys = [
        ProcessedKey(scope_id=scope_id(f"s3://billing/{n}.csv"), entry_id=entry(n), state="loaded", load_id=entry(n))
        for n in range(first, first + count)
    ]
    lake.commit(write, claims=[Claim(key, None) for key in keys], author="before", message="test")


def aggregate(lake: Lake) -> None:
    """Commit aggregates and their watermark as the version before has them."""

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        for table in ("daily_costs", "user_costs", "service_costs", "region_costs"):
            con.execute(
                f"INSERT INTO {table} BY NAME SELECT charge_period_start::DATE AS charge_day, billing_currency, "
                "count(*) AS charge_rows, sum(billed_cost) AS billed_cost, count(*) AS billed_rows, "
                "0 AS effective_rows, 0 AS list_rows, NULL AS savings, 0 AS savings_rows, "
                "MAP([], []) AS consumed_quantity, MAP([], []) AS consumed_rows FROM charges GROUP BY ALL"
            )
        mark = "INSERT INTO watermark VALUES ('aggregates', $1, NULL, 'refresh', NULL, 0, 0, 4, now())"
        con.execute(mark, [lake.snapshot_id()])

    lake.commit(write, claims=[], author="before", message="test")


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    return Settings(home=tmp_path, catalog=catalog, threads=1)


def options_of_then(con: "duckdb.DuckDBPyConnection") -> None:
    """Set the options of the tables that there were."""
    there = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    options = (files("billstream.common.lake") / "sql" / "options.sql").read_text()
    for option in re.findall(r"^CALL .*table_name => '(?:{})'\);".format("|".join(there)), options, re.MULTILINE):
        con.execute(option)


@pytest.fixture
def old_lake(settings: Settings) -> Settings:
    """A lake of the version before, with loads that are aggregated and one that is not."""
    known = migrations.migrations()[:VERSION_BEFORE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "migrations", lambda: known)
        patch.setattr(connection, "apply_options", options_of_then)
        with Lake.open(settings, create=True) as lake:
            load(lake, 0, FILES)
            aggregate(lake)
            load(lake, FILES, 1)
            assert "settled_at" in lake.columns("ledger")
            assert lake.rows("SELECT max(version) FROM schema_version") == [(VERSION_BEFORE,)]
            kept = lake.rows("SELECT count(*) FROM ducklake_list_files('lake', 'ledger')")
            assert kept == [(1,)], "some lines are in a Parquet file, the newest is in the catalog"
    return settings


def test_a_lake_of_the_version_before_is_migrated_and_verifies(old_lake: Settings) -> None:
    billstream = Billstream(
        old_lake.home, {"BILLSTREAM_CATALOG": old_lake.catalog_url, "BILLSTREAM_DATA_PATH": old_lake.data_location}
    )
    assert "Run `billstream init`" in billstream.run("status", expect=1)
    billstream.run("init")
    billstream.run("aggregate", "--once")
    billstream.run("verify")
    billstream.run("status")
    expected = sum((Decimal(n) + Decimal("0.5") for n in range(FILES + 1)), Decimal(0))
    for table in ("daily_costs", "cost_cells"):
        assert billstream.totals("charges") == billstream.totals(table) == {"USD": expected}
    with Lake.open(old_lake) as lake:
        assert lake.rows("SELECT kind, rows_inserted FROM watermark") == [("rebuild", FILES + 1)]
        assert lake.rows("SELECT count(*), count(DISTINCT processed_at) FROM active_loads") == [(FILES + 1, 1)]
        covered = "SELECT export, count(DISTINCT load_id), sum(billed_cost), min(days) FROM load_coverage GROUP BY ALL"
        assert lake.rows(covered) == [("s3://billing/#", FILES + 1, expected, [date(2026, 3, 1)])]
        newest = scope_id(f"s3://billing/{FILES}.csv")
        assert lake.processed_keys([newest])[newest].entry_id == entry(FILES)
