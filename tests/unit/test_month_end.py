"""The month-end forecast: exact where the days are regular, no interval where nothing is known of its errors."""

from datetime import date

import numpy as np
import pytest

from billstream.aggregator.forecasting.month_end import forecast_month, month_end, recurring_to_come, since_start

WEEK = np.array([10.0, 10, 10, 10, 10, 4, 4])


def test_a_regular_month_is_forecast_exactly() -> None:
    amounts = np.tile(WEEK, 12)
    days = 84
    last = date(2025, 3, 15)
    found = forecast_month(amounts, last, last)
    rest = np.tile(WEEK, 3)[: (month_end(last) - last).days].sum()
    assert found.so_far == pytest.approx(amounts[-15:].sum())
    assert found.expected == pytest.approx(found.so_far + rest)
    assert found.low == pytest.approx(found.expected)
    assert (found.method, found.history_days, found.why_no_interval) == ("weekday_medians", days, None)


def test_an_open_incident_makes_the_last_week_the_forecast() -> None:
    amounts = np.concatenate([np.full(49, 10.0), np.full(7, 30.0)])
    last = date(2025, 3, 21)
    assert forecast_month(amounts, last, last, incident=True).expected == pytest.approx(14 * 10 + 7 * 30 + 10 * 30)


def test_the_interval_holds_the_errors_of_the_past() -> None:
    amounts = 100 * np.exp(np.random.default_rng(3).normal(0, 0.2, 150))
    found = forecast_month(amounts, date(2025, 3, 20), date(2025, 3, 1))
    assert found.low is not None
    assert found.high is not None
    assert found.so_far < found.low < found.expected < found.high


@pytest.mark.parametrize(("days", "words"), [(20, "20 days of history"), (33, "earlier forecasts")])
def test_without_history_there_is_no_interval_but_a_reason(days: int, words: str) -> None:
    found = forecast_month(np.full(days, 10.0), date(2025, 3, 10), date(2025, 3, 10))
    assert (found.low, found.high) == (None, None)
    assert words in str(found.why_no_interval)
    assert found.expected == pytest.approx(310)


def test_what_is_visible_already_is_the_least() -> None:
    amounts = np.full(60, 10.0)
    found = forecast_month(amounts, date(2025, 3, 29), date(2025, 3, 29), seen=np.array([70.0]))
    assert found.expected == pytest.approx(290 + 70 + 10)


def test_charges_of_the_same_day_twice_recur_and_no_others() -> None:
    charges = [
        (date(2025, 1, 20), 40.0),
        (date(2025, 2, 20), 50.0),
        (date(2025, 2, 21), 5000.0),  # a purchase
        (date(2025, 1, 3), 7.0),
        (date(2025, 2, 3), 7.0),
        (date(2025, 3, 3), 7.0),  # has come already
    ]
    assert recurring_to_come(charges, date(2025, 3, 10), date(2025, 3, 1)) == 50.0
    assert recurring_to_come(charges, date(2025, 3, 25), date(2025, 3, 1)) == 0.0


def test_a_service_that_starts_from_zero_is_forecast_from_its_start() -> None:
    amounts = np.concatenate([np.zeros(60), np.full(3, 40.0)])
    found = forecast_month(amounts, date(2025, 3, 10), date(2025, 3, 10))
    assert found.expected == pytest.approx(24 * 40)
    assert (found.history_days, found.low) == (3, None)
    rested = np.concatenate([np.full(60, 40.0), np.zeros(20), np.full(3, 40.0)])
    assert len(since_start(rested)) == 83
