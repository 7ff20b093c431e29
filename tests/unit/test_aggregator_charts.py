"""The geometry of the trend, and the periods that the insights speak of."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.aggregator.insights.periods import periods_between
from billstream.aggregator.insights.values import DayAmount, Period
from billstream.aggregator.pages.charts import chart_of

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
    periods = periods_between(date(2020, 1, 1), date.fromisoformat(last))
    assert periods["same_days_last_month"] == Period(
        first_day=date.fromisoformat(first_before), last_day=date.fromisoformat(last_before)
    )


def test_windows_are_equally_long_and_adjoin() -> None:
    periods = periods_between(date(2020, 1, 1), LAST)
    now, before = periods["last_30_days"], periods["previous_30_days"]
    assert (now.last_day, now.first_day) == (LAST, date(2025, 6, 1))
    assert (before.last_day, before.first_day) == (date(2025, 5, 31), date(2025, 5, 2))
