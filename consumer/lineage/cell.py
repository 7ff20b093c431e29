"""A cell: the charges of one day, perhaps of one service, user, region or currency; and what they add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from billstream.common.amount import Amount
from billstream.common.statements import statement

DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "provider": "coalesce(provider_name, service_provider_name, invoice_issuer_name, publisher_name)",
        "account": "coalesce(sub_account_id, billing_account_id)",
        "service": "service_name",
        "user": "x_user_id",
        "region": "region_id",
        "currency": "billing_currency",
    }
)
"""What a cell may be of, each as an expression over `charges`; the aggregates have the same."""

_TEXTS = (
    "provider_name",
    "service_provider_name",
    "invoice_issuer_name",
    "publisher_name",
    "sub_account_id",
    "billing_account_id",
    "service_name",
    "x_user_id",
    "region_id",
    "billing_currency",
    "consumed_unit",
)

COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "charge_period_start": "TIMESTAMPTZ",
        **dict.fromkeys(_TEXTS, "VARCHAR"),
        **dict.fromkeys((*COSTS, "consumed_quantity"), "DECIMAL(38, 18)"),
    }
)
"""The columns of `charges` that a cell is about, with their types."""


@dataclass(frozen=True)
class Cell:
    """The charges of one UTC day with given values.

    Args:
        day: the day of charge_period_start.
        where: values by their names in `DIMENSIONS`; None: charges without a value.
    """

    day: date
    where: Mapping[str, str | None] = field(default_factory=dict)

    def condition(self, parameters: list[Any]) -> str:
        """Return the condition over rows of charges; its values are added to the parameters of the statement."""
        midnight = f"{_bound(f'{self.day.isoformat()} 00:00:00+00', parameters)}::TIMESTAMPTZ"
        # The column itself is compared, so that data files of other days are not read.
        parts = [f"charge_period_start >= {midnight} AND charge_period_start < {midnight} + INTERVAL 24 HOURS"]
        for name, value in self.where.items():
            column = DIMENSIONS[name]
            if value is None:
                parts.append(f"{column} IS NULL")
            else:
                # DuckLake compares a value with the statistics of files in SQL of its own, which a NUL in the value
                # cuts off. It leaves expressions alone.
                column = column if value.isprintable() else f"({column} || '')"
                parts.append(f"{column} = {_bound(value, parameters)}::VARCHAR")
        return " AND ".join(parts)


def amounts_sql(rows: str, *group: str) -> str:
    """Return the SELECT of what rows add up to: the columns of the group, then those of `Amount`."""
    return statement(__name__, "amounts", rows=rows, group="".join(f"{column}, " for column in group))


def amount_of(row: Sequence[Any]) -> Amount:
    """Return an amount, given the columns of it that `amounts_sql` selects."""
    currency, rows, billed, effective, listed, contracted, quantities = row
    return Amount(currency, rows, billed, effective, listed, contracted, dict(quantities))


def _bound(value: object, parameters: list[Any]) -> str:
    parameters.append(value)
    return f"${len(parameters)}"
