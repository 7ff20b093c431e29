"""The insights as values. They are the content of `insights.json`; its JSON Schema is made from them."""

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from billstream.aggregator.restatements.values import Restatements
from billstream.aggregator.values import Exact, Value

SCHEMA_VERSION: Final = 3

Dimension = Literal["service", "user", "region", "service_tier", "resource_type"]
PeriodName = Literal["all_time", "month_to_date", "same_days_last_month", "last_30_days", "previous_30_days"]
ComparisonName = Literal["month", "thirty_days"]
CostName = Literal["billed_cost", "effective_cost", "list_cost", "contracted_cost"]
DayState = Literal["complete", "lagging", "filling"]


class Period(Value):
    """The days from the first to the last, both inclusive."""

    first_day: date
    last_day: date


class Source(Value):
    """The charges of one provider in one currency: the days that they cover, and whether comparisons use them.

    A day is complete when the source has a later one, or when every load that covers it was made 36 hours or more after
    its end; see docs/insights.md.
    """

    provider: Annotated[str | None, Field(description="None: the charges that name none.")]
    currency: str | None
    monthly: Annotated[bool, Field(description="All charges are dated on the first of a month.")]
    first_charge_day: date
    last_charge_day: Annotated[date, Field(description="The newest day, not after today.")]
    last_complete_day: date | None
    filling_day: Annotated[date | None, Field(description="The newest day, while it is not complete.")]
    missing_days: Annotated[int, Field(description="Of the last 92 days, between its first and last; of daily sources.")]
    compared: bool
    left_out: Annotated[str | None, Field(description="Why comparisons leave the source out.")]
    charge_rows: int


class FutureCharges(Value):
    """Charges of one provider and currency that are dated after today. They are in no period and no other amount."""

    provider: str | None
    currency: str | None
    first_day: date
    last_day: date
    charge_rows: int
    billed_cost: Exact | None
    effective_cost: Exact | None


class Covered(Value):
    """The part of the charges that tells a cost, so that sums of different costs can be set against each other."""

    charge_rows: Annotated[int, Field(description="Charges that have this cost.")]
    share: Annotated[Exact | None, Field(description="These charges as a part of all charges of the period.")]
    billed_cost: Annotated[Exact | None, Field(description="Billed cost of the same charges.")]


class Costs(Value):
    """The costs of one currency, and for each the charges that tell it. None: no charge has such a cost."""

    billed_cost: Exact | None = None
    effective_cost: Exact | None = None
    list_cost: Exact | None = None
    contracted_cost: Exact | None = None
    charge_rows: int = 0
    covered: dict[CostName, Covered] = {}


class SavingsFormula(Value):
    """The formulas of the amounts in `SavingsAmounts`, over the usage charges alone."""

    total: str = "list_cost - effective_cost - unused"
    negotiated: str = "list_cost - contracted_cost"
    commitment: str = "contracted_cost - effective_cost, of usage that a commitment covers"
    other: str = (
        "contracted_cost - effective_cost, of other usage; list_cost - effective_cost where no contracted cost is told"
    )
    unused: str = "effective_cost of unused commitments: a loss"
    rate: str = "total / list_cost"
    usage: str = "charge_category Usage, without corrections; purchases are left out, as usage bears their cost"


class SavingsAmounts(Value):
    """Savings of usage in one period. total = negotiated + commitment + other - unused; a negative one is a loss.

    None: no usage of the period tells the costs that the amount is made of.
    """

    total: Exact | None
    negotiated: Exact | None
    commitment: Exact | None
    other: Exact | None
    unused: Exact | None
    list_cost: Annotated[Exact | None, Field(description="Of the usage that has a list and an effective cost.")]
    effective_cost: Annotated[Exact | None, Field(description="Of the same usage, without unused commitments.")]
    rate: Annotated[Exact | None, Field(description="Effective savings rate; None unless the list cost is positive.")]
    usage_rows: Annotated[int, Field(description="Usage charges of the period.")]
    charge_rows: Annotated[int, Field(description="Usage charges that the savings are made of.")]
    share: Annotated[Exact | None, Field(description="charge_rows as a part of usage_rows.")]


class NotTold(Value):
    """What a provider does not tell of its charges, so that savings cannot count them."""

    provider: str | None
    lacks: Annotated[tuple[str, ...], Field(description="Columns that are missing in these charges.")]
    charge_rows: int
    billed_cost: Exact | None
    counted: Annotated[bool, Field(description="True: the savings count the charges nevertheless; see reason.")]
    reason: str


class Savings(Value):
    """The savings of one currency, by period, with the formulas and with what vendors do not tell."""

    formula: SavingsFormula = SavingsFormula()
    periods: dict[PeriodName, SavingsAmounts]
    not_told: tuple[NotTold, ...]


class Currency(Value):
    """The costs of one currency in each of its own periods, and the days that it covers."""

    currency: str | None
    current: Annotated[bool, Field(description="It has charges in the month of today.")]
    periods: dict[PeriodName, Period]
    covers: Annotated[str, Field(description="The days that the numbers cover, in words.")]
    costs: dict[PeriodName, Costs]
    savings: Savings
    first_charge_day: date
    last_charge_day: date
    missing_days: Annotated[int, Field(description="Days without charges between the first and the last.")]
    gaps: Annotated[tuple[Period, ...], Field(description="The missing days, as spans.")]


