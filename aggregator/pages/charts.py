"""The geometry of a chart of days. Positions are percentages: the chart fits any width, its text keeps its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import ceil, floor

from billstream.aggregator.insights.periods import TREND_DAYS, WINDOW_DAYS
from billstream.aggregator.insights.values import DayAmount, DayState
from billstream.aggregator.pages.numbers import compact

STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
MOST_STEPS = 5
DAY_LABELS = 7
BAR_PART = 0.72


@dataclass(frozen=True)
class Bar:
    """One day, and whether its amount may still grow; x and y are its upper left corner."""

    day: date
    amount: Decimal
    state: DayState
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Tick:
    """One label of an axis; every other one may be left out where space is scarce."""

    at: float
    label: str
    optional: bool = False


@dataclass(frozen=True)
class Chart:
    """Bars over days, from zero up and down."""

    first_day: date
    last_day: date
    bars: tuple[Bar, ...]
    amounts: tuple[Tick, ...]
    days: tuple[Tick, ...]
    zero: float


def day_label(day: date) -> str:
    """Return day and month, such as 5 Jul."""
    return f"{day.day} {day:%b}"


def chart_of(daily: Sequence[DayAmount], last_day: date) -> Chart:
    """Return the chart of the days up to `last_day`: at most 92, from the first with an amount, and at least 30.

    Args:
        daily: the days that have an amount, at least one, in order.
        last_day: the day at the right end of the chart.
    """
    earliest = min(daily[0].day, last_day - timedelta(days=WINDOW_DAYS - 1))
    first_day = max(earliest, last_day - timedelta(days=TREND_DAYS - 1))
    days = (last_day - first_day).days + 1
    shown = [entry for entry in daily if first_day <= entry.day <= last_day]
    scale = _Scale.of([entry.amount for entry in shown])
    # Each day has one slot of equal width, with or without an amount, so that gaps are visible.
    slot = 100 / days
    return Chart(
        first_day=first_day,
        last_day=last_day,
        bars=tuple(_bar(entry, (entry.day - first_day).days * slot, slot, scale) for entry in shown),
        amounts=tuple(Tick(scale.at(amount), compact(amount)) for amount in scale.ticks()),
        days=tuple(_day_ticks(first_day, days)),
        zero=scale.at(Decimal(0)),
    )


def _bar(entry: DayAmount, left: float, slot: float, scale: "_Scale") -> Bar:
    top, bottom = sorted((scale.at(entry.amount), scale.at(Decimal(0))))
    gap = slot * (1 - BAR_PART) / 2
    return Bar(
        entry.day, entry.amount, entry.state, _place(left + gap), top, _place(slot * BAR_PART), _place(bottom - top)
    )


def _day_ticks(first_day: date, days: int) -> list[Tick]:
    # Labels stand at the middle of every step, away from both ends, where they would be cut off.
    step = ceil(days / DAY_LABELS)
    offsets = range(step // 2, days, step)
    return [
        Tick(_place((offset + 0.5) * 100 / days), day_label(first_day + timedelta(days=offset)), bool(place % 2))
        for place, offset in enumerate(offsets)
    ]


@dataclass(frozen=True)
class _Scale:
    """From amounts to percentages of the height, counted from the top; zero is always on it."""

    low: Decimal
    high: Decimal
    step: Decimal

    @classmethod
    def of(cls, amounts: Sequence[Decimal]) -> "_Scale":
        low, high = min([Decimal(0), *amounts]), max([Decimal(0), *amounts])
        # A chart of nothing but zeros still needs a height to divide by.
        if low == high:
            high = Decimal(1)
        step = _step(high - low)
        # The axis begins and ends with a line, so that no bar stands above the last one.
        return cls(floor(low / step) * step, ceil(high / step) * step, step)

    def at(self, amount: Decimal) -> float:
        return _place(float((self.high - amount) / (self.high - self.low) * 100))

    def ticks(self) -> list[Decimal]:
        first, last = int(self.low / self.step), int(self.high / self.step)
        return [self.step * number for number in range(first, last + 1)]


def _step(extent: Decimal) -> Decimal:
    """Return the smallest round number of which five are at least `extent`."""
    least = extent / MOST_STEPS
    size = Decimal(1).scaleb(least.adjusted())
    return next(step * size for step in STEPS if step * size >= least)


def _place(percentage: float) -> float:
    return round(percentage, 3)
