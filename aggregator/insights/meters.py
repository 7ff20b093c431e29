"""Meters: each cost and each main quantity over time, and the names with the largest amounts."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billstream.aggregator.insights.models import Model, Reading, Rows
from billstream.aggregator.insights.periods import TREND_DAYS, in_order
from billstream.aggregator.insights.ratios import change, share
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import DayAmount, Meter, Ranked, Ranking

TOP = 10
DIMENSIONS = ("service", "user", "region", "service_tier", "resource_type")


def _amounts_from(reading: Reading) -> list[object]:
    """The snapshot, and the first day of the rankings; None while there are no charges: then no day is chosen."""
    window = reading.periods.get("previous_30_days")
    return [reading.version, window and window.first_day]


def _trend_from(reading: Reading) -> list[object]:
    last_day = reading.extent["last_day"]
    return [last_day and last_day - timedelta(days=TREND_DAYS - 1)]


METER_LIST = Model(__name__, "meters", "meter", needs=("days",))
AMOUNTS = Model(
    __name__, "amounts", "meter, dimension, name, charge_day", needs=("days", "meters"), given=_amounts_from
)
TREND = Model(__name__, "trend", "meter, charge_day", needs=("amounts",), given=_trend_from)
METER_AMOUNTS = Model(__name__, "meter_amounts", "meter, period", needs=("amounts", "periods"))
RANKINGS = Model(__name__, "rankings", "meter, dimension, place", needs=("amounts", "periods"), given=lambda _: [TOP])


def read_meters(reading: Reading) -> tuple[Meter, ...]:
    """Return every meter: costs first, then quantities, the one with the most charges first."""
    days, names = _by_meter(reading.rows(TREND)), _by_meter(reading.rows(RANKINGS))
    amounts = _by_meter(reading.rows(METER_AMOUNTS))
    meters = []
    for row in sorted(reading.rows(METER_LIST), key=lambda row: row["meter"]):
        number = row["meter"]
        by_period = in_order({entry["period"]: entry["amount"] for entry in amounts[number]})
        whole = by_period.get("last_30_days")
        rankings = [
            _ranking(dimension, [name for name in names[number] if name["dimension"] == dimension], whole)
            for dimension in DIMENSIONS
        ]
        meters.append(
            Meter(
                kind=row["kind"],
                measure=row["measure"],
                currency=row["currency"],
                unit=row["unit"],
                amounts=by_period,
                daily=tuple(DayAmount(day=day["day"], amount=day["amount"]) for day in days[number]),
                rankings=tuple(ranking for ranking in rankings if ranking.entries),
            )
        )
    return tuple(meters)


def _ranking(dimension: Any, names: Rows, whole: Decimal | None) -> Ranking:  # noqa: ANN401 - pydantic checks it
    entries = [_ranked(name, whole) for name in names if name["place"] <= TOP]
    others = [name for name in names if name["place"] > TOP]
    return Ranking(
        dimension=dimension,
        entries=tuple(entries),
        others=_ranked(others[0], whole) if others else None,
        others_count=others[0]["names"] if others else 0,
    )


def _ranked(name: Mapping[str, Any], whole: Decimal | None) -> Ranked:
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
    __name__, "meters", tuple[Meter, ...], read_meters, (METER_LIST, AMOUNTS, TREND, METER_AMOUNTS, RANKINGS)
)
