"""Unit costs: by the unit that is consumed, by the metrics of the business, and what changed by price or quantity."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from billstream.aggregator.insights.comparing import window_lists
from billstream.aggregator.insights.costs import NotTold
from billstream.aggregator.insights.models import Book, Model, Reading
from billstream.aggregator.insights.periods import Window
from billstream.aggregator.insights.ratios import change, share
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Period
from billstream.aggregator.kpis.figures import NOT_TOLD
from billstream.aggregator.kpis.values import MetricCost, MetricMonth, UnitCost, UnitCosts

TOP = 10
MOST_CHARGES = 500_000
"""Charges that are read for a publication: about 0.3 CPU seconds. With more, fewer days are compared."""
SPANS = (31, 21, 14, 7, 3, 1)
"""Days that are compared at most; of these the most that keep to `MOST_CHARGES`."""

_SMALLEST = Decimal(1).scaleb(-18)

Row = Mapping[str, Any]


def _window(book: Book) -> Window | None:
    """The comparison of 30 days, whose periods are equally long; of monthly sources alone, that of months."""
    return book.windows.get("thirty_days") or book.windows.get("month")


def _extent(windows: Sequence[Window]) -> tuple[date | None, date | None]:
    first = min((window.before.first_day for window in windows), default=None)
    return first, max((window.days.last_day for window in windows), default=None)


def _all_days(reading: Reading) -> Sequence[object]:
    return _extent([window for book in reading.by_currency.values() if (window := _window(book))])


def compared_windows(reading: Reading) -> dict[str | None, Window]:
    """Return the comparison of each currency that has one, cut to as many days as may be read."""
    windows = {currency: window for currency, book in reading.by_currency.items() if (window := _window(book))}
    rows = {row["charge_day"]: row["charge_rows"] for row in reading.rows(UNIT_DAYS)}
    for span in SPANS:
        found = {currency: _cut(window, span) for currency, window in windows.items()}
        days = {day for window in found.values() for period in (window.days, window.before) for day in _each(period)}
        if sum(rows.get(day, 0) for day in days) <= MOST_CHARGES or span == SPANS[-1]:
            break
    return found


def _cut(window: Window, span: int) -> Window:
    return replace(window, days=_last(window.days, span), before=_last(window.before, span))


def _last(period: Period, span: int) -> Period:
    first = max(period.first_day, period.last_day - timedelta(days=span - 1))
    return Period(first_day=first, last_day=period.last_day)


def _each(period: Period) -> list[date]:
    return [period.first_day + timedelta(days=n) for n in range((period.last_day - period.first_day).days + 1)]


def _charges_given(reading: Reading) -> Sequence[object]:
    windows = compared_windows(reading)
    # The lists without their first two: the owner and the name of the comparison.
    _, _, *lists = window_lists(((None, {"thirty_days": window}) for window in windows.values()), columns=4)
    return [reading.snapshot_id, *lists, *_extent(list(windows.values()))]


def _metrics_given(reading: Reading) -> Sequence[object]:
    ends = {name: window.days.last_day for name, book in reading.by_currency.items() if (window := _window(book))}
    return [reading.version, list(ends), list(ends.values())]


UNIT_DAYS = Model(__name__, "unit_days", "charge_day", needs=("cells",), given=_all_days)
UNIT_CHARGES = Model(
    __name__,
    "unit_charges",
    "currency, provider, service, price_sku, unit_sku, price_unit, consumed_unit, current, is_priced, is_consumed",
    given=_charges_given,
)
UNIT_PRICES = Model(__name__, "unit_prices", "kind, currency, provider, service, sku, unit", needs=("unit_charges",))
UNIT_TOTALS = Model(__name__, "unit_totals", "currency", needs=("unit_charges", "unit_prices"))
UNIT_TOPS = Model(__name__, "unit_tops", "kind, currency, place", needs=("unit_prices",), given=lambda _: [TOP])
UNIT_UNTOLD = Model(__name__, "unit_untold", "currency, provider, lacks", needs=("unit_charges",))
METRIC_MONTHS = Model(__name__, "metric_months", "metric, unit, month", given=_metrics_given)


def read_unit_costs(reading: Reading) -> tuple[UnitCosts, ...]:
    """Return the unit costs of every currency, the currency with the most charges first."""
    windows = compared_windows(reading)
    totals = {row["currency"]: row for row in reading.rows(UNIT_TOTALS)}
    tops: dict[tuple[str, str | None], list[UnitCost]] = defaultdict(list)
    for row in reading.rows(UNIT_TOPS):
        tops[row["kind"], row["currency"]].append(unit_cost_of(row))
    found = []
    for currency in reading.by_currency:
        window = windows.get(currency)
        found.append(
            UnitCosts(
                currency=currency,
                first_day=window.days.first_day if window else None,
                last_day=window.days.last_day if window else None,
                first_day_before=window.before.first_day if window else None,
                last_day_before=window.before.last_day if window else None,
                **_totals(totals.get(currency)),
                movers=tuple(tops["price", currency]),
                largest=tuple(tops["consumed", currency]),
                metrics=_metrics([row for row in reading.rows(METRIC_MONTHS) if row["currency"] == currency]),
                not_told=tuple(_not_told(row) for row in reading.rows(UNIT_UNTOLD) if row["currency"] == currency),
            )
        )
    return tuple(found)


def unit_cost_of(row: Row) -> UnitCost:
    """Return the unit cost of one row of `unit_prices.sql`."""
    now, before = _quotient(row["cost"], row["quantity"]), _quotient(row["cost_before"], row["quantity_before"])
    known = row["expected"] is not None
    with localcontext(prec=80):
        return UnitCost(
            **{name: row[name] for name in ("provider", "service", "sku", "unit", "cost", "quantity")},
            unit_cost=now,
            cost_before=row["cost_before"],
            quantity_before=row["quantity_before"],
            unit_cost_before=before,
            change=None if now is None else change(now, before),
            price_effect=row["cost"] - row["expected"] if known else None,
            volume_effect=row["expected"] - row["cost_before"] if known else None,
        )


def _totals(row: Row | None) -> dict[str, Decimal | None]:
    names = ("cost", "cost_before", "price_effect", "volume_effect", "other_effect", "price_change")
    if row is None:
        return dict.fromkeys((*names, "priced", "consumed"))
    found = {
        "cost": row["cost"],
        "cost_before": row["cost_before"],
        "priced": share(row["priced_rows"], row["usage_rows"]),
        "consumed": share(row["consumed_rows"], row["usage_rows"]),
    }
    if row["expected"] is None:
        return dict.fromkeys(names) | found
    zero = Decimal(0)
    with localcontext(prec=80):
        price, volume = row["matched_cost"] - row["expected"], row["expected"] - row["matched_before"]
        other = (row["cost"] or zero) - (row["cost_before"] or zero) - price - volume
    effects = {"price_effect": price, "volume_effect": volume, "other_effect": other}
    return found | effects | {"price_change": share(price, row["expected"])}


def _metrics(rows: Sequence[Row]) -> tuple[MetricCost, ...]:
    """Return the metrics of rows that are sorted by metric, unit and month."""
    months: dict[tuple[str, str], list[MetricMonth]] = defaultdict(list)
    for row in rows:
        before = months[row["metric"], row["unit"]]
        now = _quotient(row["cost"], row["quantity"])
        former = before[-1] if before and _follows(before[-1].month, row["month"]) else None
        before.append(
            MetricMonth(
                **{name: row[name] for name in ("month", "last_day", "days", "cost", "quantity")},
                unit_cost=now,
                change=change(now, former.unit_cost) if now is not None and former else None,
                covered=share(row["cost"], row["whole_cost"]),
            )
        )
    return tuple(
        MetricCost(metric=metric, unit=unit, months=tuple(reversed(found))) for (metric, unit), found in months.items()
    )


def _follows(month: date, later: date) -> bool:
    return (month + timedelta(days=31)).replace(day=1) == later


def _quotient(cost: Decimal | None, quantity: Decimal | None) -> Decimal | None:
    if cost is None or quantity is None or quantity <= 0:
        return None
    with localcontext(prec=80, rounding=ROUND_HALF_EVEN):
        return (cost / quantity).quantize(_SMALLEST)


def _not_told(row: Row) -> NotTold:
    return NotTold(
        provider=row["provider"],
        lacks=(row["lacks"],),
        charge_rows=row["charge_rows"],
        billed_cost=row["cost"],
        counted=False,
        reason=NOT_TOLD,
    )


UNIT_COSTS = Section(
    __name__,
    "unit_costs",
    tuple[UnitCosts, ...],
    read_unit_costs,
    (UNIT_DAYS, UNIT_CHARGES, UNIT_PRICES, UNIT_TOTALS, UNIT_TOPS, UNIT_UNTOLD, METRIC_MONTHS),
)
