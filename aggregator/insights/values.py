"""The insights as values. They are the content of `insights.json`; its JSON Schema is made from them."""

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from billstream.aggregator.restatements.values import Restatements
from billstream.aggregator.values import Exact, Value

SCHEMA_VERSION: Final = 2

Dimension = Literal["service", "user", "region", "service_tier", "resource_type"]
PeriodName = Literal["all_time", "month_to_date", "same_days_last_month", "last_30_days", "previous_30_days"]


class Period(Value):
    """The days from the first to the last, both inclusive."""

    first_day: date
    last_day: date


class Costs(Value):
    """The costs of one currency. Savings are list cost minus effective cost, over the charges that have both."""

    billed_cost: Exact | None = None
    effective_cost: Exact | None = None
    list_cost: Exact | None = None
    savings: Exact | None = None
    charge_rows: int = 0


class Currency(Value):
    """The costs of one currency in each period, and the days that it covers."""

    currency: str | None
    costs: dict[PeriodName, Costs]
    first_charge_day: date
    last_charge_day: date
    missing_days: Annotated[int, Field(description="Days without charges between the first and the last.")]
    gaps: Annotated[tuple[Period, ...], Field(description="The missing days, as spans.")]


class DayAmount(Value):
    """The amount of one day."""

    day: date
    amount: Exact


class Ranked(Value):
    """One name's amount in the last 30 days, compared with the 30 days before."""

    name: Annotated[str | None, Field(description="None: the charges that name none.")]
    amount: Exact
    share: Annotated[Exact | None, Field(description="Of the meter's amount; None unless that is positive.")]
    previous: Exact | None
    change: Annotated[Exact | None, Field(description="Ratio to the 30 days before; None unless they were positive.")]


class Ranking(Value):
    """The names with the largest amounts, and the sum of all others."""

    dimension: Dimension
    entries: tuple[Ranked, ...]
    others: Ranked | None
    others_count: int


class Meter(Value):
    """One measure that can be added up: a cost in one currency, or a quantity of one unit."""

    kind: Literal["cost", "quantity"]
    measure: Literal["billed_cost", "effective_cost", "list_cost", "consumed_quantity"]
    currency: str | None
    unit: str | None
    amounts: dict[PeriodName, Exact]
    daily: tuple[DayAmount, ...]
    rankings: tuple[Ranking, ...]


class Consumption(Value):
    """The consumed quantity of one unit, over all currencies; the unit is empty where charges name none."""

    unit: str
    charge_rows: int
    amounts: dict[PeriodName, Exact]


class CurrencyChange(Value):
    """What the newest refresh added to and removed from one currency; costs are differences."""

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
    """How current and how complete the lake is."""

    newest_file: NewestFile | None
    loads: Annotated[int, Field(description="Active loads.")]
    rejected_rows: Annotated[int, Field(description="Rejected records of these loads and of quarantined files.")]
    quarantined_files: int
    files_by_state: Annotated[dict[str, int], Field(description="Files by the newest state in the ledger.")]
    ledger_lines: int


class Insights(Value):
    """All insights of the lake at one snapshot."""

    schema_version: Literal[2] = SCHEMA_VERSION
    snapshot_id: Annotated[int, Field(description="The snapshot of the lake that all numbers describe.")]
    watermark_snapshot_id: Annotated[
        int, Field(description="The snapshot of the newest refresh; snapshot_id has the same charges.")
    ]
    refreshed_at: datetime
    charge_rows: int
    misdated_rows: Annotated[
        int, Field(description="Charges dated before 1900 or after 2999; no other number includes them.")
    ]
    first_charge_day: date | None
    last_charge_day: Annotated[date | None, Field(description="Counts as today in every period.")]
    periods: dict[PeriodName, Period]
    currencies: tuple[Currency, ...]
    meters: tuple[Meter, ...]
    consumption: tuple[Consumption, ...]
    changes: Changes
    restatements: Annotated[Restatements, Field(description="Of the seven days before the refresh, without new files.")]
    freshness: Freshness
