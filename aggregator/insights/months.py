"""Months: thirteen of them, and of the whole ones the same month a year before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from billstream.aggregator.insights.meters import METER_LIST
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.moved import MonthAmount, Months
from billstream.aggregator.insights.periods import ONE_DAY
from billstream.aggregator.insights.ratios import change
from billstream.aggregator.insights.section import Section

SHOWN = 13
YEAR = 12

MONTHLY = Model(__name__, "monthly", "meter, month", needs=("totals",))


def read_months(reading: Reading) -> tuple[Months, ...]:
    """Return the months of every cost."""
    amounts: dict[int, dict[date, Decimal]] = defaultdict(dict)
    for row in reading.rows(MONTHLY):
        amounts[row["meter"]][row["month"]] = row["amount"]
    meters = sorted(reading.rows(METER_LIST), key=lambda row: row["meter"])
    return tuple(_months(reading, meter, amounts[meter["meter"]]) for meter in meters if meter["kind"] == "cost")


def _months(reading: Reading, meter: Mapping[str, Any], amounts: Mapping[date, Decimal]) -> Months:
    windows = reading.by_currency[meter["currency"]].windows
    window = windows.get("thirty_days") or windows.get("month")
    complete_to = window.days.last_day if window else None
    found = months_of(amounts, meter["first_day"], meter["last_day"], complete_to)
    compared = [one for one in found if one.before is not None]
    with localcontext(prec=80):
        year = sum((one.amount for one in compared), Decimal(0))
        before = sum((one.before for one in compared if one.before is not None), Decimal(0))
    return Months(
        currency=meter["currency"],
        measure=meter["measure"],
        complete_to=complete_to,
        months=found,
        compared_months=len(compared),
        year=year,
        year_before=before,
        year_change=change(year, before) if compared else None,
    )


def months_of(
    amounts: Mapping[date, Decimal], first_day: date, last_day: date, complete_to: date | None
) -> tuple[MonthAmount, ...]:
    """Return the thirteen months up to that of `last_day`, or fewer where charges begin later.

    Args:
        amounts: the amount of each month, by its first day; a month without one has no charges.
        first_day: the day of the first charge.
        last_day: the day of the last charge.
        complete_to: the newest day that all compared sources have completed; None: no day is known to be.
    """

    def whole(month: date) -> bool:
        end = month_after(month, 1) - ONE_DAY
        return complete_to is not None and first_day <= month and end <= complete_to

    def made(month: date) -> MonthAmount:
        amount, earlier = amounts.get(month, Decimal(0)), month_after(month, -YEAR)
        before = amounts.get(earlier, Decimal(0)) if whole(month) and whole(earlier) else None
        return MonthAmount(month=month, amount=amount, whole=whole(month), before=before, change=change(amount, before))

    newest, first = last_day.replace(day=1), first_day.replace(day=1)
    months: Sequence[date] = [month_after(newest, number) for number in range(1 - SHOWN, 1)]
    return tuple(made(month) for month in months if month >= first)


def month_after(month: date, number: int) -> date:
    """Return the first day of the month that is so many months later, or earlier."""
    place = month.year * 12 + month.month - 1 + number
    return date(place // 12, place % 12 + 1, 1)


MONTHS = Section(__name__, "months", tuple[Months, ...], read_months, (MONTHLY,))
