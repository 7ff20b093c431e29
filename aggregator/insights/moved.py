"""Movers and months as values. They are a part of `insights.json`; see `insights.values`."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.values import Exact, Value


class Mover(Value):
    """One service of one account, and how much more or less it costs than in the days before."""

    provider: str | None
    account: str | None
    service: str | None
    amount: Exact
    before: Exact
    change: Annotated[Exact, Field(description="amount - before.")]
    relative: Annotated[Exact | None, Field(description="change / |before|; None when that is zero.")]


class Movers(Value):
    """What moved most in one currency: the compared 30 days and sources of the rankings, the largest change first.

    All charges count, purchases and taxes too.
    """

    currency: str | None
    measure: Literal["billed_cost", "effective_cost", "list_cost"]
    first_day: date
    last_day: date
    first_day_before: date
    last_day_before: date
    entries: tuple[Mover, ...]
    others_count: Annotated[int, Field(description="Other services of accounts that changed.")]
    others_change: Exact


class MonthAmount(Value):
    """One month of a currency, and the same month a year before; only whole months are compared.

    A month is whole when all compared sources have completed its last day, and charges begin before it or with it.
    """

    month: Annotated[date, Field(description="Its first day.")]
    amount: Exact
    whole: Annotated[bool, Field(description="False: it may still grow, or it began before the first charge.")]
    before: Annotated[Exact | None, Field(description="The same month a year before; None: it is not whole.")]
    change: Annotated[Exact | None, Field(description="amount / before - 1, of the absolute value.")]


class Months(Value):
    """The newest thirteen months of one currency, the oldest first; a month without charges has 0."""

    currency: str | None
    measure: Literal["billed_cost", "effective_cost", "list_cost"]
    complete_to: Annotated[date | None, Field(description="The newest day that all compared sources have completed.")]
    months: tuple[MonthAmount, ...]
    compared_months: Annotated[int, Field(description="Whole months of these that have one a year before.")]
    year: Annotated[Exact, Field(description="Sum of the compared months.")]
    year_before: Annotated[Exact, Field(description="Sum of the same months a year before.")]
    year_change: Exact | None
