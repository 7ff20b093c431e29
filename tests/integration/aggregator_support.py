"""A small lake to aggregate: loads written and removed as the consumer does it, and a model to compare with."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.lake.guard import scope_id
from billstream.common.settings import Settings

if TYPE_CHECKING:
    import duckdb

MONEY = pa.decimal128(38, 18)
NOW = datetime(2025, 7, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One charge, with only what the aggregates look at."""

    charge_period_start: datetime
    billing_currency: str | None = None
    x_user_id: str | None = None
    service_name: str | None = None
    x_service_tier: str | None = None
    resource_type: str | None = None
    region_id: str | None = None
    billed_cost: Decimal | None = None
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    contracted_cost: Decimal | None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None
    sub_account_id: str | None = None
    billing_account_id: str | None = None
    provider_name: str | None = None
    service_provider_name: str | None = None
    invoice_issuer_name: str | None = None
    publisher_name: str | None = None
    service_category: str | None = None
    charge_category: str | None = None
    charge_class: str | None = None
    commitment_discount_status: str | None = None
    pricing_category: str | None = None
    tags: Mapping[str, str] | None = None
    resource_id: str | None = None
    sku_id: str | None = None
    pricing_quantity: Decimal | None = None
    pricing_unit: str | None = None
    sku_price_id: str | None = None
    sku_meter: str | None = None


def settings_in(folder: Path, threads: int = 1) -> Settings:
    """Settings of a small lake: a second thread doubles the CPU seconds, and changes nothing but an order by chance."""
    return Settings(home=folder, threads=threads)


@contextmanager
def new_lake(folder: Path, threads: int = 1) -> Iterator[Lake]:
    with Lake.open(settings_in(folder, threads), create=True) as lake:
        yield lake


def _arrow_type(name: str) -> pa.DataType:
    if name == "charge_period_start":
        return pa.timestamp("us", tz="UTC")
    if name == "tags":
        return pa.map_(pa.string(), pa.string())
    return MONEY if name.endswith(("_cost", "_quantity")) else pa.string()


def _cell(row: Row, name: str) -> object:
    value = getattr(row, name)
    return list(value.items()) if name == "tags" and value is not None else value


def stage(lake: Lake, load_id: str, rows: Sequence[Row]) -> str:
    """A Parquet file of the rows, ready to be added to `charges`."""
    columns = {
        "load_id": pa.array([load_id] * len(rows), pa.string()),
        **{f.name: pa.array([_cell(row, f.name) for row in rows], _arrow_type(f.name)) for f in fields(Row)},
    }
    path = lake.staging_path(f"{load_id}_{uuid4().hex}")
    pq.write_table(pa.table(columns), path)
    return path


@dataclass(frozen=True)
class Line:
    """One line of the ledger."""

    scope: str
    state: str
    load_id: str | None = None
    previous: str | None = None
    rows: int = 0
    rejected: int = 0
    at: datetime = NOW
    days: tuple[date, date] | None = None

    def store(self, con: "duckdb.DuckDBPyConnection") -> None:
        bucket, _, key = self.scope.removeprefix("s3://").partition("/")
        con.execute(
            """
            INSERT INTO ledger BY NAME
            SELECT $1 AS entry_id, $2 AS scope_id, $3 AS scope, $4 AS state, $5 AS load_id, $6 AS previous_load_id,
                   $7 AS bucket, $8 AS key, $9 AS rows_loaded, $10 AS rows_rejected, 0 AS values_rounded,
                   $11 AS processed_at, 'test' AS consumer_id, $12 AS first_charge_day, $13 AS last_charge_day
            """,
            [
                new_id(),
                scope_id(self.scope),
                self.scope,
                self.state,
                self.load_id,
                self.previous,
                bucket,
                key,
                self.rows,
                self.rejected,
                self.at,
                *(self.days or (None, None)),
            ],
        )


def commit_load(
    lake: Lake,
    load_id: str,
    rows: Sequence[Row],
    *,
    replaces: str | None = None,
    scope: str | None = None,
    at: datetime = NOW,
) -> int:
    """Commit the rows as a load, taking the place of another load's rows when told so; with its ledger line."""
    path = stage(lake, load_id, rows) if rows else None

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        if replaces:
            con.execute("DELETE FROM charges WHERE load_id = ?", [replaces])
        if path:
            con.execute("CALL ducklake_add_data_files('lake', 'charges', ?, allow_missing => true)", [path])
        if scope:
            days = sorted(row.charge_period_start.astimezone(UTC).date() for row in rows)
            extent = (days[0], days[-1]) if days else None
            Line(scope, "loaded", load_id, replaces, len(rows), at=at, days=extent).store(con)

    return lake.commit(write, claims=[], author="test", message=f"load {load_id}")


