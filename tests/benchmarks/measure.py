"""What work costs: CPU seconds and wall time, measured by turns, and compared as ratios.

CPU seconds are those of the process and of its children that have ended. They are the figures that count: another
process on the machine makes the wall time longer, and the CPU seconds by a few per cent, and it hits neighbouring turns
alike. So every ratio is that of two turns of one round, and the median of the rounds is told with the smallest and
the largest.
"""

import math
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Run = Callable[[int], "Taken"]


@dataclass
class Taken:
    """Seconds that work took. They are zero until the block of `clock` has ended."""

    cpu: float = 0.0
    wall: float = 0.0


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of all rounds, and the extremes."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"

    @classmethod
    def of(cls, theirs: Sequence[float], ours: Sequence[float]) -> "Ratio":
        """Return how fast we are beside them: above 1, they need more than we do."""
        ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, all its threads, and its ended children so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


@contextmanager
def clock() -> Iterator[Taken]:
    """Measure the block."""
    taken, cpu, wall = Taken(), cpu_seconds(), time.perf_counter()
    yield taken
    taken.cpu, taken.wall = cpu_seconds() - cpu, time.perf_counter() - wall


def by_turns(repeat: int, runs: Mapping[str, Run]) -> dict[str, list[Taken]]:
    """Run each once for warming up, uncounted, then all of them in turn, `repeat` times.

    Every second round goes backwards, so that none always comes after the same one.
    """
    taken: dict[str, list[Taken]] = {name: [] for name in runs}
    for number in range(repeat + 1):
        for name in list(runs)[:: -1 if number % 2 else 1]:
            seconds = runs[name](number)
            if number:
                taken[name].append(seconds)
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of the values that is not exceeded by that share of them."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
