"""Meters: each cost and each main quantity over time, and the names with the largest amounts."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from billstream.aggregator.insights.comparing import comparisons_of, window_lists
from billstream.aggregator.insights.models import Model, Reading, Rows, period_lists
from billstream.aggregator.insights.periods import Periods, Windows, in_order, periods_between
from billstream.aggregator.insights.ratios import change, share
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.sources import state_of
from billstream.aggregator.insights.values import DayAmount, Meter, Ranked, Ranking

TOP = 10
ALONE = "alone"
"""Stands where a comparison has its name, for the days of rankings that have no days before them to compare with."""
DIMENSIONS = ("provider", "account", "service", "region", "user", "service_tier", "resource_type")


def _periods(reading: Reading) -> dict[int, Periods]:
    """The periods of each meter: those of its currency, or its own where it has nothing in the currency's month."""
    return {row["meter"]: _periods_of(reading, row) for row in reading.rows(METER_LIST)}


def _periods_of(reading: Reading, row: Mapping[str, Any]) -> Periods:
    periods = reading.by_currency[row["currency"]].periods
    ended = row["last_day"] < periods["month_to_date"].first_day
    return periods_between(row["first_day"], row["last_day"]) if ended else periods


def _windows(reading: Reading) -> dict[int, Windows]:
    """The comparisons of each meter; one without an amount in its currency's month has none."""
    books, periods = reading.by_currency, _periods(reading)
    return {
        row["meter"]: books[row["currency"]].windows
        for row in reading.rows(METER_LIST)
        if periods[row["meter"]] == books[row["currency"]].periods
    }


def _window_lists(reading: Reading) -> list[list[object]]:
    """The lists of `windows`; a meter whose 30 days cannot be compared has the last 30 days of all its sources."""
    windows = _windows(reading)
    lists = window_lists(windows.items())
    for row in reading.rows(METER_LIST):
        if "thirty_days" in windows.get(row["meter"], {}):
            continue
        days = _periods_of(reading, row)["last_30_days"]
        for source in reading.by_currency[row["currency"]].sources:
            alone = (row["meter"], ALONE, source.provider, days.first_day, days.last_day, None, None)
            for values, value in zip(lists, alone, strict=True):
                values.append(value)
    return lists


def chosen_from(reading: Reading) -> date | None:
    """Return the first day that any comparison or ranking needs; None without one: then no day is chosen."""
    windows = [window.before.first_day for named in _windows(reading).values() for window in named.values()]
    return min(windows + [periods["last_30_days"].first_day for periods in _periods(reading).values()], default=None)


def _rankings_given(reading: Reading) -> list[object]:
    windows = _windows(reading).items()
    whole = [meter for meter, named in windows if "thirty_days" in named and not named["thirty_days"].left_out]
    return [TOP, reading.version, chosen_from(reading), whole]


METER_LIST = Model(__name__, "meters", "meter", needs=("days",))
TOTALS = Model(__name__, "totals", "meter, charge_day", needs=("days", "meters"))
METER_PERIODS = Model(
    __name__, "meter_periods", "meter, period", given=lambda reading: period_lists(_periods(reading).items())
)
TREND = Model(__name__, "trend", "meter, charge_day", needs=("totals", "meter_periods"))
METER_AMOUNTS = Model(__name__, "meter_amounts", "meter, period", needs=("totals", "meter_periods"))
PARTS = Model(
    __name__,
    "parts",
    "meter, provider, account, service, user, region, charge_day",
    needs=("meters",),
    given=lambda reading: [reading.version, chosen_from(reading)],
)
WINDOWS = Model(
    __name__,
    "windows",
    "meter, comparison, provider",
    given=_window_lists,
)
COMPARED = Model(__name__, "compared", "meter, comparison", needs=("parts", "windows"))
RANKINGS = Model(
    __name__, "rankings", "meter, dimension, place", needs=("meters", "parts", "windows"), given=_rankings_given
)


def read_meters(reading: Reading) -> tuple[Meter, ...]:
    """Return every meter: costs first, then quantities, the one with the most charges first."""
    days, names = _by_meter(reading.rows(TREND)), _by_meter(reading.rows(RANKINGS))
    amounts, compared = _by_meter(reading.rows(METER_AMOUNTS)), _by_meter(reading.rows(COMPARED))
    periods, windows = _periods(reading), _windows(reading)
    meters = []
    for row in sorted(reading.rows(METER_LIST), key=lambda row: row["meter"]):
        number, book = row["meter"], reading.by_currency[row["currency"]]
        month = book.windows.get("month")
        rankings = [
            _ranking(dimension, [name for name in names[number] if name["dimension"] == dimension])
            for dimension in DIMENSIONS
        ]
        meters.append(
            Meter(
                kind=row["kind"],
                measure=row["measure"],
                currency=row["currency"],
                unit=row["unit"],
                current=periods[number]["month_to_date"].first_day == reading.today.replace(day=1),
                covers=book.covers,
                periods=in_order(periods[number]),
                amounts=in_order({entry["period"]: entry["amount"] for entry in amounts[number]}),
                comparisons=comparisons_of(compared[number], windows.get(number, {})),
                daily=tuple(
                    DayAmount(day=day["day"], amount=day["amount"], state=state_of(day["day"], book.sources, month))
                    for day in days[number]
                ),
                rankings=tuple(ranking for ranking in rankings if ranking.entries),
            )
        )
    return tuple(meters)


def _ranking(dimension: Any, names: Rows) -> Ranking:  # noqa: ANN401 - pydantic checks it
    # Shares are parts of the sum of all names, so that they add up to 1 with the others.
    with localcontext(prec=80):
        whole = sum((name["amount"] for name in names), Decimal(0))
    entries = [_ranked(name, whole) for name in names if name["place"] <= TOP]
    others = [name for name in names if name["place"] > TOP]
    return Ranking(
        dimension=dimension,
        entries=tuple(entries),
        others=_ranked(others[0], whole) if others else None,
        others_count=others[0]["names"] if others else 0,
    )


def _ranked(name: Mapping[str, Any], whole: Decimal) -> Ranked:
    return Ranked(
        name=name["name"],
        amount=name["amount"],
        share=share(name["amount"], whole),
        previous=name["previous"],
        change=change(name["amount"], name["previous"]),
    )


def _by_meter(rows: Rows) -> Mapping[int, Rows]:
    groups: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["meter"]].append(row)
    return groups


METERS = Section(
    __name__,
    "meters",
    tuple[Meter, ...],
    read_meters,
    (METER_LIST, TOTALS, METER_PERIODS, TREND, METER_AMOUNTS, PARTS, WINDOWS, COMPARED, RANKINGS),
)
