"""The aggregate tables as data: each is the charges, rolled up by day, currency and a few dimensions.

A new aggregate is one line of `ROLLUPS`, and a migration that makes its table. Dimensions may be shared: a row of the
delta belongs to a grouping set by the whole mask of its columns, never by a single one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

DAY_AND_CURRENCY = ("charge_day", "billing_currency")


@dataclass(frozen=True)
class Rollup:
    """One table of costs; its grain is charge_day, billing_currency and the dimensions.

    Raises:
        ValueError: a dimension occurs twice.
    """

    table: str
    dimensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.keys)) < len(self.keys):
            raise ValueError(f"the rollup {self.table} names a key twice: {', '.join(self.keys)}")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that name a group."""
        return (*DAY_AND_CURRENCY, *self.dimensions)


ROLLUPS = (
    Rollup("daily_costs"),
    Rollup("user_costs", ("x_user_id",)),
    Rollup("service_costs", ("service_name", "x_service_tier", "resource_type")),
    Rollup("region_costs", ("region_id",)),
)

LOAD_KEYS = ("load_id", "billing_currency")
"""The grouping set of the table `changed_loads`."""


@dataclass(frozen=True)
class GroupingSets:
    """The grouping sets of one pass over the changes: one for each rollup, and one for the loads."""

    rollups: Sequence[Rollup] = ROLLUPS

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every dimension of a rollup, once."""
        return tuple(dict.fromkeys(name for rollup in self.rollups for name in rollup.dimensions))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that some set groups by, in the order of the bits of a mask."""
        return ("load_id", *DAY_AND_CURRENCY, *self.dimensions, "unit")

    @property
    def charge_columns(self) -> tuple[str, ...]:
        """The columns of `charges` that the aggregates are made of."""
        costs = ("billed_cost", "effective_cost", "list_cost", "consumed_quantity", "consumed_unit")
        return ("load_id", "charge_period_start", "billing_currency", *self.dimensions, *costs)

    def mask(self, keys: Sequence[str]) -> int:
        """Return what `GROUPING_ID(columns)` is for the set of these keys: a bit for each column outside of it."""
        bits = ("0" if name in keys else "1" for name in self.columns)
        return int("".join(bits), 2)

    def mask_of(self, rollup: Rollup) -> int:
        """Return the mask of a rollup's rows in the delta, which tell quantities apart by unit."""
        return self.mask([*rollup.keys, "unit"])

    @property
    def load_mask(self) -> int:
        """The mask of the loads' rows in the delta."""
        return self.mask(LOAD_KEYS)

    def sql(self) -> str:
        """Return the sets as GROUPING SETS takes them. Two rollups with the same keys share one."""
        sets = {frozenset(rollup.keys): (*rollup.keys, "unit") for rollup in self.rollups}
        return ", ".join(f"({', '.join(keys)})" for keys in [*sets.values(), LOAD_KEYS])

    def identifiers(self, rollup: Rollup) -> dict[str, str | int]:
        """Return what the SQL texts of one rollup have in braces."""
        # NULL is a value like any other. The day is never NULL, and plain equality makes a cheaper join.
        same = ["a.charge_day = b.charge_day", *(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in rollup.keys[1:])]
        return {
            "table": rollup.table,
            "keys": ", ".join(rollup.keys),
            "same_keys": " AND ".join(same),
            "mask": self.mask_of(rollup),
        }
