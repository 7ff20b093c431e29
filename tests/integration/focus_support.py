"""Lakes with charges of every kind, and what is the same in two of them."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from billstream.cli import wiring
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import Loading, find_files, load_files
from billstream.publishing.focus.columns import FileFormat
from billstream.publishing.focus.export import Order, export
from billstream.publishing.focus.manifest import ExportManifest
from billstream.publishing.focus.versions import focus_version

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TEXTS = (
    "plain",
    'a "quoted" one',
    '"',
    '""',
    "it's",
    "two\nlines",
    "and\r\nof another kind",
    "\r",
    "a\ttab",
    "=cmd|' /C calc'!A0",
    "+1",
    "-",
    "@SUM(A1)",
    " before",
    "behind ",
    " ",
    "NULL",
    "null",
    "NA",
    "Total",
    "Summe",
    "é漢字🙂",
    "\ufeff",
    "\u2028",
    ",",
    ";",
    "|",
    "#",
    "\\",
    "\\n",
    '{"a":1}',
    "[1]",
    "1e5",
    "0.10",
    "2026-03-01",
    "true",
    "x" * 3000,
    "\x01",
    "\x7f",
    "\u202e",
)
NAMES = ("team", "", "a b", 'q"uote', "k=v", "user:Env", "é", "NULL", "{}")
RESCUED = (
    "{}",
    '{"a": 1}',
    '{"a":"b","c":{"d":[1,2,null]}}',
    '{ "x" :\n"y" }',
    '{"Tags":"no tags"}',
    '{"a":1e400,"b":"\\u0041"}',
    '{"=cmd":"\\"quoted\\""}',
)
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
_ARROW = {
    "VARCHAR": pa.string(),
    "DECIMAL(38,18)": pa.decimal128(38, 18),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    "MAP(VARCHAR, VARCHAR)": pa.map_(pa.string(), pa.string()),
}
_MOMENTS = (
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 2, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 20, 0, 0, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
)


def value(kind: str, column: str, dice: random.Random) -> Any:  # noqa: ANN401, PLR0911 - one for each type
    """A value that a column may have; NULL now and then."""
    if column != "charge_period_start" and dice.random() < 0.2:
        return None
    if column == "rescued":
        return dice.choice((*RESCUED, json.dumps({dice.choice(TEXTS): dice.choice(TEXTS)})))
    if column == "billing_currency":
        return dice.choice(("USD", "EUR", "JPY", "XXX"))
    if kind == "VARCHAR":
        return dice.choice(TEXTS)
    if kind.startswith("MAP"):
        return [(name, dice.choice((None, "", *TEXTS))) for name in dice.sample(NAMES, dice.randrange(len(NAMES)))]
    if kind.startswith("TIME"):
        return dice.choice(_MOMENTS)
    # A file whose sums are beyond those of any bill is refused.
    digits = dice.choice((0, 1, 6, 12, 18, 30, 33 if column in (*COSTS, "consumed_quantity") else 38))
    return Decimal(dice.randrange(-(10**digits) + 1, 10**digits)).scaleb(-18)


def charges(types: dict[str, str], dice: random.Random, rows: int) -> pa.Table:
    """Random charges, some of them twice."""
    given = {column: [value(kind, column, dice) for _ in range(rows)] for column, kind in types.items()}
    given["load_id"] = [f"{dice.randrange(3):032x}" for _ in range(rows)]
    made = pa.table({column: pa.array(given[column], _ARROW[kind]) for column, kind in types.items()})
    return pa.concat_tables([made, made.slice(0, rows // 10)])


def add(lake: Lake, rows: pa.Table, table: str = "charges") -> None:
    def write(con: "DuckDBPyConnection") -> None:
        con.register("given", rows)
        con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM given")
        con.unregister("given")

    lake.commit(write, claims=[], author="test", message="test")


def delete(lake: Lake, where: str) -> None:
    lake.commit(lambda con: con.execute(f"DELETE FROM charges WHERE {where}"), claims=[], author="me", message="test")


def simple(*rows: tuple[str, str, str]) -> pa.Table:
    """Charges of (day, cost, currency)."""
    days = [datetime.fromisoformat(f"{day}T00:00:00+00:00") for day, _, _ in rows]
    return pa.table(
        {
            "load_id": pa.array(["0" * 32] * len(rows), pa.string()),
            "charge_period_start": pa.array(days, pa.timestamp("us", "UTC")),
            "billed_cost": pa.array([Decimal(cost) for _, cost, _ in rows], pa.decimal128(38, 18)),
            "billing_currency": pa.array([currency for *_, currency in rows], pa.string()),
        }
    )


def content(lake: Lake) -> pa.Table:
    """Every column of the charges but the load, which is of one lake only."""
    return lake.query("SELECT * EXCLUDE (load_id) FROM charges")


def differences(one: pa.Table, other: pa.Table) -> list[Any]:
    """The rows that only one of two has, or has more often. Another DuckDB compares them, which knows no lake."""
    with duckdb.connect(config={"python_enable_replacements": "false"}) as con:
        con.register("one", one)
        con.register("other", other)
        both = ("(FROM one EXCEPT ALL FROM other)", "(FROM other EXCEPT ALL FROM one)")
        return [row for sql in both for row in con.execute(sql).fetchall()]


def written(
    lake: Lake, folder: Path, form: FileFormat = FileFormat.PARQUET, version: str = "1.2", months: Sequence[Any] = ()
) -> list[ExportManifest]:
    return export(lake, Order(focus_version(version), form, folder, tuple(months)))


def loaded(lake: Lake, settings: Settings, folder: Path) -> Loading:
    """`billstream load FOLDER`."""
    found = find_files([folder], settings, wiring.layouts(settings))
    return load_files(found, wiring.local_intake(settings, lake), settings)
