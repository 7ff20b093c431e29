"""A target of Iceberg tables, and what is in them as DuckDB's iceberg extension reads it, by SQL of the tests' own."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError
from pyiceberg.table import Table

from billstream.common.lake import Lake
from billstream.common.lake.engine import load_extensions
from billstream.publishing.config import IcebergPlace
from billstream.publishing.iceberg.marks import SNAPSHOT_ID
from billstream.publishing.iceberg.target import TABLES, IcebergTarget
from tests.integration.publish_support import KEYS, STORED, SUMS, UNITS, as_object, plain

DUE = "billstream.cleaning-due"
_CHARGES = """
    SELECT load_id, charge_day::VARCHAR, (epoch_us(charge_period_start) / 1000000)::DECIMAL(20, 6)::VARCHAR,
           billing_currency, service_name, x_user_id, region_id, billed_cost::VARCHAR, effective_cost::VARCHAR,
           consumed_quantity::VARCHAR, consumed_unit, tags
    FROM billstream.charges
"""
_STORED_UNITS = """
    SELECT charge_day, billing_currency{keys}, unit, consumed_quantity[unit], consumed_rows[unit]
    FROM (SELECT *, unnest(map_keys(consumed_quantity)) AS unit FROM billstream.{table})
"""


class Lakehouse:
    """A catalog in an SQLite file and a warehouse in a folder, with a copy."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.catalog = {
            "type": "sql",
            "uri": f"sqlite:///{folder}/catalog.db",
            "warehouse": f"file://{folder}/warehouse",
        }
        self.folder = folder

    @property
    def place(self) -> IcebergPlace:
        return IcebergPlace(kind="iceberg", catalog=self.catalog)

    def table(self, name: str) -> Table:
        catalog = load_catalog("billstream", **self.catalog)
        try:
            return catalog.load_table(("billstream", name))
        finally:
            catalog.close()

    def tables(self) -> list[str]:
        """The tables that are there."""
        catalog = load_catalog("billstream", **self.catalog)
        try:
            return sorted(name for _, name in catalog.list_tables("billstream"))
        except NoSuchNamespaceError:
            return []
        finally:
            catalog.close()

    def snapshots(self) -> list[int]:
        """The snapshot of the lake that each table names; -1 for none."""
        return [int(self.table(name).properties.get(SNAPSHOT_ID, -1)) for name in TABLES]

    def snapshot(self) -> int:
        """The one that all name."""
        (found,) = set(self.snapshots())
        return found

    def files(self, name: str = "charges") -> set[str]:
        """The files in the folder of a table, but those of its metadata that list the snapshots."""
        folder = self.folder / "warehouse" / "billstream" / name
        return {f"file://{path}" for path in folder.rglob("*.*") if not path.name.endswith(".metadata.json")}

    def grow_older(self, age: timedelta) -> None:
        """Make everything that is there so much older: snapshots, files, and what is due."""
        for name in TABLES:
            path = Path(self.table(name).metadata_location.removeprefix("file://"))
            metadata = json.loads(path.read_text())
            metadata["last-updated-ms"] -= round(age.total_seconds() * 1000)
            for entry in (*metadata["snapshots"], *metadata["snapshot-log"], *metadata.get("metadata-log", ())):
                entry["timestamp-ms"] -= round(age.total_seconds() * 1000)
            due = datetime.fromisoformat(metadata["properties"][DUE])
            metadata["properties"][DUE] = (due - age).isoformat()
            path.write_text(json.dumps(metadata))
        for file in (self.folder / "warehouse").rglob("*.*"):
            before = file.stat().st_mtime - age.total_seconds()
            os.utime(file, (before, before))

    def toml(self) -> str:
        """The file of targets."""
        lines = "".join(f'{name} = "{value}"\n' for name, value in self.catalog.items())
        return f'[target.lakehouse]\nkind = "iceberg"\n[target.lakehouse.catalog]\n{lines}'

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB with the tables as they are now."""
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as con:
            load_extensions(con, ["httpfs", "avro", "iceberg"])
            con.execute("SET TimeZone = 'UTC'; CREATE SCHEMA billstream")
            for name in TABLES:
                location = self.table(name).metadata_location
                con.execute(f"CREATE VIEW billstream.{name} AS FROM iceberg_scan('{location}')")
            yield con

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.opened() as con:
            return con.execute(sql).fetchall()

    def charges(self) -> Counter[tuple[Any, ...]]:
        """As `Warehouse.charges` has them, with PostgreSQL's sign for a NUL."""
        found = Counter[tuple[Any, ...]]()
        for *row, tags in self.rows(_CHARGES):
            shown = {plain(key): plain(value) for key, value in tags.items()} if tags else None
            found[*map(plain, row), as_object(shown)] += 1
        return found

    def contradictions(self) -> list[str]:
        """Aggregate tables that are not the sums of the charges beside them."""
        found = []
        with self.opened() as con:
            con.execute("CREATE TEMP TABLE charges AS FROM billstream.charges")
            for table, keys in KEYS.items():
                for sums, stored in ((SUMS, STORED), (UNITS, _STORED_UNITS)):
                    one = sums.format(keys=keys).replace("billstream.charges", "charges")
                    other = stored.format(keys=keys, table=table)
                    both = f"(({one}) EXCEPT ALL ({other})) UNION ALL (({other}) EXCEPT ALL ({one}))"
                    if con.execute(f"SELECT count(*) FROM ({both}) AS t").fetchall() != [(0,)]:
                        found.append(table)
        return found

    def drop(self, name: str) -> None:
        catalog = load_catalog("billstream", **self.catalog)
        catalog.drop_table(("billstream", name))
        catalog.close()

    def spoil(self, name: str, sql: str) -> None:
        """Change a table as somebody else would: with SQL of DuckDB's that calls it `billstream.NAME`."""
        with self.opened() as con:
            con.execute(f"CREATE TABLE copied AS FROM billstream.{name}; DROP VIEW billstream.{name}")
            con.execute(f"CREATE TABLE billstream.{name} AS FROM copied")
            con.execute(sql)
            self.table(name).overwrite(con.execute(f"FROM billstream.{name}").to_arrow_table())

    @contextmanager
    def target(self, lake: Lake) -> Iterator[IcebergTarget]:
        made = IcebergTarget("lakehouse", self.place, lake=lake)
        try:
            yield made
        finally:
            made.close()


def needed(table: Table) -> set[str]:
    """The files that the snapshots of a table name, by pyiceberg's own inspection."""
    manifests = table.inspect.all_manifests()["path"].to_pylist()
    data = table.inspect.all_files()["file_path"].to_pylist()
    return {one.manifest_list for one in table.snapshots()} | {str(path) for path in (*manifests, *data)}
