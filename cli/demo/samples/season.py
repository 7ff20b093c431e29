"""The usage of a day: growth, the rhythm of the week, and one incident."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

WEEKDAY_PERCENT = (100, 104, 105, 103, 97, 68, 62)  # Monday first
GROWTH_PER_MILLE_A_DAY = 4
INCIDENT_DAYS_BEFORE_END = 12
INCIDENT_FACTOR = 7


@dataclass(frozen=True)
class Season:
    """The days that the samples cover, both ends included."""

    last: date
    days: int

    def days_in_order(self) -> list[date]:
        """Every day, oldest first."""
        return [self.last - timedelta(days=back) for back in reversed(range(self.days))]

    @property
    def incident(self) -> date:
        """The day on which the GPUs were left on by mistake; the first day of a short season."""
        return self.last - timedelta(days=min(INCIDENT_DAYS_BEFORE_END, self.days - 1))

    def level(self, day: date) -> Decimal:
        """Return the usage of a day in proportion to the first Monday's, which is 1."""
        age = (day - self.last).days + self.days - 1
        return Decimal(WEEKDAY_PERCENT[day.weekday()]) * (1000 + GROWTH_PER_MILLE_A_DAY * age) / 100_000

    def incident_factor(self, day: date) -> int:
        """Return the factor for the incident's resources."""
        return INCIDENT_FACTOR if day == self.incident else 1


def jitter(rng: random.Random, percent: int = 10) -> Decimal:
    """A factor around 1, at most `percent` off, in thousandths."""
    return Decimal(1000 + rng.randint(-10 * percent, 10 * percent)) / 1000
