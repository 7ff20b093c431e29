"""What the finest aggregate, `cost_cells`, has of one day: for those who compare it with charges and files."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from billstream.common.amount import Amount
from billstream.common.lake import Lake
from billstream.common.statements import statement

CELL_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "provider": "provider_name",
        "account": "coalesce(sub_account_id, billing_account_id)",
        "service": "service_name",
        "user": "x_user_id",
        "region": "region_id",
        "currency": "billing_currency",
    }
)
"""The dimensions that a cell may have, each as an expression over `cost_cells`."""


def cell_sums(lake: Lake, day: date, where: Mapping[str, str | None], version: int) -> list[Amount]:
    """Return what the aggregates have of a day, by currency, at snapshot `version`.

    Args:
        lake: has the aggregates.
        day: UTC day.
        where: values by their names in `CELL_COLUMNS`; None: charges without a value.
        version: the snapshot.
    """
    parameters: list[Any] = [version, day.isoformat()]
    parts = []
    for name, value in where.items():
        if value is None:
            parts.append(f"AND {CELL_COLUMNS[name]} IS NULL")
        else:
            parameters.append(value)
            # An expression: DuckLake compares a bare column with the statistics of files in SQL of its own, which a
            # NUL in the value cuts off.
            parts.append(f"AND ({CELL_COLUMNS[name]} || '') = ${len(parameters)}::VARCHAR")
    sql = statement(__name__, "cell_sums", condition=" ".join(parts))
    return [Amount(*row) for row in lake.rows(sql, parameters)]
