"""The cube: the cells of costs that the interactive page adds up. It is part of the page, not of `insights.json`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.periods import TREND_DAYS
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Cube, CubeCell

MONTHS = 25
"""The month of today and two years before it, so that each of the last 13 months has the same month a year before."""
MOST_COMBINATIONS = 400
"""Combinations of currency, provider, account, service, region and user that keep all names, by amount."""
MOST_SERVICES = 200
"""Combinations of currency, provider, account and service that keep these names; of all others, the account and service
are folded. Together with 25 months and 92 days they keep the page under 1.5 MB."""
Folded = Literal[0, 1, 2]


def _limits(reading: Reading) -> Sequence[object]:
    today = reading.today
    months = today.year * 12 + today.month - MONTHS
    first_month = today.replace(year=months // 12, month=months % 12 + 1, day=1)
    first_day = today - timedelta(days=TREND_DAYS - 1)
    return [reading.version, first_month, first_day, today, MOST_COMBINATIONS, MOST_SERVICES]


CELLS = Model(
    __name__,
    "cube_cells",
    "grain, period, currency, provider, account, service, region, user, category, folded",
    given=_limits,
)


def read_cube(reading: Reading) -> Cube:
    """Return the cells of the last 25 months and of the last 92 days up to today."""
    return Cube(cells=tuple(CubeCell(**row) for row in reading.rows(CELLS)))


CUBE = Section(__name__, "cube", Cube, read_cube, (CELLS,))
