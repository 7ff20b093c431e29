"""The usage of a day: growth, the rhythm of the week, and what is out of the ordinary."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billstream.cli.demo.samples.vendors import Sku

WEEKDAY_PERCENT = (100, 104, 105, 103, 97, 68, 62)  # Monday first
GROWTH_PER_MILLE_A_DAY = 4
INCIDENT_DAYS_BEFORE_END = 5
INCIDENT_FACTOR = 7
CARELESS_ACCOUNT = "ml-research"
LEAK_DAYS_BEFORE_END = 20
LEAK_A_DAY = Decimal("0.15")
LEAKING_ACCOUNT = "data-platform"
DEARER_DAYS_BEFORE_END = 26
DEARER = Decimal("1.45")
PURCHASE_DAYS_BEFORE_END = 9


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
        """The day from which GPUs are left on by mistake."""
        return self._before_end(INCIDENT_DAYS_BEFORE_END)

    @property
    def leak(self) -> date:
        """The day from which an account keeps what it should remove, more of it every day."""
        return self._before_end(LEAK_DAYS_BEFORE_END)

    @property
    def price_rise(self) -> date:
        """The day from which a price is higher."""
        return self._before_end(DEARER_DAYS_BEFORE_END)

    @property
    def purchase(self) -> date:
        """The day on which a commitment is bought, upfront."""
        return self._before_end(PURCHASE_DAYS_BEFORE_END)

    def level(self, day: date) -> Decimal:
        """Return the usage of a day in proportion to the first Monday's, which is 1."""
        age = (day - self.last).days + self.days - 1
        return Decimal(WEEKDAY_PERCENT[day.weekday()]) * (1000 + GROWTH_PER_MILLE_A_DAY * age) / 100_000

    def used_more(self, sku: Sku, account: str, day: date) -> Decimal:
        """Return the factor of a SKU's usage on a day: 1 unless something is out of the ordinary."""
        if sku.incident and account == CARELESS_ACCOUNT and day >= self.incident:
            return Decimal(INCIDENT_FACTOR)
        if sku.leaks and account == LEAKING_ACCOUNT and day > self.leak:
            return 1 + LEAK_A_DAY * (day - self.leak).days
        return Decimal(1)

    def dearer(self, sku: Sku, day: date) -> Decimal:
        """Return the factor of a SKU's price on a day."""
        return DEARER if sku.dearer and day >= self.price_rise else Decimal(1)

    def _before_end(self, days: int) -> date:
        """Return a day before the end; the first day of a short season."""
        return self.last - timedelta(days=min(days, self.days - 1))


def jitter(rng: random.Random, percent: int = 10) -> Decimal:
    """A factor around 1, at most `percent` off, in thousandths."""
    return Decimal(1000 + rng.randint(-10 * percent, 10 * percent)) / 1000
