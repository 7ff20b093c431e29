"""The cube as values: what the interactive page adds up. It is no part of `insights.json`.

Plain dataclasses: there are many cells, they come from our own SQL, and nothing reads them but the page.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Grain = Literal["month", "day"]


@dataclass(frozen=True, kw_only=True)
class CubeCell:
    """The costs of one month or day and one combination of names.

    Attributes:
        grain: what the period is.
        period: the day, or the first day of the month.
        folded: 0, a name that is None is not told; 1, region and user are of many; 2, account and service too.
    """

    grain: Grain
    period: date
    currency: str | None
    provider: str | None
    account: str | None
    service: str | None
    region: str | None
    user: str | None
    category: str | None
    folded: Literal[0, 1, 2]
    billed_cost: Decimal | None
    effective_cost: Decimal | None


@dataclass(frozen=True, kw_only=True)
class TagCell:
    """The costs of one month or day by the value of one tag key, within one currency.

    Attributes:
        value: None, the charges have no value of the key; or they have one of many, if it is folded.
    """

    key: str
    grain: Grain
    period: date
    currency: str | None
    value: str | None
    folded: bool
    billed_cost: Decimal | None
    effective_cost: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Span:
    """The days of one currency.

    Attributes:
        complete_to: the newest day that all compared sources have completed; None: no day is known to be.
    """

    currency: str | None
    first_day: date
    last_day: date
    complete_to: date | None


@dataclass(frozen=True, kw_only=True)
class Cube:
    """The cells of the interactive page; months and days each hold all costs of their time.

    Attributes:
        first_month: the first day of the first month; no cell is of an earlier one.
        first_day: the same for the cells of days.
    """

    first_month: date
    first_day: date
    cells: tuple[CubeCell, ...]
    spans: tuple[Span, ...] = ()
    tags: tuple[TagCell, ...] = ()
