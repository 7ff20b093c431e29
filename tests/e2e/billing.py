"""Small billing files whose totals are known."""

import random
from dataclasses import dataclass, field
from decimal import Decimal

HEADER = "ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost,ListCost,ServiceName,RegionId,x_UserId"


@dataclass(frozen=True)
class BillingFile:
    """A FOCUS file, and what it bills."""

    key: str
    rows: tuple[tuple[str, Decimal], ...]  # currency, billed cost
    lines: tuple[str, ...] = field(repr=False)

    @property
    def body(self) -> bytes:
        """The file's bytes."""
        return ("\n".join([HEADER, *self.lines]) + "\n").encode()


def billing_file(key: str, *, seed: int, rows: int = 20) -> BillingFile:
    """A file of random charges in two currencies, with up to 12 decimals, some of them negative."""
    source = random.Random(seed)  # noqa: S311 - no secret hangs on it
    charges = []
    lines = []
    for _ in range(rows):
        currency = source.choice(["USD", "USD", "EUR"])
        cost = Decimal(source.randrange(-(10**6), 10**14)).scaleb(-12)
        day = source.randrange(1, 29)
        charges.append((currency, cost))
        lines.append(
            f"2026-{source.randrange(1, 4):02}-{day:02}T00:00:00Z,{currency},{cost:f},{cost:f},{cost * 2:f},"
            f"Service {source.randrange(5)},region-{source.randrange(3)},user{source.randrange(4)}@example.com"
        )
    return BillingFile(key, tuple(charges), tuple(lines))


def expected_totals(files: list[BillingFile]) -> dict[str | None, Decimal]:
    """Billed cost by currency over files that are all in force."""
    totals: dict[str | None, Decimal] = {}
    for file in files:
        for currency, cost in file.rows:
            totals[currency] = totals.get(currency, Decimal(0)) + cost
    return totals


def expected_rows(files: list[BillingFile]) -> int:
    """How many rows there are."""
    return sum(len(file.rows) for file in files)
