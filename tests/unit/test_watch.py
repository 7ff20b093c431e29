"""When the aggregator makes a round, and how long it pauses: decisions over values."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.aggregator.watch import (
    AT_LEAST_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Rest,
    Sight,
    pause_after_failure,
    pause_after_round,
    reason_for_round,
)

DAY = date(2026, 3, 14)
REST = Rest(covered=7, day=DAY, published="a", until=AT_LEAST_SECONDS)
QUIET = Sight(newest=7, day=DAY, published="a", now=1.0)


def test_nothing_is_done_while_nothing_is_new() -> None:
    assert reason_for_round(REST, QUIET) is None
    assert reason_for_round(REST, replace(QUIET, now=AT_LEAST_SECONDS - 0.1)) is None


@pytest.mark.parametrize(
    ("sight", "reason"),
    [
        (replace(QUIET, newest=8), "snapshot 8"),
        (replace(QUIET, newest=6), "snapshot 6"),  # a lake that was restored
        (replace(QUIET, day=DAY + timedelta(1)), "a new day: 2026-03-15"),
        (replace(QUIET, day=DAY - timedelta(1)), "a new day: 2026-03-13"),  # the clock was set back
        (replace(QUIET, published="b"), "the published insights were touched"),
        (replace(QUIET, due=("alert", "maintain")), "alert, maintain"),
        (replace(QUIET, now=AT_LEAST_SECONDS), "it is time"),
    ],
)
def test_each_thing_that_is_new_makes_a_round(sight: Sight, reason: str) -> None:
    assert reason_for_round(REST, sight) == reason


@given(
    newest=st.integers(0, 3),
    days=st.integers(-1, 1),
    published=st.sampled_from("ab"),
    due=st.lists(st.sampled_from(["analyse", "alert"]), max_size=2),
    now=st.floats(0, 2 * AT_LEAST_SECONDS),
)
def test_after_a_failure_and_at_first_there_is_always_a_round(
    newest: int, days: int, published: str, due: list[str], now: float
) -> None:
    sight = Sight(newest=newest, day=DAY + timedelta(days), published=published, now=now, due=tuple(due))
    assert reason_for_round(None, sight)
    # And a round that has seen all of that comes to rest.
    rest = Rest(covered=newest, day=sight.day, published=published, until=now + AT_LEAST_SECONDS)
    assert reason_for_round(rest, replace(sight, due=())) is None


@given(took=st.floats(0, 1000), least=st.floats(0.01, 3600))
def test_half_of_the_time_stays_for_others(took: float, least: float) -> None:
    pause = pause_after_round(took, least)
    assert pause >= least
    assert pause >= took or pause >= LONGEST_PAUSE_SECONDS
    assert pause in {least, took, LONGEST_PAUSE_SECONDS}


def test_failures_are_tried_again_at_first_soon_and_then_seldom() -> None:
    assert [pause_after_failure(number, 1.0) for number in (1, 2, 3, 4, 5, 6, 10_000)] == [1, 2, 4, 8, 15, 15, 15]
    assert [pause_after_failure(number, 300.0) for number in (1, 5)] == [300, 300]
