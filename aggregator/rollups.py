"""The aggregate tables as data: each is the charges, rolled up by day, currency and a few dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

DAY_AND_CURRENCY = ("charge_day", "billing_currency")


@dataclass(frozen=True)
class Rollup:
    """One table of costs; its grain is charge_day, billing_currency and the dimensions."""

    table: str
    dimensions: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that name a group."""
        return (*DAY_AND_CURRENCY, *self.dimensions)

    @property
    def same_keys(self) -> str:
        """The SQL condition that rows `a` and `b` are of one group; NULL is a value like any other."""
        return " AND ".join(["a.charge_day = b.charge_day", *(_same(name) for name in self.keys[1:])])

    def identifiers(self) -> dict[str, str]:
        """What the SQL texts of one rollup have in braces."""
        return {"table": self.table, "keys": ", ".join(self.keys), "same_keys": self.same_keys}


ROLLUPS = (
    Rollup("daily_costs"),
    Rollup("user_costs", ("x_user_id",)),
    Rollup("service_costs", ("service_name", "x_service_tier", "resource_type")),
    Rollup("region_costs", ("region_id",)),
)

DIMENSIONS = tuple(name for rollup in ROLLUPS for name in rollup.dimensions)

CHARGE_COLUMNS = (
    "load_id",
    "charge_period_start",
    "billing_currency",
    *DIMENSIONS,
    "billed_cost",
    "effective_cost",
    "list_cost",
    "consumed_quantity",
    "consumed_unit",
)
"""The columns of `charges` that the aggregates are made of."""


def grouping_sets(rollups: Sequence[Rollup] = ROLLUPS) -> str:
    """The grouping sets of `sql/delta.sql`: one for each rollup, and one for the loads."""
    sets = [f"({', '.join([*rollup.keys, 'unit'])})" for rollup in rollups]
    return ", ".join([*sets, "(load_id, billing_currency)"])


def rollup_case(rollups: Sequence[Rollup] = ROLLUPS) -> str:
    """The branches that tell which grouping set a row belongs to, by a column that only this set has."""
    plain = next(rollup for rollup in rollups if not rollup.dimensions)
    branches = [
        f"WHEN grouping({rollup.dimensions[0]}) = 0 THEN '{rollup.table}'" for rollup in rollups if rollup.dimensions
    ]
    return " ".join(["WHEN grouping(load_id) = 0 THEN 'changed_loads'", *branches, f"ELSE '{plain.table}'"])


def _same(name: str) -> str:
    return f"a.{name} IS NOT DISTINCT FROM b.{name}"
