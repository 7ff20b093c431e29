"""The habit of a source, and the states of its days and months: every expected value is calculated by hand.

The age of a day is 0 on the day after it. A vendor of 45/93/100 has 45 % of a day at the age of 0, and all at 2.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.aggregator.completeness.maturity import Curve, Habit, curves_of, habit_of
from billstream.aggregator.completeness.states import days_of, months_of, stale_of
from billstream.aggregator.insights.periods import month_window
from billstream.aggregator.insights.sources import days_covered, source_of, state_of

TODAY = date(2026, 11, 24)
DAY = timedelta(days=1)
AWS = (45, 93, 100)


def day(number: int, month: int = 11) -> date:
    return date(2026, month, number)


def arrived(of: date, until: date, shares: Sequence[int], amount: int = 1) -> Curve | None:
    """What a refresh on each day up to `until` has seen of a day: shares in percent, by age."""
    steps: list[tuple[int, Decimal]] = []
    for age, share in enumerate(shares):
        seen_before = steps[-1][1] if steps else Decimal(0)
        if of + (age + 1) * DAY <= until and share * amount != seen_before:
            steps.append((age, Decimal(share * amount)))
    return Curve(of, tuple(steps)) if steps else None


def source(
    shares: Sequence[int], first: date, heard: date = TODAY, *, without: Sequence[date] = (), history: int = 0
) -> list[Curve]:
    """The curves of a vendor that was watched from `first` to `heard`; `history` days before were loaded at once."""
    loaded = [Curve(first - n * DAY, ((n - 1, Decimal(100)),)) for n in range(history, 0, -1)]
    days = [first + n * DAY for n in range((heard - first).days)]
    watched = [arrived(each, heard, shares) for each in days if each not in without]
    return loaded + [curve for curve in watched if curve]


def states(habit: Habit, today: date = TODAY) -> dict[int, str]:
    return {
        entry.day.day: entry.state + (f" {entry.share:.0%}" if entry.share is not None else "")
        for entry in days_of(habit, habit.last_complete_day, today)
    }


@pytest.mark.parametrize(
    ("shares", "maturity", "complete"),
    [
        ((100,), 0, day(23)),
        (AWS, 2, day(21)),
        ((5, 70, 98, 100), 2, day(21)),
        ((60, 97, 100), 1, day(22)),
        ((0, 0, 100), 2, day(21)),
        ((0, 0, 0, 50, 96, 100), 5, day(18)),
        ((110, 100), 0, day(23)),
    ],
    ids=["at once", "45/93/100", "5/70/98/100", "60/97/100", "0/0/100", "slow", "more than in the end"],
)
def test_the_maturity_is_learned(shares: tuple[int, ...], maturity: int, complete: date) -> None:
    habit = habit_of(source(shares, day(1, 10)))
    assert (habit.learned, habit.maturity_days, habit.last_complete_day) == (True, maturity, complete)
    # The newest day is 23 November; days of the age of 7 and more are settled: up to 16 November.
    assert (len(habit.settled), habit.settled[-1]) == (28, day(16))


def test_the_days_of_a_vendor_fill() -> None:
    assert {n: state for n, state in states(habit_of(source(AWS, day(1, 10)))).items() if n > 20} == {
        21: "complete",
        22: "filling 93%",
        23: "filling 45%",
    }
    # 0/0/100 has delivered nothing of 22 and 23, and is not late.
    assert {n: state for n, state in states(habit_of(source((0, 0, 100), day(1, 10)))).items() if n > 20} == {
        21: "complete",
        22: "filling 0%",
        23: "filling 0%",
    }


def test_until_five_days_are_settled_the_maturity_is_two() -> None:
    # Days up to 16 November are settled on the 24th. Watched since the 12th: five days.
    assert habit_of(source((100,), day(11))).maturity_days == 0
    unknown = habit_of(source((100,), day(12)))
    assert (unknown.learned, unknown.maturity_days, unknown.shares) == (False, 2, ())


def test_days_loaded_from_history_teach_nothing_and_are_complete() -> None:
    habit = habit_of(source((100,), day(20), history=60))
    assert not habit.learned
    assert set(states(habit).values()) == {"complete", "filling"}
    learned = habit_of(source(AWS, day(10), history=60))
    assert (learned.maturity_days, learned.settled[0]) == (2, day(10))


def test_a_tenth_of_the_days_may_be_worse() -> None:
    curves = source((100,), day(1, 10))
    late = [Curve(c.day, ((0, Decimal(80)), (3, Decimal(100)))) if c.day in {day(5), day(6)} else c for c in curves]
    assert habit_of(late).maturity_days == 0
    more = [Curve(c.day, ((0, Decimal(80)), (3, Decimal(100)))) if c.day == day(7) else c for c in late]
    assert habit_of(more).maturity_days == 3


def test_a_late_day_is_missing_then_complete_and_a_changed_one_is_restated() -> None:
    curves = source(AWS, day(1, 10), without=[day(18)])
    assert states(habit_of(curves))[18] == "missing"
    # It comes on the 24th, at the age of 5, as a whole.
    came = sorted([*curves, Curve(day(18), ((5, Decimal(100)),))], key=lambda curve: curve.day)
    assert states(habit_of(came))[18] == "complete"
    # By 3 % a day may still change after its maturity; by more it is restated.
    restated = {day(15): 103, day(16): 104, day(17): 0}
    changed = [
        Curve(c.day, (*c.steps, ((TODAY - c.day).days - 1, Decimal(restated[c.day])))) if c.day in restated else c
        for c in curves
    ]
    found = states(habit_of(changed))
    assert (found[15], found[16], found[17]) == ("complete", "restated", "restated")


def test_a_silent_source_is_stale_and_completes_no_day() -> None:
    # It was heard last on the 19th: 18 November had 45 %, 17 November 93 %.
    habit = habit_of(source(AWS, day(1, 10), heard=day(19)))
    assert habit.last_complete_day == day(16)
    # Its habit allows two days, and one from day to day.
    assert [stale_of(habit, day(19) + n * DAY) is not None for n in range(5)] == [False, False, False, True, True]
    told = stale_of(habit, TODAY)
    assert told is not None
    assert (told.newest_day, told.silent_days, told.usual_days) == (day(18), 5, 3)
    assert {n: state for n, state in states(habit).items() if n > 15} == {
        16: "complete",
        17: "filling 93%",
        18: "filling 45%",
        19: "missing",
        20: "missing",
        21: "filling 0%",
        22: "filling 0%",
        23: "filling 0%",
    }
    assert stale_of(habit, day(18) + 93 * DAY) is None, "it has ended"


def test_a_source_without_weekends_is_not_stale_on_a_monday() -> None:
    weekends = [day(1, 10) + n * DAY for n in range(60) if (day(1, 10) + n * DAY).weekday() > 4]
    curves = source((100,), day(1, 10), heard=day(23), without=weekends)  # 23 November 2026 is a Monday
    habit = habit_of(curves)
    assert (habit.usual_step, habit.curves[-1].day) == (3, day(20))
    assert stale_of(habit, day(23)) is None
    assert stale_of(habit, TODAY) is not None
    assert not {21, 22, 15, 14} & set(states(habit, day(21))), "days on which it usually has none are no states"


def test_months_close_after_five_quiet_days_or_when_their_issuer_says_so() -> None:
    def months(curves: list[Curve], today: date, statuses: dict[date, str] | None = None) -> list[tuple[int, str]]:
        habit = habit_of(curves)
        return [(m.month.month, m.state) for m in months_of(habit, habit.last_complete_day, today, statuses or {})]

    def until(today: date) -> list[Curve]:
        return source((100,), day(1, 9), heard=today)

    # October changed last on 1 November, when its 31st came: within the last five days until the 5th.
    assert [months(until(day(n)), day(n))[-2:] for n in (1, 5, 6)] == [
        [(10, "closing"), (11, "open")],
        [(10, "closing"), (11, "open")],
        [(10, "closed"), (11, "open")],
    ]
    # 31 days of 100: a change of 0.1 % is 3.1.
    late = [Curve(c.day, (*c.steps, (24, Decimal(104)))) if c.day == day(30, 10) else c for c in until(TODAY)]
    little = [Curve(c.day, (*c.steps, (24, Decimal(103)))) if c.day == day(30, 10) else c for c in until(TODAY)]
    assert months(late, TODAY) == [(8, "closed"), (9, "closed"), (10, "closing"), (11, "open")][-3:]
    assert months(little, TODAY)[-2:] == [(10, "closed"), (11, "open")]
    told = {day(1, 9): "open", day(1, 10): "closed"}
    assert months(late, TODAY, told) == [(9, "closing"), (10, "closed"), (11, "open")]
    # A source that fell silent within the month closes nothing.
    assert months(source((100,), day(1, 9), heard=day(20, 10)), TODAY)[:2] == [(9, "closed"), (10, "closing")]


def test_a_comparison_ends_with_the_last_learned_complete_day() -> None:
    row = {
        "provider": "AWS",
        "currency": "USD",
        "first_day": day(1, 9),
        "newest_day": day(23),
        "monthly": False,
        "recent_days": 84,
        "charge_rows": 1,
        "late": False,
    }
    aws = source_of(row, TODAY, habit_of(source((0, 0, 0, 50, 96, 100), day(1, 10))))
    assert (aws.last_complete_day, aws.filling_day) == (day(18), day(23))
    window = month_window([aws])
    assert window is not None
    assert window.days.last_day == day(18)
    assert [state_of(day(n), [aws], window) for n in (18, 19, 23)] == ["complete", "filling", "filling"]
    assert days_covered([aws], window) == "Up to 18 Nov 2026; 19 Nov to 23 Nov are filling"
    unknown = source_of(row, TODAY, habit_of(source((100,), day(20))))
    assert unknown.last_complete_day == day(22), "the rule of the newest day remains"


def test_two_currencies_of_a_provider_have_habits_of_their_own() -> None:
    rows = [
        {"currency": currency, "provider": "AWS", "charge_day": c.day, "age_days": age, "amount": amount}
        for currency, shares in (("USD", (100,)), ("EUR", (0, 0, 100)))
        for c in source(shares, day(1, 10))
        for age, amount in c.steps
    ]
    found = {key: habit_of(curves) for key, curves in curves_of(rows).items()}
    assert {key: habit.maturity_days for key, habit in found.items()} == {("USD", "AWS"): 0, ("EUR", "AWS"): 2}


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(
    st.lists(st.lists(st.integers(-5, 100), min_size=1, max_size=5), min_size=1, max_size=40),
    st.integers(0, 100),
)
def test_at_its_maturity_half_of_the_settled_days_are_there(amounts: list[list[int]], scale: int) -> None:
    curves = [
        Curve(day(1, 10) + n * DAY, tuple((age, Decimal(amount * scale)) for age, amount in enumerate(steps)))
        for n, steps in enumerate(amounts)
    ]
    habit = habit_of(curves)
    if habit.learned:
        settled = [curve for curve in curves if curve.day in habit.settled]
        at_age = [curve.share_at(habit.maturity_days) for curve in settled]
        assert 2 * sum(share >= 0.97 for share in at_age) >= len(at_age)
        assert 10 * sum(share < 0.9 for share in at_age) <= len(at_age)
    for today in (habit.heard_on, habit.heard_on + 40 * DAY):
        assert all(entry.day < today for entry in days_of(habit, habit.last_complete_day, today))
        months_of(habit, habit.last_complete_day, today, {})
        stale_of(habit, today)
