"""The habit of a source: how much of a day is there at which age, and the age from which a day is complete.

The age of a day is the number of whole days between its end and the day on which it was seen: 0 on the next day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any

DEFAULT_MATURITY = 2
"""Days after its end until a day counts as complete, while the habit of its source is not known."""

FEWEST_SETTLED = 5
MOST_SETTLED = 28
SETTLED_AGE = 7
"""A day of this age is settled: its amount serves as the final one."""

MEDIAN_SHARE = 0.97
WORST_SHARE = 0.90
WORST_TENTH = 10

ONE_DAY = timedelta(days=1)

SourceKey = tuple[str | None, str | None]
"""Currency and provider."""


@dataclass(frozen=True)
class Curve:
    """The amounts of one day by the age at which they were seen first; at least one, ages ascending."""

    day: date
    steps: tuple[tuple[int, Decimal], ...]

    @property
    def final(self) -> Decimal:
        """The amount that was seen last."""
        return self.steps[-1][1]

    @property
    def first_seen(self) -> date:
        """The day on which anything of it was seen first."""
        return self.day + (self.steps[0][0] + 1) * ONE_DAY

    @property
    def last_changed(self) -> date:
        """The day on which its amount changed last."""
        return self.day + (self.steps[-1][0] + 1) * ONE_DAY

    def amount_at(self, age: int) -> Decimal | None:
        """Return the amount that was known at an age; None before anything of the day had arrived."""
        known = [amount for seen_age, amount in self.steps if seen_age <= age]
        return known[-1] if known else None

    def share_at(self, age: int) -> float:
        """Return the part of the final amount that was known at an age."""
        known = self.amount_at(age)
        if known is None:
            return 0.0
        return float(known / self.final) if self.final else 1.0


@dataclass(frozen=True)
class Habit:
    """What the days of one source tell about the next ones.

    Attributes:
        curves: the recorded days, ascending.
        maturity_days: the age from which a day is complete.
        shares: the median share at each age from 0 up to the maturity; empty while the maturity is the default.
        settled: the days from which it was learned.
        usual_step: days from one charge day to the next, such as 3 for a source that has none at weekends.
    """

    curves: tuple[Curve, ...]
    maturity_days: int
    shares: tuple[float, ...]
    settled: tuple[date, ...]
    usual_step: int

    @property
    def learned(self) -> bool:
        """True when enough days have settled."""
        return bool(self.shares)

    @cached_property
    def heard_on(self) -> date:
        """The day on which the source last changed any amount: what came later is not known."""
        return max(curve.last_changed for curve in self.curves)

    @property
    def watched_since(self) -> date:
        """The day on which the source was seen first. How its earlier days arrived is not known."""
        return min(curve.first_seen for curve in self.curves)

    @property
    def last_complete_day(self) -> date:
        """The newest day that was old enough when the source was last heard; a silent source completes no day."""
        return self.heard_on - (1 + self.maturity_days) * ONE_DAY

    def share_at(self, age: int) -> float | None:
        """Return the usual share of a day at an age; None while it is not known."""
        if not self.learned:
            return None
        return 0.0 if age < 0 else self.shares[min(age, len(self.shares) - 1)]

    def silent_days(self, today: date) -> int:
        """Return for how many days no day has arrived that is newer than all before."""
        return (today - self.curves[-1].first_seen).days


def curves_of(rows: Iterable[Mapping[str, Any]]) -> dict[SourceKey, list[Curve]]:
    """Return the curves of each source from the rows of `arrivals.sql`, in their order."""
    found: dict[SourceKey, dict[date, list[tuple[int, Decimal]]]] = {}
    for row in rows:
        days = found.setdefault((row["currency"], row["provider"]), {})
        days.setdefault(row["charge_day"], []).append((row["age_days"], row["amount"]))
    return {key: [Curve(day, tuple(steps)) for day, steps in days.items()] for key, days in found.items()}


def habit_of(curves: Sequence[Curve]) -> Habit:
    """Return the habit that these days show: at least one, ascending.

    The maturity is the smallest age at which the median of the last 28 settled days had 97 % of the final amount, and
    the worst tenth 90 %. Only days count that were watched from their beginning: of a day that was loaded from
    history, nobody knows what would have been there before.
    """
    watched_since = min(curve.first_seen for curve in curves)
    heard_on = max(curve.last_changed for curve in curves)
    settled = [
        curve for curve in curves if curve.day >= watched_since and (heard_on - curve.day).days - 1 >= SETTLED_AGE
    ][-MOST_SETTLED:]
    days, step = tuple(curve.day for curve in settled), _usual_step(curves)
    if len(settled) < FEWEST_SETTLED:
        return Habit(tuple(curves), DEFAULT_MATURITY, (), days, step)
    shares: list[float] = []
    # The last age at which any of them changed gives every day its final amount: the search ends there.
    for age in range(max(0, *(curve.steps[-1][0] for curve in settled)) + 1):
        at_age = sorted(curve.share_at(age) for curve in settled)
        shares.append(at_age[len(at_age) // 2])
        if shares[-1] >= MEDIAN_SHARE and at_age[len(at_age) // WORST_TENTH] >= WORST_SHARE:
            break
    return Habit(tuple(curves), len(shares) - 1, tuple(shares), days, step)


def _usual_step(curves: Sequence[Curve]) -> int:
    """The longest step between neighbouring days that has occurred twice; 1 for a source of every day."""
    steps = [(later.day - earlier.day).days for earlier, later in pairwise(curves)]
    return max((step for step in steps if steps.count(step) > 1), default=1)
