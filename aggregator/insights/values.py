"""The insights as values. They are what `insights.json` holds; its JSON Schema is made from them.

Amounts are exact: decimals here, decimal strings in JSON. None means that no charge has such an amount, which is not
the same as zero. A currency of None stands for the charges that name none. Ratios are 0.25 for 25 %, six decimals.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

SCHEMA_VERSION: Final = 2


def plain(value: Decimal) -> str:
    """All digits of `value` and no others: no exponent, no trailing zeros."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


Exact = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}, mode="serialization"),
]

Dimension = Literal["service", "user", "region", "service_tier", "resource_type"]
PeriodName = Literal["all_time", "month_to_date", "same_days_last_month", "last_30_days", "previous_30_days"]


class Value(BaseModel):
    """What all values share: they do not change, and they know all their fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(Value):
    """Days from the first to the last, both inclusive."""

    first_day: date
    last_day: date


class Costs(Value):
    """Costs of one currency. Savings are list less effective cost, over the charges that have both."""

    billed_cost: Exact | None = None
    effective_cost: Exact | None = None
    list_cost: Exact | None = None
    savings: Exact | None = None
    charge_rows: int = 0


class Currency(Value):
    """What was charged in one currency, in each period, and which days it covers."""

    currency: str | None
    costs: dict[PeriodName, Costs]
    first_charge_day: date
    last_charge_day: date
    missing_days: Annotated[int, Field(description="Days without charges between the first and the last.")]
    gaps: Annotated[tuple[Period, ...], Field(description="The missing days, as spans.")]


class DayAmount(Value):
    """What one day came to."""

    day: date
    amount: Exact


class Ranked(Value):
    """One name's part of the last 30 days, and how it compares with the 30 days before."""

    name: Annotated[str | None, Field(description="None: the charges that name none.")]
    amount: Exact
    share: Annotated[Exact | None, Field(description="Of the meter's amount; None unless that is positive.")]
    previous: Exact | None
    change: Annotated[Exact | None, Field(description="Ratio to the 30 days before; None unless they were positive.")]


class Ranking(Value):
    """The names with the largest amounts, and what all others come to together."""

    dimension: Dimension
    entries: tuple[Ranked, ...]
    others: Ranked | None
    others_count: int


class Meter(Value):
    """One thing that can be added up: a cost in one currency, or a quantity of one unit."""

    kind: Literal["cost", "quantity"]
    measure: Literal["billed_cost", "effective_cost", "list_cost", "consumed_quantity"]
    currency: str | None
    unit: str | None
    amounts: dict[PeriodName, Exact]
    daily: tuple[DayAmount, ...]
    rankings: tuple[Ranking, ...]


class Consumption(Value):
    """How much of one unit was consumed, over all currencies; the unit is empty where charges name none."""

    unit: str
    charge_rows: int
    amounts: dict[PeriodName, Exact]


class CurrencyChange(Value):
    """What the newest refresh added to and took from one currency; costs are differences."""

    currency: str | None
    rows_added: int
    rows_removed: int
    billed_cost: Exact | None
    effective_cost: Exact | None
    list_cost: Exact | None


class FileChange(CurrencyChange):
    """One file's part of a change, in one currency. A file that the ledger does not name has its load's id."""

    file: str
    action: Literal["added", "replaced", "removed"]


class Changes(Value):
    """What the newest refresh found; after a rebuild it is not known what changed, only that all was read anew."""

    kind: Literal["refresh", "rebuild"]
    reason: str | None
    from_snapshot_id: int | None
    to_snapshot_id: int
    rows_added: int
    rows_removed: int
    currencies: tuple[CurrencyChange, ...]
    files: Annotated[tuple[FileChange, ...], Field(description="The largest changes; see files_changed.")]
    files_changed: int


class QuantityDifference(Value):
    """One unit's part of a difference; the unit is empty where charges name none."""

    unit: str
    before: Exact | None
    after: Exact | None
    difference: Exact


class CostDifference(Value):
    """What a file's charges came to before and come to after; a difference is after less before."""

    rows_before: int
    rows_after: int
    billed_before: Exact | None
    billed_after: Exact | None
    billed_difference: Exact | None
    effective_before: Exact | None
    effective_after: Exact | None
    effective_difference: Exact | None


class Restatement(CostDifference):
    """One file's part of one day, service and account in one currency, and the newest decision that changed it."""

    kind: Annotated[
        Literal["restated", "new"], Field(description="restated: the file's rows took the place of others, or went.")
    ]
    day: Annotated[date | None, Field(description="None: a day before 1900 or after 2999.")]
    currency: str | None
    service: Annotated[str | None, Field(description="service_name; None: the charges that name none.")]
    account: Annotated[str | None, Field(description="sub_account_id where a charge has one, else billing_account_id.")]
    file: str
    state: Annotated[str | None, Field(description="Of the newest ledger line: loaded, removed. None: there is none.")]
    processed_at: datetime | None
    entry_id: str | None
    decisions: Annotated[int, Field(description="Ledger lines behind it: above 1, it was restated more than once.")]
    quantities: Annotated[tuple[QuantityDifference, ...], Field(description="The units whose quantity differs.")]


class RestatementTotal(CostDifference):
    """All differences of one kind in one currency; days, services and accounts with equal sums are counted apart."""

    kind: Literal["restated", "new"]
    currency: str | None
    files: int
    groups_changed: int
    groups_equal: Annotated[int, Field(description="Written anew, with the same costs and quantities.")]


class Restatements(Value):
    """How the charges of one snapshot differ from those of an earlier one, by day, service, account and file."""

    since: datetime
    from_snapshot_id: Annotated[int | None, Field(description="None: nothing was restated, so none was compared.")]
    to_snapshot_id: int
    totals: tuple[RestatementTotal, ...]
    largest: Annotated[
        tuple[Restatement, ...], Field(description="Restated ones first; totals have how many there are.")
    ]


class NewestFile(Value):
    """The file that was loaded last."""

    file: str
    processed_at: datetime


class Freshness(Value):
    """How current and how whole the lake is."""

    newest_file: NewestFile | None
    loads: Annotated[int, Field(description="Loads whose rows are in force.")]
    rejected_rows: Annotated[
        int, Field(description="Records that did not fit, of these loads and of quarantined files.")
    ]
    quarantined_files: int
    files_by_state: Annotated[dict[str, int], Field(description="Files by the newest state in the ledger.")]
    ledger_lines: int


class Insights(Value):
    """Everything billstream tells about the lake at one snapshot."""

    schema_version: Literal[2] = SCHEMA_VERSION
    snapshot_id: Annotated[int, Field(description="The snapshot of the lake that all numbers are of.")]
    watermark_snapshot_id: Annotated[
        int, Field(description="The snapshot of the newest refresh; the charges are the same in snapshot_id.")
    ]
    refreshed_at: datetime
    charge_rows: int
    misdated_rows: Annotated[
        int, Field(description="Charges of days before 1900 or after 2999; they are in no other number.")
    ]
    first_charge_day: date | None
    last_charge_day: Annotated[date | None, Field(description="The day that counts as today in every period.")]
    periods: dict[PeriodName, Period]
    currencies: tuple[Currency, ...]
    meters: tuple[Meter, ...]
    consumption: tuple[Consumption, ...]
    changes: Changes
    restatements: Annotated[Restatements, Field(description="Of the seven days before the refresh; no new files.")]
    freshness: Freshness
