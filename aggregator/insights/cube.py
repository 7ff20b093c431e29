"""The cube: the cells of costs that the interactive page adds up. It is part of the page, not of `insights.json`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from billstream.aggregator.insights.cubed import Cube, CubeCell, Span, TagCell
from billstream.aggregator.insights.models import Book, Model, Reading
from billstream.aggregator.insights.periods import TREND_DAYS
from billstream.aggregator.insights.section import Section

MONTHS = 26
"""Two times twelve whole months, and up to two that are not whole: today's, and one that still grows."""
MOST_COMBINATIONS = 300
"""Combinations of currency, provider, account, service, region and user that keep all names, by amount."""
MOST_SERVICES = 150
"""Combinations of currency, provider, account and service that keep these names; of all others, the account and service
are folded. Together with the months and days they keep the page under 1.5 MB."""
MOST_VALUES = 120
"""Values of all tag keys together that keep their name in a currency, by amount; each key has an equal part."""


def _limits(reading: Reading) -> list[Any]:
    today = reading.today
    months = today.year * 12 + today.month - MONTHS
    first_month = today.replace(year=months // 12, month=months % 12 + 1, day=1)
    return [reading.version, first_month, today - timedelta(days=TREND_DAYS - 1), today]


def _tag_limits(reading: Reading) -> Sequence[object]:
    keys = [one.name for one in reading.watermark.tag_keys.names]
    version, first_month, first_day, today = _limits(reading)
    # No day is up to NULL: without keys nothing is read.
    return [version, first_month, first_day, today if keys else None, keys, MOST_VALUES // max(3, len(keys))]


CELLS = Model(
    __name__,
    "cube_cells",
    "grain, period, currency, provider, account, service, region, user, category, folded",
    given=lambda reading: [*_limits(reading), MOST_COMBINATIONS, MOST_SERVICES],
)
TAG_CELLS = Model(__name__, "cube_tags", "key, grain, period, currency, value, folded", given=_tag_limits)


def read_cube(reading: Reading) -> Cube:
    """Return the cells of the last 26 months and of the last 92 days up to today."""
    _, first_month, first_day, _ = _limits(reading)
    return Cube(
        first_month=first_month,
        first_day=first_day,
        cells=tuple(CubeCell(**row) for row in reading.rows(CELLS)),
        spans=tuple(_span(currency, book) for currency, book in reading.by_currency.items()),
        tags=tuple(TagCell(**row) for row in reading.rows(TAG_CELLS)),
    )


def _span(currency: str | None, book: Book) -> Span:
    window = book.windows.get("thirty_days") or book.windows.get("month")
    whole = book.periods["all_time"]
    return Span(
        currency=currency,
        first_day=whole.first_day,
        last_day=whole.last_day,
        complete_to=window.days.last_day if window else None,
    )


CUBE = Section(__name__, "cube", Cube, read_cube, (CELLS, TAG_CELLS))
