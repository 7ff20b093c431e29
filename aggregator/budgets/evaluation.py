"""A budget set against the costs of one period: pure, from amounts, a forecast and the day of the clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Literal, Protocol

from billstream.aggregator.budgets.model import Alert, Budget
from billstream.aggregator.budgets.periods import amount_of
from billstream.aggregator.insights.values import Period

Crossed = Literal["yes", "no", "unknown"]


class Forecast(Protocol):
    """The forecast of the cost of a whole period, its past days included.

    `low` and `high` are the ends of the 80 % interval; None where the history is too short for one.
    """

    @property
    def expected(self) -> Decimal: ...  # noqa: D102
    @property
    def low(self) -> Decimal | None: ...  # noqa: D102
    @property
    def high(self) -> Decimal | None: ...  # noqa: D102
    @property
    def complete_to(self) -> date: ...  # noqa: D102


@dataclass(frozen=True)
class Verdict:
    """One rule of a budget in one period.

    Attributes:
        rule: see `Alert.rule`.
        crossed: `unknown` while there is nothing to decide by; the state then stays.
        may_fire: False for what came too late to be told as new, such as a forecast for a period that is over.
        sentence: what it is, with the amounts.
    """

    rule: str
    crossed: Crossed
    may_fire: bool
    sentence: str


@dataclass(frozen=True)
class Evaluation:
    """A budget in one period. `actual` is the exact sum of the days up to today; amount None: none is given."""

    budget: Budget
    period: Period
    amount: Decimal | None
    actual: Decimal
    actual_to: date | None
    forecast: Forecast | None
    verdicts: tuple[Verdict, ...]


def evaluate(
    budget: Budget, period: Period, daily: Mapping[date, Decimal], forecast: Forecast | None, today: date
) -> Evaluation:
    """Return what has become of a budget in a period.

    Args:
        budget: the budget.
        period: one of its periods.
        daily: the amounts of days, in its currency; those outside of the period, or after today, are left out.
        forecast: of the whole period; None where there is none.
        today: the UTC day of the clock.
    """
    days = [day for day in daily if period.first_day <= day <= min(period.last_day, today)]
    # Sums have up to 38 digits, more than the default context keeps.
    with localcontext(prec=80):
        actual = sum((daily[day] for day in days), Decimal(0))
    amount = amount_of(budget, period)
    over = today > period.last_day
    told = None if over else forecast
    verdicts: tuple[Verdict, ...] = ()
    if amount is not None:
        verdicts = tuple(_verdict(alert, budget, period, amount, actual, told, today) for alert in budget.alerts)
    return Evaluation(budget, period, amount, actual, max(days, default=None), told, verdicts)


def _verdict(
    alert: Alert,
    budget: Budget,
    period: Period,
    amount: Decimal,
    actual: Decimal,
    forecast: Forecast | None,
    today: date,
) -> Verdict:
    with localcontext(prec=80):
        limit = amount * alert.at
    over = today > period.last_day
    part = f"{(alert.at * 100).normalize():f} % of {_words(amount, budget)}"
    if alert.of == "actual" or over:
        value, words = actual, f"{_words(actual, budget)} {'in all' if over else 'so far'}"
    elif forecast is None or forecast.low is None:
        return Verdict(alert.rule, "unknown", may_fire=False, sentence="There is no forecast with an interval yet.")
    else:
        # With its lower end the interval leaves one chance in ten that the period ends below the limit.
        value = forecast.low
        words = f"a forecast of {_words(forecast.expected, budget)}, nine times in ten above {_words(value, budget)},"
    early = (today - period.first_day).days + 1 <= alert.after_day
    crossed: Crossed = "yes" if value >= limit else "no"
    sentence = f"{words} {'has reached' if crossed == 'yes' else 'is below'} {part}"
    return Verdict(alert.rule, crossed, not early and not (over and alert.of == "forecast"), sentence)


def _words(value: Decimal, budget: Budget) -> str:
    return f"{value:,.2f} {budget.currency}"
