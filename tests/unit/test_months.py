"""Months and a year before: only whole months are compared. And the headline over it all."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.aggregator.budgets.values import BudgetPeriod
from billstream.aggregator.insights.months import month_after, months_of
from billstream.aggregator.pages.headline import headlines
from billstream.aggregator.pages.numbers import money
from billstream.aggregator.pages.view import meter_views
from tests.unit.test_aggregator_pages import HOSTILE, full

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def ones(first: date, last: date) -> dict[date, Decimal]:
    found, month = {}, first.replace(day=1)
    while month <= last:
        found[month] = Decimal(month.month)
        month = month_after(month, 1)
    return found


def test_thirteen_months_and_the_newest_is_not_compared() -> None:
    first, last = date(2024, 3, 15), date(2026, 5, 20)
    found = months_of(ones(first, last), first, last, date(2026, 5, 17))
    assert [one.month for one in found] == [month_after(date(2025, 5, 1), number) for number in range(13)]
    assert [one.whole for one in found] == [True] * 12 + [False]
    assert [one.before is not None for one in found] == [True] * 12 + [False]
    assert {one.change for one in found[:12]} == {Decimal(0)}


def test_a_month_that_was_not_there_from_its_first_day_is_not_compared() -> None:
    first, last = date(2024, 6, 2), date(2025, 7, 31)
    found = months_of(ones(first, last), first, last, last)
    assert {one.month: one.before for one in found if one.before is not None} == {date(2025, 7, 1): Decimal(7)}
    assert found[0].month == date(2024, 7, 1)


def test_a_month_is_whole_with_its_last_day_and_one_without_charges_is_zero() -> None:
    first = date(2024, 1, 1)
    for complete, whole in ((date(2025, 1, 31), True), (date(2025, 1, 30), False), (None, False)):
        found = months_of({date(2024, 1, 1): Decimal(4)}, first, date(2025, 1, 31), complete)
        assert (found[-1].amount, found[-1].whole) == (Decimal(0), whole)
        assert found[-1].change == (Decimal(-1) if whole else None)


@given(DAYS, DAYS, DAYS)
def test_what_is_compared_is_whole_twice(one: date, other: date, complete: date) -> None:
    first, last = sorted((one, other))
    found = months_of(ones(first, last), first, last, complete)
    assert 1 <= len(found) <= 13
    assert found[-1].month == last.replace(day=1)
    for month in found:
        if month.before is not None:
            assert month.whole
            assert first <= month_after(month.month, -12)
            assert complete.replace(day=1) >= month.month


def budget(name: str, actual: str, **changed: object) -> BudgetPeriod:
    values: dict[str, object] = {
        "budget": name, "owner": None, "currency": "USD", "cost": "billed_cost", "first_day": date(2025, 6, 1),
        "last_day": date(2025, 6, 30), "amount": Decimal(100), "actual": Decimal(actual), "actual_to": None,
        "used": Decimal(actual) / 100, "forecast": None, "forecast_low": None, "forecast_high": None,
        "complete_to": None, "evaluated_at": datetime(2025, 6, 13, tzinfo=UTC), "rules": (),
    }  # fmt: skip
    return BudgetPeriod.model_validate(values | changed)


def test_the_headline_has_the_complete_days_and_the_budgets_of_today() -> None:
    budgets = (
        budget("past", "500", first_day=date(2025, 5, 1), last_day=date(2025, 5, 31)),
        budget("other", "500", currency="EUR"),
        budget(HOSTILE, "120"),
        budget("b", "90"),
        budget("c", "10"),
    )
    insights = full().model_copy(update={"budgets": budgets})
    first, *others = headlines(insights, meter_views(insights))
    percent = "\N{NARROW NO-BREAK SPACE}%"
    (month,) = [one for one in insights.forecast if one.scope == "currency" and one.currency == "USD"]
    ahead = f"about {money(month.expected, 'USD')} by the end of {month.month:%B} (eight times in ten "
    billed = f"1,234,567.90 USD billed on 1 to 8 Jun 2025 (+23.5{percent} against 1 to 8 May 2025)"
    assert first.startswith(f"{money(month.so_far, 'USD')} USD up to ")
    assert f", {ahead}" in first
    assert f"), in effective cost where it is told; {billed}; budget " in first
    assert f": 120.0{percent} of 100.00 used; budget b: 90.0{percent} of 100.00 used; " in first
    assert first.endswith("; 1 more budget.")
    assert "past" not in first
    assert "other" not in first
    assert all("\n" not in sentence for sentence in (first, *others))


def test_the_headline_tells_one_cost_once() -> None:
    (month, *_) = [one for one in full().forecast if one.scope == "currency" and one.currency == "USD"]
    same = month.model_copy(update={"so_far": Decimal("1234567.895"), "low": None, "high": None})
    insights = full().model_copy(update={"forecast": (same,), "budgets": ()})
    (first,) = headlines(insights, meter_views(insights))
    assert first.startswith("1,234,567.90 USD billed on 1 to 8 Jun 2025 (")
    assert first.endswith(f" May 2025), about {money(month.expected, 'USD')} by the end of {month.month:%B}.")
    insights = insights.model_copy(update={"forecast": ()})
    assert headlines(insights, meter_views(insights))[0].endswith(" against 1 to 8 May 2025).")


@pytest.mark.parametrize("day", [date(2025, 1, 1), date(2024, 12, 1)])
def test_months_are_counted_over_the_end_of_a_year(day: date) -> None:
    assert month_after(month_after(day, 13), -13) == day
    assert month_after(date(2024, 12, 1), 1) == date(2025, 1, 1)
