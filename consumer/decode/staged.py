"""Rows that are staged for a commit, and what is known of the files that they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import islice

from billstream.common.lake.tables import CHARGES, table_of
from billstream.common.openlineage.run import MOST_INPUTS
from billstream.consumer.decode.rejects import RejectedRow, Rejects
from billstream.consumer.profiles import Binding

COSTS = ("billed", "effective", "list", "contracted")
"""The costs whose sums are kept, by the beginning of their names: `billed_cost` of a row, `billed_totals` of a load."""

NO_CURRENCY = "XXX"
"""ISO 4217's code for "no currency"."""


@dataclass(frozen=True)
class Covered:
    """The rows of a load of one provider, account, sub account, billing month and currency.

    `billing_month` is the first day of the month in which the billing period begins, or else the charge. `days` are
    those on which charges begin. A cost that no row has is None.
    """

    provider_name: str | None
    billing_account_id: str | None
    sub_account_id: str | None
    billing_month: date
    billing_currency: str | None
    days: tuple[date, ...]
    charge_rows: int
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None


@dataclass(frozen=True)
class StagedLoad:
    """The result of decoding one file: counts, totals and days of its rows, and the rows that were rejected.

    `records_short` of the rejected ones only lack cells at their end; `records_left_out` are no charges by the words of
    the profile: neither loaded nor rejected.
    `tags_unread` counts cells of its rows that should be tags and are none in any spelling; they are in `rescued`.
    `failing` counts the rows that break a rule of quality, by the rule's name.
    `covered` tells which accounts, months, days and costs its rows have.
    `refused` is why no row of it is loaded, although some can be read. `table` is the table that its rows belong in;
    only charges have totals and days.
    """

    rows_loaded: int = 0
    values_rounded: int = 0
    rows_rejected: int = 0
    records_short: int = 0
    records_left_out: int = 0
    tags_unread: int = 0
    rejected: tuple[RejectedRow, ...] = ()
    billed_totals: dict[str, Decimal] = field(default_factory=dict)
    effective_totals: dict[str, Decimal] = field(default_factory=dict)
    list_totals: dict[str, Decimal] = field(default_factory=dict)
    contracted_totals: dict[str, Decimal] = field(default_factory=dict)
    rows_hash: str | None = None
    first_charge_day: date | None = None
    last_charge_day: date | None = None
    covered: tuple[Covered, ...] = field(default=(), compare=False)  # the totals and days tell loads apart
    failing: dict[str, int] = field(default_factory=dict)
    refused: str | None = None
    table: str = CHARGES

    @property
    def records(self) -> int:
        """The number of records of the file, whatever became of them."""
        return self.rows_loaded + self.rows_rejected + self.records_left_out

    def with_rejects(self, rejects: Rejects) -> "StagedLoad":
        """Return the load with more rejected rows."""
        return replace(
            self,
            rejected=(*self.rejected, *rejects.rows),
            rows_rejected=self.rows_rejected + rejects.total,
            records_short=self.records_short + rejects.short,
            records_left_out=self.records_left_out + rejects.left_out,
        )


@dataclass
class Staged:
    """Rows of several loads in Parquet files that no commit refers to yet.

    `bindings` tells what the columns of loads were made of, where a lineage backend is told of it: of so many loads as
    one run names, also of those that were dropped. Files with one header share theirs.
    """

    paths: list[str] = field(default_factory=list)
    loads: dict[str, StagedLoad] = field(default_factory=dict)
    poisoned: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, Binding] = field(default_factory=dict)

    def paths_of(self, table: str) -> list[str]:
        """Return the files with the rows of one table."""
        return [path for path in self.paths if table_of(path) == table]

    def take(self, other: "Staged") -> None:
        """Add the files and loads of another staging."""
        self.paths += other.paths
        self.loads |= other.loads
        self.poisoned |= other.poisoned
        self.bind(other.bindings)

    def bind(self, bindings: Mapping[str, Binding]) -> None:
        """Remember what the columns of loads were made of."""
        shared = {(one.profile.name, one.header): one for one in self.bindings.values()}
        for load_id, binding in islice(bindings.items(), MOST_INPUTS - len(self.bindings)):
            self.bindings[load_id] = shared.setdefault((binding.profile.name, binding.header), binding)
