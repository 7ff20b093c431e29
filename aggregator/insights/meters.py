"""From the aggregates to meters and quantities: what was used or charged, over time and by whom."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billstream.aggregator.insights.periods import TREND_DAYS, Periods, in_order
from billstream.aggregator.insights.ratios import change, share
from billstream.aggregator.insights.values import Consumption, DayAmount, Meter, PeriodName, Ranked, Ranking
from billstream.aggregator.statements import statement
from billstream.common.lake import Lake

TOP = 10
DIMENSIONS = ("service", "user", "region", "service_tier", "resource_type")

Rows = Sequence[Mapping[str, Any]]


def read_meters(lake: Lake, periods: Periods, *, version: int) -> tuple[Meter, ...]:
    """Every meter, from the temporary tables of days and periods and from the aggregates of snapshot `version`."""
    lake.rows(statement("insight_meters"))
    lake.rows(statement("insight_amounts"), [version, periods["previous_30_days"].first_day])
    trend_start = periods["all_time"].last_day - timedelta(days=TREND_DAYS - 1)
    days = _by_meter(lake.query(statement("insight_trend"), [trend_start]).to_pylist())
    amounts = _by_meter(lake.query(statement("insight_meter_amounts")).to_pylist())
    names = _by_meter(lake.query(statement("insight_rankings"), [TOP]).to_pylist())
    meters = lake.query("SELECT * FROM insight_meters ORDER BY meter").to_pylist()
    return tuple(_meter(row, amounts[row["meter"]], days[row["meter"]], names[row["meter"]]) for row in meters)


def read_consumption(lake: Lake) -> tuple[Consumption, ...]:
    """Every unit with its quantities, from the temporary tables of days and periods."""
    units: dict[str, Rows] = defaultdict(list)
    for row in lake.query(statement("insight_consumption")).to_pylist():
        units[row["unit"]] = [*units[row["unit"]], row]
    return tuple(
        Consumption(unit=unit, charge_rows=rows[0]["charge_rows"], amounts=_amounts(rows))
        for unit, rows in units.items()
    )


def _meter(row: Mapping[str, Any], amounts: Rows, days: Rows, names: Rows) -> Meter:
    by_period = _amounts(amounts)
    rankings = [
        _ranking(dimension, [name for name in names if name["dimension"] == dimension], by_period.get("last_30_days"))
        for dimension in DIMENSIONS
    ]
    return Meter(
        kind=row["kind"],
        measure=row["measure"],
        currency=row["currency"],
        unit=row["unit"],
        amounts=by_period,
        daily=tuple(DayAmount(day=day["day"], amount=day["amount"]) for day in days),
        rankings=tuple(ranking for ranking in rankings if ranking.entries),
    )


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


def _amounts(rows: Rows) -> dict[PeriodName, Decimal]:
    return in_order({row["period"]: row["amount"] for row in rows})


def _by_meter(rows: Rows) -> Mapping[int, Rows]:
    groups: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["meter"]].append(row)
    return groups
