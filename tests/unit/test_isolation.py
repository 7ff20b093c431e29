"""A batch is taken apart; who is at fault is decided by what became of the others."""

from collections.abc import Sequence

import pytest

from billstream.common.errors import Fatal, Held, Retryable
from billstream.consumer.isolation import SAMPLE, Suspects, take_apart

BUG = KeyError("bug")


def attempts(bad: set[int], done: list[int], error: Exception = BUG) -> list[Sequence[int]]:
    """Attempts that were made; those with a bad number in them fail as a whole."""
    made: list[Sequence[int]] = []

    def attempt(piece: Sequence[int]) -> None:
        made.append(piece)
        if bad.intersection(piece):
            raise error
        done.extend(piece)

    attempt.made = made  # type: ignore[attr-defined]
    return attempt  # type: ignore[return-value]


@pytest.mark.parametrize("bad", [{0}, {199}, {7, 8, 9}, set(range(0, 200, 10)), set(range(30))])
def test_the_culprits_stand_alone_and_all_others_are_processed_once(bad: set[int]) -> None:
    done: list[int] = []
    errors = take_apart(range(200), attempts(bad, done))  # type: ignore[arg-type]
    assert set(errors) == bad
    assert sorted(done) == sorted(set(range(200)) - bad)


def test_what_befalls_everything_is_not_made_hundreds_of_times() -> None:
    attempt = attempts(set(range(200)), [])
    errors = take_apart(range(200), attempt)  # type: ignore[arg-type]
    assert len(errors) == 200
    assert sum(error is BUG for error in errors.values()) == SAMPLE
    assert sum(isinstance(error, Held) for error in errors.values()) == 200 - SAMPLE
    assert len(attempt.made) == 1 + SAMPLE  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_small_batches(count: int) -> None:
    done: list[int] = []
    assert take_apart(range(count), attempts(set(), done)) == {}  # type: ignore[arg-type]
    assert done == list(range(count))
    errors = take_apart(range(count), attempts(set(range(count)), []))  # type: ignore[arg-type]
    assert set(errors) == set(range(count))


@pytest.mark.parametrize("error", [Retryable("later"), KeyboardInterrupt(), SystemExit()])
def test_what_is_not_about_objects_passes(error: Exception) -> None:
    with pytest.raises(type(error)):
        take_apart(range(9), attempts({3}, [], error))  # type: ignore[arg-type]


def test_who_is_at_fault() -> None:
    suspects = Suspects()
    assert suspects.are_at_fault({"a": BUG}, loaded=3) == {"a": True}, "others were loaded beside it"
    assert suspects.are_at_fault({"b": BUG}, loaded=0) == {"b": True}, "it may be the only one"
    assert suspects.are_at_fault({"c": BUG}, loaded=0) == {"c": False}, "a second one, and nothing was loaded"
    assert suspects.are_at_fault({}, loaded=1) == {}
    assert suspects.are_at_fault({"c": BUG}, loaded=0) == {"c": True}, "others were loaded since"
    assert suspects.are_at_fault({"d": BUG, "e": BUG}, loaded=0) == {"d": False, "e": False}


@pytest.mark.parametrize("error", [Fatal("x"), MemoryError(), Held("x")])
def test_what_ends_the_process_needs_proof_that_others_are_well(error: Exception) -> None:
    suspects = Suspects()
    assert suspects.are_at_fault({"a": error}, loaded=0) == {"a": False}
    at_fault = not isinstance(error, Held)
    assert suspects.are_at_fault({"a": error}, loaded=1) == {"a": at_fault}
