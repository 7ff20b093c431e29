"""Whether a round of the aggregator is due: pure decisions over what a look sees, which costs next to nothing.

While nothing is committed no round is made, and the lake is not read. What depends on time is part of a look: the day,
the moments that the tasks of a round wait for, and the published files, which anybody may remove.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date

AT_LEAST_SECONDS = 600.0
"""A round is made so often in any case: it sees what no look does, such as a snapshot that has become old."""

LONGEST_PAUSE_SECONDS = 15.0
"""A round that took longer, or that fails again and again, is followed by a pause of so long."""


@dataclass(frozen=True, kw_only=True)
class Rest:
    """How the last round left things. `covered` is the newest snapshot, of others or its own, that it has handled."""

    covered: int
    day: date
    published: Hashable
    until: float
    """The moment at which another round is due in any case, by a clock that never goes back."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a look sees at the moment `now`, by a clock that never goes back: `due` names the tasks with work to do."""

    newest: int
    day: date
    published: Hashable
    now: float
    due: tuple[str, ...] = ()


def reason_for_round(rest: Rest | None, sight: Sight) -> str | None:
    """Return why a round is due; None while there is nothing to do. `rest` is None at first, and after a failure."""
    if rest is None:
        return "nothing is known"
    if sight.newest != rest.covered:  # a lake that was restored may have fewer snapshots than before
        return f"snapshot {sight.newest}"
    if sight.day != rest.day:
        return f"a new day: {sight.day}"
    if sight.published != rest.published:
        return "the published insights were touched"
    if sight.due:
        return ", ".join(sight.due)
    return "it is time" if sight.now >= rest.until else None


def pause_after_round(took: float, least: float) -> float:
    """Return the seconds until the look after a round: as many as it took, so that half of the time stays for others.

    Args:
        took: seconds of the round.
        least: the least that is asked for, which may be more than `LONGEST_PAUSE_SECONDS`.
    """
    return max(least, min(took, LONGEST_PAUSE_SECONDS))


def pause_after_failure(failures: int, least: float) -> float:
    """Return the seconds until the look after so many failures in a row, at least one: doubled each time."""
    return max(least, min(least * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_SECONDS))