class DayAmount(Value):
    """The amount of one day, and whether it may still grow.

    `filling`: the newest day of a source, which is not complete. `lagging`: a compared source ends before it.
    """

    day: date
    amount: Exact
    state: DayState = "complete"


class Comparison(Value):
    """An amount compared with an earlier one, over days and sources that both have."""

    days: Period
    amount: Exact
    before_days: Period
    before: Exact
    change: Annotated[Exact | None, Field(description="Of the absolute value before; None when that is zero.")]


class Ranked(Value):
    """One name's amount in the compared 30 days, and in the 30 days before."""

    name: Annotated[str | None, Field(description="None: the charges that name none.")]
    amount: Exact
    share: Annotated[Exact | None, Field(description="Of the ranking's sum; None unless that is positive.")]
    previous: Exact | None
    change: Annotated[Exact | None, Field(description="Of the absolute value before; None when that is zero.")]


class Ranking(Value):
    """The names with the largest amounts, and the sum of all others, over the compared 30 days and sources."""

    dimension: Dimension
    entries: tuple[Ranked, ...]
    others: Ranked | None
    others_count: int


class Meter(Value):
    """One measure that can be added up: a cost in one currency, or a quantity of one unit.

    `current` is False where the meter has no amount in the month of today. Then its month is the last that has one.
    """

    kind: Literal["cost", "quantity"]
    measure: Literal["billed_cost", "effective_cost", "list_cost", "consumed_quantity"]
    currency: str | None
    unit: str | None
    current: bool
    covers: Annotated[str, Field(description="The days that the numbers cover, in words.")]
    periods: dict[PeriodName, Period]
    amounts: dict[PeriodName, Exact]
    comparisons: dict[ComparisonName, Comparison]
    daily: tuple[DayAmount, ...]
    rankings: tuple[Ranking, ...]


class Omission(Value):
    """One kind of data that is not in the numbers, or that makes them doubtful.

    The headline of the page lists them; an empty list means that everything known is counted.
    """

    kind: Literal[
        "quarantined_files",
        "rejected_records",
        "unreadable_files",
        "awaiting_manifest",
        "missing_files",
        "overlaps",
        "tags_unread",
        "records_left_out",
        "lagging_sources",
        "missing_days",
        "future_charges",
        "misdated_charges",
    ]
    count: int
    sentence: Annotated[str, Field(description="What it is and what it means for the numbers.")]
    names: Annotated[tuple[str, ...], Field(description="The first few: files, exports or providers.")]
    command: Annotated[str | None, Field(description="The command that shows or mends it.")]


class Consumption(Value):
    """The consumed quantity of one unit, over all currencies; the unit is empty where charges name none."""

    unit: str
    charge_rows: int
    periods: dict[PeriodName, Period]
    amounts: dict[PeriodName, Exact]
    comparisons: dict[ComparisonName, Comparison]


class CurrencyChange(Value):
    """The charges that the newest refresh added to and removed from one currency; costs are differences."""

    currency: str | None
    rows_added: int
    rows_removed: int
    billed_cost: Exact | None
    effective_cost: Exact | None
    list_cost: Exact | None


class FileChange(CurrencyChange):
    """One file's part of a change, in one currency. A file that is not in the ledger is named by its load_id."""

    file: str
    action: Literal["added", "replaced", "removed"]


class Changes(Value):
    """The result of the newest refresh. After a rebuild the changes are not known, because all charges were read."""

    kind: Literal["refresh", "rebuild"]
    reason: str | None
    from_snapshot_id: int | None
    to_snapshot_id: int
    rows_added: int
    rows_removed: int
    currencies: tuple[CurrencyChange, ...]
    files: Annotated[tuple[FileChange, ...], Field(description="The largest changes; see files_changed.")]
    files_changed: int


class NewestFile(Value):
    """The file that was loaded last."""

    file: str
    processed_at: datetime


class Freshness(Value):
    """The age of the newest data, and the files and records that are missing from it."""

    newest_file: NewestFile | None
    loads: Annotated[int, Field(description="Active loads.")]
    rejected_rows: Annotated[int, Field(description="Rejected records of these loads and of quarantined files.")]
    quarantined_files: int
    files_by_state: Annotated[dict[str, int], Field(description="Files by the newest state in the ledger.")]
    ledger_lines: int


class Insights(Value):
    """All insights of the lake at one snapshot."""

    schema_version: Literal[3] = SCHEMA_VERSION
    snapshot_id: Annotated[int, Field(description="The snapshot of the lake that all numbers describe.")]
    watermark_snapshot_id: Annotated[
        int, Field(description="The snapshot of the newest refresh; snapshot_id has the same charges.")
    ]
    refreshed_at: datetime
    today: Annotated[date, Field(description="The UTC day of the clock; every period ends with it or before.")]
    charge_rows: Annotated[int, Field(description="Charges in the numbers: neither misdated nor after today.")]
    misdated_rows: Annotated[
        int, Field(description="Charges dated before 1900 or after 2999; no other number includes them.")
    ]
    first_charge_day: date | None
    last_charge_day: Annotated[date | None, Field(description="The newest charge day that is not after today.")]
    omissions: tuple[Omission, ...]
    future: tuple[FutureCharges, ...]
    sources: tuple[Source, ...]
    currencies: tuple[Currency, ...]
    meters: tuple[Meter, ...]
    consumption: tuple[Consumption, ...]
    changes: Changes
    restatements: Annotated[Restatements, Field(description="Of the seven days before the refresh, without new files.")]
    freshness: Freshness
