"""Budgets as values of `insights.json`."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from billstream.aggregator.values import Exact, Value


class BudgetRule(Value):
    """One alert of a budget, and its state in a period."""

    rule: Annotated[str, Field(description="Kind of cost and part of the amount, such as actual:0.8.")]
    state: Literal["ok", "firing", "acknowledged", "resolved"]
    sentence: str
    changed_at: datetime
    fired_at: datetime | None
    acknowledged_by: str | None
    reason: str | None


class BudgetPeriod(Value):
    """A budget in one period, in its currency alone."""

    budget: str
    owner: str | None
    currency: str
    cost: Literal["effective_cost", "billed_cost"]
    first_day: date
    last_day: date
    amount: Annotated[Exact | None, Field(description="None: the file gives no amount for the period.")]
    actual: Annotated[Exact, Field(description="Of the days up to actual_to.")]
    actual_to: date | None
    used: Annotated[Exact | None, Field(description="actual / amount.")]
    forecast: Annotated[Exact | None, Field(description="Expected cost of the whole period.")]
    forecast_low: Annotated[Exact | None, Field(description="Lower end of the 80 % interval.")]
    forecast_high: Exact | None
    complete_to: Annotated[date | None, Field(description="Newest day that the forecast is made from.")]
    evaluated_at: datetime
    rules: tuple[BudgetRule, ...]
