"""The aggregate tables as data: each sums the charges by day, currency and a few columns of `charges`.

A new aggregate is one line in `ROLLUPS` and a migration that makes its table (grain and measures as `cost_cells` of
`0012_cost_cells.sql`). The first refresh after the migration finds the new table empty and rebuilds.
"""

from dataclasses import dataclass

DAY_AND_CURRENCY = ("charge_day", "billing_currency")
PROVIDER_NAMES = ("provider_name", "service_provider_name", "invoice_issuer_name", "publisher_name")
"""Columns that name a charge's provider, the best first. FOCUS 1.4 has no provider_name, but service_provider_name."""
TAGS = "tags"


@dataclass(frozen=True)
class Rollup:
    """One aggregate table; its grain is charge_day, billing_currency and the dimensions.

    Dimensions are columns of `charges`; three names mean more: `provider_name` is the first of `PROVIDER_NAMES` that a
    charge has, `costs_told` is which of the four costs it has, such as BEL, and `tags` has the values of the configured
    tag keys alone. Two rollups may share some of them, or all. NULL is a value like any other.

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


def without_tags(rollups: Rollups) -> Rollups:
    """Return the same tables without the dimension `tags`: without tag keys it is NULL, and nothing need be read."""
    return tuple(Rollup(rollup.table, tuple(name for name in rollup.dimensions if name != TAGS)) for rollup in rollups)


ROLLUPS: Rollups = (
    Rollup("daily_costs"),
    Rollup("user_costs", ("x_user_id",)),
    Rollup("service_costs", ("service_name", "x_service_tier", "resource_type")),
    Rollup("region_costs", ("region_id",)),
    Rollup(
        "cost_cells",
        (
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
            TAGS,
        ),
    ),
)
