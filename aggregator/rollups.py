"""The aggregate tables as data: each sums the charges by day, currency and a few columns of `charges`.

A new aggregate is one line in `ROLLUPS` and a migration that makes its table (grain and measures as in
`0002_aggregates.sql`). The first refresh after the migration finds the new table empty and rebuilds.
"""

from dataclasses import dataclass

DAY_AND_CURRENCY = ("charge_day", "billing_currency")


@dataclass(frozen=True)
class Rollup:
    """One aggregate table; its grain is charge_day, billing_currency and the dimensions.

    Dimensions are columns of `charges`. Two rollups may share some of them, or all. NULL is a value like any other.

    Raises:
        ValueError: a column is named twice.
    """

    table: str
    dimensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.keys)) < len(self.keys):
            raise ValueError(f"The rollup {self.table} names a key column twice: {', '.join(self.keys)}.")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a group."""
        return (*DAY_AND_CURRENCY, *self.dimensions)


Rollups = tuple[Rollup, ...]

ROLLUPS: Rollups = (
    Rollup("daily_costs"),
    Rollup("user_costs", ("x_user_id",)),
    Rollup("service_costs", ("service_name", "x_service_tier", "resource_type")),
    Rollup("region_costs", ("region_id",)),
)
