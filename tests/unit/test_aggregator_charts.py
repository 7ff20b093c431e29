"""The geometry of the trend, and the periods that the insights speak of."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.aggregator.insights.periods import month_window, thirty_days_window
from billstream.aggregator.insights.values import DayAmount
from billstream.aggregator.pages.charts import chart_of
from tests.unit.test_aggregator_periods import days, source

LAST = date(2025, 6, 30)

amounts = st.decimals(-(10**20), 10**20, places=18)
histories = st.dictionaries(st.integers(0, 200), amounts, min_size=1).map(
    lambda days: [
        DayAmount(day=LAST - timedelta(days=ago), amount=amount) for ago, amount in sorted(days.items(), reverse=True)
    ]
)


@given(histories)
def test_everything_is_inside_the_chart(daily: list[DayAmount]) -> None:
    chart = chart_of(daily, LAST)
    assert 30 <= (chart.last_day - chart.first_day).days + 1 <= 92
    for bar in chart.bars:
        assert 0 <= bar.x < bar.x + bar.width <= 100
        assert 0 <= bar.y <= bar.y + bar.height <= 100.001
    assert 0 <= chart.zero <= 100
    assert 1 <= len(chart.amounts) <= 12
    assert len({tick.label for tick in chart.amounts}) == len(chart.amounts)
    assert 2 <= len(chart.days) <= 8


def test_bars_grow_from_zero_both_ways() -> None:
    up, down = chart_of(
        [DayAmount(day=LAST - timedelta(days=1), amount=Decimal(10)), DayAmount(day=LAST, amount=Decimal(-10))], LAST
    ).bars
    assert up.y + up.height == pytest.approx(50)
    assert down.y == pytest.approx(50)
    assert up.height == pytest.approx(down.height)


def test_days_of_zero_make_a_chart() -> None:
    chart = chart_of([DayAmount(day=LAST, amount=Decimal(0))], LAST)
    assert chart.bars[0].height == 0
    assert chart.amounts[0].label == "0"


@pytest.mark.parametrize(
    ("last", "first_before", "last_before"),
    [
        ("2025-03-31", "2025-02-01", "2025-02-28"),
        ("2024-03-30", "2024-02-01", "2024-02-29"),
        ("2025-01-15", "2024-12-01", "2024-12-15"),
        ("2025-07-31", "2025-06-01", "2025-06-30"),
        ("2025-05-01", "2025-04-01", "2025-04-01"),
    ],
)
def test_same_days_of_the_month_before(last: str, first_before: str, last_before: str) -> None:
    window = month_window([source("AWS", "2020-01-01", last)])
    assert window is not None
    assert window.days == days(f"{last[:7]}-01", last)
    assert window.before == days(first_before, last_before)


def test_windows_are_equally_long_and_adjoin() -> None:
    window = thirty_days_window([source("AWS", "2020-01-01", "2025-06-30")])
    assert window is not None
    assert (window.days, window.before) == (days("2025-06-01", "2025-06-30"), days("2025-05-02", "2025-05-31"))
