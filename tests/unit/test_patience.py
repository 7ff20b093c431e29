"""A service waits for its servers for as long as it takes, a command for ten seconds, and a stop ends each wait."""

import math

import pytest

from billstream.common import retries
from billstream.common.errors import CatalogUnavailable, Fatal, Stopped
from tests.fakes.clock import FakeClock, FakeStop


def away(times: int) -> list[Exception]:
    return [CatalogUnavailable("away") for _ in range(times)]


def call(failures: list[Exception]) -> str:
    if failures:
        raise failures.pop(0)
    return "there"


def test_a_service_waits_for_as_long_as_it_takes() -> None:
    stop, failures = FakeStop(FakeClock()), away(5_000)
    assert retries.patiently(lambda: call(failures), stop=stop, seconds=math.inf) == "there"
    assert len(stop.waits) > 4_999


def test_a_stop_ends_the_wait_and_nothing_is_asked_any_more() -> None:
    stop, asked = FakeStop(FakeClock()), list[int]()

    def ask() -> None:
        asked.append(1)
        if len(asked) == 3:
            stop.request()
        raise CatalogUnavailable("away")

    with pytest.raises(Stopped):
        retries.patiently(ask, stop=stop, seconds=math.inf)
    assert len(asked) == 3
    with pytest.raises(Stopped):
        retries.patiently(ask, stop=stop, seconds=math.inf)
    assert len(asked) == 3, "told to stop before it began"


def test_a_command_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr("time.sleep", clock.advance)
    monkeypatch.setattr("time.monotonic", clock)
    began = clock.now
    with pytest.raises(CatalogUnavailable):
        retries.patiently(lambda: call(away(1)))
    assert clock.now - began <= retries.COMMAND_SECONDS


def test_what_will_not_pass_is_told_at_once() -> None:
    stop = FakeStop(FakeClock())
    with pytest.raises(Fatal):
        retries.patiently(lambda: call([Fatal("no such queue")]), stop=stop, seconds=math.inf)
    assert max(stop.waits) == 0
