"""Forecasts as values of `insights.json`."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.values import Exact, Value

Scope = Literal["currency", "provider", "account", "service"]


class MonthForecast(Value):
    """The expected cost of a whole month, in effective cost where told, else billed cost.

    Usage is extrapolated from complete days. Other charges that recur on the same day of the month are added;
    purchases, credits and corrections that do not are part of it only once they are there.
    """

    month: Annotated[date, Field(description="Its first day.")]
    scope: Annotated[Scope, Field(description="Names below the scope are None.")]
    currency: str | None
    provider: str | None
    account: str | None
    service: str | None
    complete_to: Annotated[date, Field(description="Newest complete day, the last that it is made from.")]
    so_far: Annotated[Exact, Field(description="Cost of the month up to complete_to, rounded to 0.01.")]
    recurring: Annotated[Exact, Field(description="Recurring charges still to come; part of expected.")]
    expected: Exact
    low: Annotated[Exact | None, Field(description="Lower end of the 80 % interval; None: see why_no_interval.")]
    high: Exact | None
    method: Literal["weekday_medians", "last_week"]
    history_days: int
    origins: Annotated[int, Field(description="Earlier forecasts that the interval is made from.")]
    why_no_interval: str | None

    @property
    def covers(self) -> str:
        """The days that it is made from, in words."""
        return f"from complete days up to {self.complete_to}"


def cents(value: float) -> Decimal:
    """Return an estimated amount to 0.01."""
    return Decimal(f"{value:.2f}")
