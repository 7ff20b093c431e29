"""The insights as values. They are the content of `insights.json`; its JSON Schema is made from them."""

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from billstream.aggregator.anomalies.values import Anomaly
from billstream.aggregator.budgets.values import BudgetPeriod
from billstream.aggregator.completeness.values import Completeness
from billstream.aggregator.forecasting.values import MonthForecast
from billstream.aggregator.insights.costs import Costs, PeriodName, Savings
from billstream.aggregator.insights.cubed import Cube
from billstream.aggregator.insights.moved import Months, Movers
from billstream.aggregator.insights.tagged import TaggedCosts
from billstream.aggregator.kpis.values import Kpi, UnitCosts
from billstream.aggregator.restatements.values import Restatements
from billstream.aggregator.values import Exact, Value

SCHEMA_VERSION: Final = 4

Dimension = Literal["provider", "account", "service", "region", "user", "service_tier", "resource_type"]
ComparisonName = Literal["month", "thirty_days"]
OmissionKind = Literal[
    "overlaps",
    "quarantined_files",
    "unreadable_files",
    "rejected_records",
    "awaiting_manifest",
    "missing_files",
    "stale_sources",
    "lagging_sources",
    "missing_days",
    "future_charges",
    "misdated_charges",
    "broken_rules",
    "tags_unread",
    "records_left_out",
]
DayState = Literal["complete", "lagging", "filling"]


class Period(Value):
    """The days from the first to the last, both inclusive."""

    first_day: date
    last_day: date


class Source(Value):
    """The charges of one provider in one currency, and the days that they cover.

    A day is complete when it was older than the learned maturity of the source when that was last heard; see
    `completeness`. While that is not known: when the source has a later day up to today, or when every load that covers
    it was made 36 hours or more after its end.
    """

    provider: Annotated[str | None, Field(description="None: the charges that name none.")]
    currency: str | None
    monthly: Annotated[bool, Field(description="All charges are dated on the first of a month.")]
    first_charge_day: date
    last_charge_day: Annotated[date, Field(description="The newest day, not after today.")]
    last_complete_day: date | None
    filling_day: Annotated[date | None, Field(description="The newest day, while it is not complete.")]
    missing_days: Annotated[
        int, Field(description="Of the last 92 days, between its first and last; of daily sources.")
    ]
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

    `filling`: a day of a source after its last complete one. `lagging`: a compared source ends before it.
    """

    day: date
    amount: Exact
    state: DayState = "complete"


class LeftOut(Value):
    """A source that a comparison leaves out, on both sides, and why."""

    provider: str | None
    reason: str


class Comparison(Value):
    """An amount compared with an earlier one, over days and sources that both have."""

    days: Period
    amount: Exact
    before_days: Period
    before: Exact
    change: Annotated[Exact | None, Field(description="Of the absolute value before; None when that is zero.")]
    left_out: tuple[LeftOut, ...]


class Ranked(Value):
    """One name's amount in the compared 30 days, and in the 30 days before."""

    name: Annotated[str | None, Field(description="None: the charges that name none.")]
    amount: Exact
    share: Annotated[Exact | None, Field(description="Of the ranking's sum; None unless that is positive.")]
    previous: Exact | None
    change: Annotated[Exact | None, Field(description="Of the absolute value before; None when that is zero.")]


class Ranking(Value):
    """The names with the largest amounts, and the sum of all others, over the compared 30 days and sources.

    Where 30 days cannot be compared, over the last 30 days of all sources, without amounts before.
    """

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

    kind: OmissionKind
    count: int
    sentence: Annotated[str, Field(description="What it is and what it means for the numbers.")]
    names: Annotated[tuple[str, ...], Field(description="The first few: files, exports or providers.")]
    command: Annotated[str | None, Field(description="The command that shows or mends it.")]


class BrokenRule(Value):
    """One rule of quality that charges in the numbers break. A charge that breaks two rules is counted with each."""

    rule: str
    severity: Annotated[str, Field(description="error or warning.")]
    rows_failed: Annotated[int, Field(description="Charges that break it.")]
    files: Annotated[int, Field(description="Files that have them.")]
    names: Annotated[tuple[str, ...], Field(description="The files with the most of them.")]


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

    schema_version: Literal[4] = SCHEMA_VERSION
    snapshot_id: Annotated[int, Field(description="The snapshot of the lake that all numbers describe.")]
    watermark_snapshot_id: Annotated[
        int, Field(description="The snapshot of the newest refresh; snapshot_id has the same charges.")
    ]
    refreshed_at: datetime
    today: Annotated[date, Field(description="The UTC day of the clock; every period ends with it or before.")]
    analysis_id: Annotated[str | None, Field(description="Of anomalies, forecast and budgets.")] = None
    charge_rows: Annotated[int, Field(description="Charges in the numbers: neither misdated nor after today.")]
    misdated_rows: Annotated[
        int, Field(description="Charges dated before 1900 or after 2999; no other number includes them.")
    ]
    first_charge_day: date | None
    last_charge_day: Annotated[date | None, Field(description="The newest charge day that is not after today.")]
    omissions: tuple[Omission, ...]
    future: tuple[FutureCharges, ...]
    sources: tuple[Source, ...]
    completeness: tuple[Completeness, ...]
    currencies: tuple[Currency, ...]
    forecast: Annotated[tuple[MonthForecast, ...], Field(description="Of the month of today.")] = ()
    anomalies: Annotated[tuple[Anomaly, ...], Field(description="Open, or of the last 35 days; 100 at most.")] = ()
    budgets: tuple[BudgetPeriod, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    unit_costs: tuple[UnitCosts, ...] = ()
    meters: tuple[Meter, ...]
    movers: tuple[Movers, ...] = ()
    months: tuple[Months, ...] = ()
    tags: Annotated[tuple[TaggedCosts, ...], Field(description="Empty without BILLSTREAM_TAG_KEYS.")] = ()
    consumption: tuple[Consumption, ...]
    quality: Annotated[tuple[BrokenRule, ...], Field(description="Errors first, the most charges first.")] = ()
    changes: Changes
    restatements: Annotated[Restatements, Field(description="Of the seven days before the refresh, without new files.")]
    freshness: Freshness
    cube: Annotated[Cube | None, Field(exclude=True)] = None
