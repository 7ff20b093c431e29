"""A column that a file does not have is NULL in every query, also where DuckDB answers from statistics."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.common.lake import Lake
from billstream.common.settings import Settings

COSTS = ("effective_cost", "list_cost", "contracted_cost")


@pytest.fixture(params=["sqlite", "postgres"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    catalog = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with Lake.open(Settings(home=tmp_path, catalog=catalog, data_path=str(tmp_path / "data")), create=True) as opened:
        yield opened


def add(lake: Lake, name: str, rows: int, columns: str) -> None:
    """Add a Parquet file with these columns only, as a commit of the consumer does."""
    path = lake.staging_path(name)
    lake.run(
        f"COPY (SELECT '{name}' AS load_id, TIMESTAMPTZ '2026-03-01 00:00:00+00' AS charge_period_start, {columns} "
        f"FROM range({rows})) TO '{path}' (FORMAT parquet)"
    )
    lake.commit(
        lambda con: con.execute("CALL ducklake_add_data_files('lake', 'charges', ?, allow_missing => true)", [path]),
        claims=[],
        author="test",
        message=name,
    )


def test_a_column_that_a_later_file_lacks_is_null_in_its_rows(lake: Lake) -> None:
    full = ", ".join(f"2::DECIMAL(38, 18) AS {name}" for name in ("billed_cost", *COSTS, "consumed_quantity"))
    add(lake, "full", 5, f"{full}, 'EUR' AS billing_currency, 'eu' AS region_id, MAP {{'a': 'b'}} AS tags")
    add(lake, "bare", 7, "3::DECIMAL(38, 18) AS billed_cost, 'EUR' AS billing_currency")

    for name in (*COSTS, "consumed_quantity", "region_id", "tags"):
        sql = f"SELECT count(*), count({name}), count(*) FILTER ({name} IS NULL) FROM charges"
        assert lake.rows(sql) == [(12, 5, 7)], name
        assert lake.rows(f"SELECT count(*) FROM charges WHERE {name} IS NULL") == [(7,)], name
        assert lake.rows(f"SELECT count(*) FROM charges WHERE {name} IS NOT NULL") == [(5,)], name
    assert lake.rows("SELECT sum(coalesce(effective_cost, billed_cost)) FROM charges") == [(Decimal(31),)]
    assert lake.rows("SELECT coalesce(region_id, 'none'), count(*) FROM charges GROUP BY ALL ORDER BY ALL") == [
        ("eu", 5),
        ("none", 7),
    ]
    assert lake.rows("SELECT count(*) FROM charges WHERE load_id = ''") == [(0,)]
