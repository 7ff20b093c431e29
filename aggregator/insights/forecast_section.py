"""The section of the forecast: what the month of today will cost."""

from typing import get_args

from billstream.aggregator.forecasting.values import MonthForecast, Scope
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.section import Section

FORECASTS = Model(
    __name__,
    "forecasts",
    "scope, currency, provider, account, service",
    given=lambda reading: [reading.version, reading.today],
)


def read_forecast(reading: Reading) -> tuple[MonthForecast, ...]:
    """Return the forecasts, the widest scope first, then the largest."""
    found = [MonthForecast(**row) for row in reading.rows(FORECASTS)]
    order = get_args(Scope)
    return tuple(sorted(found, key=lambda one: (order.index(one.scope), -one.expected, one.currency or "")))


FORECAST = Section(__name__, "forecast", tuple[MonthForecast, ...], read_forecast, (FORECASTS,))
