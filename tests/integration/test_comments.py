"""Whoever opens the lake with a tool of their own can read in the catalog what each table and column means."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.common.lake import Lake
from billstream.common.settings import Settings

TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = 'main'"


@pytest.fixture(params=["sqlite", "postgres"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    settings = Settings(home=tmp_path, catalog=catalog, threads=1)
    with Lake.open(settings, create=True):
        pass
    with Lake.open(settings, read_only=True) as opened:  # what another process reads, not what the maker remembers
        yield opened


def test_every_table_view_and_column_has_a_comment(lake: Lake) -> None:
    tables = dict(
        lake.rows(f"SELECT table_name, comment FROM ({TABLES.replace('table_name', 'table_name, comment', 1)})")
    )
    views = dict(
        lake.rows("SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'lake' AND schema_name = 'main'")
    )
    columns = {
        f"{table}.{column}": comment
        for table, column, comment in lake.rows(
            "SELECT table_name, column_name, comment FROM duckdb_columns() "
            f"WHERE database_name = 'lake' AND schema_name = 'main' AND table_name IN ({TABLES})"
        )
    }
    assert {"charges", "ledger", "daily_costs", "watermark", "schema_version"} <= tables.keys()
    assert {"active_loads", "latest_entries", "quarantined_rows", "deliveries"} <= views.keys()
    assert {"charges.tags", "ledger.processed_at", "charges.allocated_tags"} <= columns.keys()
    comments = {**tables, **views, **columns}
    same = [table for table, comment in tables.items() if comment and "Columns are those of charges." in comment]
    assert same == ["set_aside_charges"]
    for column in lake.columns("charges"):
        comments[f"set_aside_charges.{column}"] = comments[f"charges.{column}"]
    assert lake.columns("set_aside_charges") == lake.columns("charges"), "a migration gives both a new column"
    columns = {name: comments[name] for name in columns}
    assert [name for name, comment in comments.items() if not comment or not comment.endswith(".")] == []
    assert [name for name, comment in columns.items() if len(comment) > 150] == []


def test_the_comment_of_a_view_describes_its_columns(lake: Lake) -> None:
    """DuckLake takes no comments on the columns of a view."""
    views = lake.rows("SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal")
    unknown = {
        view: [name for name in lake.columns(view) if name not in comment]
        for view, comment in views
        if not any(
            f"Columns are those of {table}." in comment and lake.columns(table) == lake.columns(view)
            for table in ("ledger", "rejected_rows")
        )
    }
    assert unknown == {"active_findings": [], "deliveries": [], "export_overlaps": []}