def remove_load(lake: Lake, load_id: str, *, scope: str | None = None, at: datetime = NOW) -> int:
    """Delete the rows of a load."""

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute("DELETE FROM charges WHERE load_id = ?", [load_id])
        if scope:
            Line(scope, "removed", previous=load_id, at=at).store(con)

    return lake.commit(write, claims=[], author="test", message=f"remove {load_id}")


def settle(lake: Lake, line: Line) -> int:
    """Commit a ledger line that moves no rows."""
    return lake.commit(line.store, claims=[], author="test", message=line.state)


def meddle(lake: Lake, sql: str) -> int:
    """Commit a statement that no code of ours would."""

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute(sql)

    return lake.commit(write, claims=[], author="test", message="meddle")


# -- the model: plain Python, exact decimals ---------------------------------------------------------------

Grains = Mapping[str, tuple[str, ...]]

GRAINS: Grains = {
    "daily_costs": (),
    "user_costs": ("x_user_id",),
    "service_costs": ("service_name", "x_service_tier", "resource_type"),
    "region_costs": ("region_id",),
    "cost_cells": (
        "provider_name",
        "billing_account_id",
        "sub_account_id",
        "service_name",
        "service_category",
        "region_id",
        "x_user_id",
        "charge_category",
        "charge_class",
        "commitment_discount_status",
        "pricing_category",
        "costs_told",
        "tags",
    ),
}

Group = tuple[Any, ...]


def _total(values: Iterable[Decimal | None]) -> tuple[Decimal | None, int]:
    known = [value for value in values if value is not None]
    return (sum(known, Decimal(0)) if known else None), len(known)


Keys = Mapping[str, Sequence[str]]


def tags_told(tags: Mapping[str, str] | None, keys: Keys) -> str | None:
    """The value of each configured key, as the cells have it."""
    if not keys:
        return None
    known = sorted((key, value) for key, value in (tags or {}).items() if value)
    told = {
        name: next((value[:256] for wanted in spelt for key, value in known if key.lower() == wanted.lower()), None)
        for name, spelt in keys.items()
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _key(row: Row, name: str, keys: Keys) -> str | None:
    """The value of a dimension; three of them are made of several columns."""
    if name == "tags":
        return tags_told(row.tags, keys)
    if name == "provider_name":
        names = (row.provider_name, row.service_provider_name, row.invoice_issuer_name, row.publisher_name)
        return next((known for known in names if known is not None), None)
    if name == "costs_told":
        costs = {"B": row.billed_cost, "E": row.effective_cost, "L": row.list_cost, "C": row.contracted_cost}
        return "".join(letter for letter, cost in costs.items() if cost is not None)
    value: str | None = getattr(row, name)
    return value


def _group(rows: Sequence[Row]) -> dict[str, Any]:
    billed, effective = _total(r.billed_cost for r in rows), _total(r.effective_cost for r in rows)
    listed, contracted = _total(r.list_cost for r in rows), _total(r.contracted_cost for r in rows)
    quantities: dict[str, list[Decimal]] = {}
    for row in rows:
        if row.consumed_quantity is not None:
            quantities.setdefault(row.consumed_unit or "", []).append(row.consumed_quantity)
    return {
        "charge_rows": len(rows),
        "billed_cost": billed[0],
        "billed_rows": billed[1],
        "effective_cost": effective[0],
        "effective_rows": effective[1],
        "list_cost": listed[0],
        "list_rows": listed[1],
        "contracted_cost": contracted[0],
        "contracted_rows": contracted[1],
        "consumed_quantity": {unit: sum(values, Decimal(0)) for unit, values in quantities.items()},
        "consumed_rows": {unit: len(values) for unit, values in quantities.items()},
    }


def modelled(
    rows: Iterable[Row], table: str, grains: Grains = GRAINS, keys: Keys = MappingProxyType({})
) -> dict[Group, dict[str, Any]]:
    """What an aggregate table must hold of these charges."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        day = row.charge_period_start.astimezone(UTC).date()
        key = (day, row.billing_currency, *(_key(row, name, keys) for name in grains[table]))
        groups.setdefault(key, []).append(row)
    with localcontext(prec=80):
        return {key: _group(members) for key, members in groups.items()}


def stored(lake: Lake, table: str, grains: Grains = GRAINS) -> dict[Group, dict[str, Any]]:
    """What an aggregate table holds."""
    width = 2 + len(grains[table])
    dimensions = ["charge_day", "billing_currency", *grains[table]]
    columns = [*dimensions, *(name for name in lake.columns(table) if name not in {*dimensions, "tags"})]
    found = lake.rows(f"SELECT {', '.join(columns)} FROM {table}")
    groups = {row[:width]: dict(zip(columns[width:], row[width:], strict=True)) for row in found}
    assert len(groups) == len(found), "a group is stored twice"
    return groups
