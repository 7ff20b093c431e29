"""Which days are compared, which sources are left out, and which days may still grow."""

from datetime import date, timedelta

import pytest

from billstream.aggregator.insights.periods import Window, month_window, thirty_days_window
from billstream.aggregator.insights.sources import days_covered, source_of, state_of
from billstream.aggregator.insights.values import Period, Source

TODAY = date(2026, 11, 24)


def days(first: str, last: str) -> Period:
    return Period(first_day=date.fromisoformat(first), last_day=date.fromisoformat(last))


def source(
    provider: str, first: str, complete: str | None, *, newest: str | None = None, monthly: bool = False
) -> Source:
    """A source that is complete up to a day; with a newest day after it, that day is filling."""
    filling = date.fromisoformat(newest) if newest else None
    return Source(
        provider=provider,
        currency="USD",
        monthly=monthly,
        first_charge_day=date.fromisoformat(first),
        last_charge_day=filling or date.fromisoformat(complete or first),
        last_complete_day=date.fromisoformat(complete) if complete else None,
        filling_day=filling,
        missing_days=0,
        charge_rows=1,
    )


AWS = source("AWS", "2026-01-01", "2026-11-22", newest="2026-11-23")
CONTOSO = source("Contoso", "2026-01-01", "2026-11-17")
ENDED = source("Ended", "2026-01-01", "2026-10-30")
LONG_GONE = source("Gone", "2026-01-01", "2026-03-30")
NEW = source("New", "2026-11-03", "2026-11-22")
HALF = source("Half", "2026-10-11", "2026-11-22")
MONTHLY = source("Monthly", "2026-01-01", "2026-10-31", newest="2026-11-01", monthly=True)


def found(window: Window | None) -> tuple[Period, Period, dict[str | None, str]]:
    assert window is not None
    return window.days, window.before, {entry.provider: entry.reason for entry in window.left_out}


@pytest.mark.parametrize(
    ("sources", "compared", "before", "left_out"),
    [
        ([AWS], ("2026-11-01", "2026-11-22"), ("2026-10-01", "2026-10-22"), {}),
        ([AWS, CONTOSO], ("2026-11-01", "2026-11-17"), ("2026-10-01", "2026-10-17"), {}),
        (
            [AWS, ENDED, LONG_GONE],
            ("2026-11-01", "2026-11-22"),
            ("2026-10-01", "2026-10-22"),
            {"Ended": "has no complete day in November 2026"},
        ),
        ([AWS, NEW], ("2026-11-01", "2026-11-22"), ("2026-10-01", "2026-10-22"), {"New": "begins on 3 Nov 2026"}),
        ([AWS, HALF], ("2026-11-11", "2026-11-22"), ("2026-10-11", "2026-10-22"), {}),
        (
            [AWS, MONTHLY],
            ("2026-11-01", "2026-11-22"),
            ("2026-10-01", "2026-10-22"),
            {"Monthly": "has no complete day in November 2026"},
        ),
        ([MONTHLY], ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30"), {}),
    ],
    ids=["one", "one lags", "one ended", "one is new", "one began within", "one tells months", "only months"],
)
def test_the_month_is_compared_over_days_that_all_sources_have(
    sources: list[Source], compared: tuple[str, str], before: tuple[str, str], left_out: dict[str | None, str]
) -> None:
    assert found(month_window(sources)) == (days(*compared), days(*before), left_out)


def test_thirty_days_leave_out_what_is_far_behind_or_monthly() -> None:
    compared, before, left_out = found(thirty_days_window([AWS, CONTOSO, ENDED, MONTHLY, LONG_GONE]))
    assert (compared, before) == (days("2026-10-19", "2026-11-17"), days("2026-09-19", "2026-10-18"))
    assert left_out == {"Ended": "is more than 14 days behind", "Monthly": "tells whole months only"}


@pytest.mark.parametrize("sources", [[], [source("One day", "2026-11-23", None, newest="2026-11-23")], [NEW]])
def test_without_days_to_compare_there_is_no_comparison(sources: list[Source]) -> None:
    assert month_window(sources) is None


def test_what_is_covered_is_said() -> None:
    sources = [AWS, CONTOSO, LONG_GONE]
    assert days_covered(sources, month_window(sources)) == ("Up to 22 Nov 2026; Contoso ends 17 Nov; 23 Nov is filling")
    assert days_covered([AWS, MONTHLY], month_window([AWS, MONTHLY])) == (
        "Up to 22 Nov 2026; Monthly tells whole months; 23 Nov is filling"
    )


def test_a_day_is_filling_while_it_is_the_newest_and_lagging_where_a_compared_source_ends_before() -> None:
    window = month_window([AWS, CONTOSO])
    states = {day: state_of(date(2026, 11, day), [AWS, CONTOSO], window) for day in (17, 18, 22, 23)}
    assert states == {17: "complete", 18: "lagging", 22: "lagging", 23: "filling"}


@pytest.mark.parametrize(
    ("newest", "late", "monthly", "complete", "filling"),
    [
        ("2026-11-23", False, False, "2026-11-22", "2026-11-23"),
        ("2026-11-17", True, False, "2026-11-17", None),
        ("2026-11-01", False, True, "2026-10-31", "2026-11-01"),
        ("2026-10-01", True, True, "2026-10-31", None),
    ],
)
def test_the_newest_day_is_complete_only_when_its_loads_were_late(
    newest: str, *, late: bool, monthly: bool, complete: str, filling: str | None
) -> None:
    row = {
        "provider": "AWS",
        "currency": "USD",
        "first_day": date(2026, 9, 1),
        "newest_day": date.fromisoformat(newest),
        "monthly": monthly,
        "recent_days": 60,
        "charge_rows": 1,
        "late": late,
    }
    told = source_of(row, TODAY)
    assert told.last_complete_day == date.fromisoformat(complete)
    assert told.filling_day == (date.fromisoformat(filling) if filling else None)


@pytest.mark.parametrize(("present", "missing"), [(60, 0), (57, 3), (31, 29), (29, 0)])
def test_days_are_missing_only_in_sources_that_have_most_days(present: int, missing: int) -> None:
    row = {
        "provider": "AWS",
        "currency": "USD",
        "first_day": TODAY - timedelta(days=59),
        "newest_day": TODAY,
        "monthly": False,
        "recent_days": present,
        "charge_rows": 1,
        "late": False,
    }
    assert source_of(row, TODAY).missing_days == missing
