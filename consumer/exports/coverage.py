"""The coverage of loads: which accounts, months, days and costs their rows have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb

from billstream.common.lake.catalog import literal
from billstream.common.statements import statement
from billstream.consumer.exports.naming import Source

if TYPE_CHECKING:
    from billstream.consumer.decode import Covered  # whoever only reads coverage does without the readers of files

COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")

_BILLING_ACCOUNT = re.compile(r"billingaccounts/([^/]+)")
_SUB_ACCOUNT = re.compile(r"(?:subscriptions|projects)/([^/]+)")
_LEADING_ZEROS = re.compile(r"^0+(?=[0-9])")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of coverage. Its fields are the columns of the lake table `load_coverage`, where they are explained."""

    load_id: str
    export: str
    dataset: str | None
    whole_period: bool
    set_aside: bool = False
    provider_name: str | None
    billing_account_id: str | None
    sub_account_id: str | None
    provider: str | None
    account: str | None
    sub_account: str | None
    billing_month: date
    billing_currency: str | None
    days: tuple[date, ...]
    charge_rows: int
    billed_cost: Decimal | None = None
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    contracted_cost: Decimal | None = None

    @property
    def metrics(self) -> frozenset[str]:
        """The costs that at least one row has."""
        return frozenset(cost for cost in COSTS if getattr(self, cost) is not None)

    @property
    def cell(self) -> "Cell":
        """The provider and the month."""
        return self.provider or "", self.billing_month


Cell = tuple[str, date]
"""A provider and a billing month: preferences are applied to the loads of a cell at a time."""

_COLUMNS = tuple(field.name for field in fields(Line))


def account_of(billing_account_id: str | None) -> str | None:
    """Return a billing account in its short form: without path and leading zeros, in lower case."""
    return _short(billing_account_id, _BILLING_ACCOUNT)


def sub_account_of(sub_account_id: str | None) -> str | None:
    """Return a sub account in its short form: `/subscriptions/S1` and `s1` are one."""
    return _short(sub_account_id, _SUB_ACCOUNT)


def provider_of(provider_name: str | None, names: Mapping[str, str]) -> str | None:
    """Return the one name of a provider. `names` are those of the lake table `provider_names`."""
    stripped = (provider_name or "").strip()
    return names.get(stripped.lower(), stripped) or None


def staged_lines(
    sources: Iterable[Source], covered: Mapping[str, Sequence["Covered"]], names: Mapping[str, str]
) -> list[Line]:
    """Return the coverage of staged loads.

    Args:
        sources: the export of each load.
        covered: what the rows of each load have.
        names: spellings of providers.
    """
    return [
        Line(**vars(source), **_named(vars(one), names))
        for source in sources
        for one in covered.get(source.load_id, ())
    ]


def table_rows(table: str, load_ids: Iterable[str]) -> str:
    """Return the SQL of the rows of loads in `charges` or `set_aside_charges`."""
    # Literals, not parameters: DuckLake then skips the files that have none of these.
    return f"(SELECT * FROM {table} WHERE load_id IN ({', '.join(map(literal, sorted(load_ids)))}))"


def lines_of(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    sources: Mapping[str, Source],
    names: Mapping[str, str],
    *,
    set_aside: bool = False,
) -> list[Line]:
    """Return the coverage of the loads that have a source.

    Args:
        con: the lake's connection; its errors are DuckDB's.
        rows: the SQL of the rows, see `table_rows`.
        sources: the export of each load.
        names: spellings of providers.
        set_aside: the rows do not count.
    """
    found = con.execute(statement(__name__, "coverage", rows=rows)).to_arrow_table().to_pylist()
    return [
        Line(**vars(source), set_aside=set_aside, **_named(row, names))
        for row in found
        if (source := sources.get(row.pop("load_id")))
    ]


def insert_lines(con: duckdb.DuckDBPyConnection, lines: Sequence[Line]) -> None:
    """Write lines of coverage, inside the open transaction."""
    if not lines:
        return
    import pyarrow as pa  # noqa: PLC0415 - with numpy a seventh of a second, which whoever only reads does without

    types: dict[str, pa.DataType] = {
        "whole_period": pa.bool_(),
        "set_aside": pa.bool_(),
        "billing_month": pa.date32(),
        "days": pa.list_(pa.date32()),
        "charge_rows": pa.int64(),
        **dict.fromkeys(COSTS, pa.decimal128(38, 18)),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in _COLUMNS])
    rows = [{name: getattr(line, name) for name in _COLUMNS} for line in lines]
    con.register("new_coverage", pa.Table.from_pylist(rows, schema=schema))
    try:
        con.execute("INSERT INTO load_coverage BY NAME SELECT * FROM new_coverage")
    finally:
        con.unregister("new_coverage")


def read_lines(con: duckdb.DuckDBPyConnection, where: str, parameters: Sequence[Any] = ()) -> list[Line]:
    """Return the lines of coverage that a condition holds for. Errors are DuckDB's."""
    found = con.execute(f"SELECT * FROM load_coverage WHERE {where}", parameters).to_arrow_table().to_pylist()
    return [Line(**{**row, "days": tuple(row["days"])}) for row in found]


def _named(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return row | {
        "days": tuple(row["days"]),
        "provider": provider_of(row["provider_name"], names),
        "account": account_of(row["billing_account_id"]),
        "sub_account": sub_account_of(row["sub_account_id"]),
    }


def _short(name: str | None, path: re.Pattern[str]) -> str | None:
    stripped = (name or "").strip().lower()
    if match := path.search(stripped):
        stripped = match[1]
    return _LEADING_ZEROS.sub("", stripped) or None
