"""Time that passes only on request."""

from collections.abc import Callable
from dataclasses import dataclass

from billstream.common.stop import Stop


@dataclass
class FakeClock:
    """Seconds since some moment."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeStop(Stop):
    """A stop that waits on the fake clock, in no real time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.waits: list[float] = []
        self.abandon: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.advance(seconds)
        return self.requested

    def on_abandon(self, call: Callable[[], None]) -> None:
        self.abandon = call
