"""Forecast the month of currencies, providers, accounts and services, and of budgets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import get_args

import duckdb
import numpy as np

from billstream.aggregator.analysis.detection import Detection
from billstream.aggregator.anomalies.panel import Floats, Panel, SeriesKey
from billstream.aggregator.budgets.costs import DailyCosts
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.store import Forecasts
from billstream.aggregator.completeness.maturity import SourceKey
from billstream.aggregator.forecasting.month_end import (
    Forecast,
    forecast_month,
    forecast_span,
    month_end,
    recurring_to_come,
)
from billstream.aggregator.forecasting.values import MonthForecast, Scope, cents
from billstream.aggregator.insights.values import Period, Source
from billstream.common.lake import Lake
from billstream.common.statements import statement

MOST_OF_SCOPE = 50
"""Accounts and services of a currency that have a forecast of their own: those with the largest last four weeks."""

LIVE_DAYS = 10
"""A source whose newest day is older than this delays no forecast of others."""

LARGE_PART = 0.05
"""Open incidents change the method where they moved at least this share of what a group costs a day."""

RECENT_DAYS = 28
DEPTH: Mapping[Scope, int] = {"currency": 1, "provider": 2, "account": 3, "service": 4}
Leaf = tuple[str | None, ...]
"""Currency, provider, account, service; or the first few of them."""


@dataclass(frozen=True)
class Others:
    """Charges other than usage, by leaf and kind: day and amount of each."""

    by_kind: Mapping[tuple[Leaf, str | None], Sequence[tuple[date, float]]]

    def of(self, group: Leaf) -> list[Sequence[tuple[date, float]]]:
        """Return the charges of each leaf and kind of a group."""
        return [charges for (leaf, _), charges in self.by_kind.items() if _inside(leaf, group)]


def _inside(leaf: Leaf, group: Leaf) -> bool:
    return leaf[: len(group)] == group


def read_others(lake: Lake, version: int, today: date) -> Others:
    """Return the charges other than usage of the month and the two before. Raises what `Lake.rows` raises."""
    first = (today.replace(day=1) - timedelta(35)).replace(day=1)
    found: dict[tuple[Leaf, str | None], list[tuple[date, float]]] = defaultdict(list)
    for *leaf, kind, day, amount in lake.rows(statement(__name__, "other_charges"), [version, first, today]):
        found[tuple(leaf), kind].append((day, amount))
    return Others(found)


def forecasts_of(
    detection: Detection, others: Others, sources: Mapping[SourceKey, Source], today: date
) -> tuple[MonthForecast, ...]:
    """Return the forecasts of the month of `today`: of each currency and provider, and of the largest groups."""
    panel = detection.panel
    leaves: list[Leaf] = [(key.currency, key.provider, key.account, key.service) for key in panel.keys]
    month = (today.replace(day=1), month_end(today))
    found = []
    for scope in get_args(Scope):
        for group, rows in _groups(panel, leaves, DEPTH[scope]):
            end = complete_to((source for key, source in sources.items() if _inside(key, group[:2])), today)
            if end is None or (history := _history(panel, rows, end)) is None:
                continue
            incident = _goes_on(detection, [panel.keys[row] for row in rows], history, end)
            seen = panel.amounts[rows, panel.index(end) + 1 :].sum(axis=0)
            there, to_come = others_of(others.of(group), end, today, month)
            made = forecast_month(history, end, today, seen=seen, incident=incident, recurring=to_come)
            found.append(_value(made, scope, group, there, today))
    return tuple(found)


def complete_to(sources: Iterable[Source], today: date) -> date | None:
    """Return the newest day that every live source with daily charges has completed; None without one."""
    daily = [one for one in sources if not one.monthly and one.last_complete_day]
    live = [one for one in daily if (today - one.last_charge_day).days <= LIVE_DAYS]
    return min((one.last_complete_day for one in live if one.last_complete_day), default=None)


def others_of(
    kinds: Sequence[Sequence[tuple[date, float]]], end: date, today: date, span: tuple[date, date]
) -> tuple[float, float]:
    """Return what charges other than usage amount to in a span: those that are there, and those still to come.

    Args:
        kinds: day and amount of the charges of each leaf and kind.
        end: newest complete day.
        today: a day of the span.
        span: its first and last day: that of a month, or of months.
    """
    first, last = span
    later_months = (last.year - today.year) * 12 + last.month - today.month
    there = to_come = 0.0
    for charges in kinds:
        expected = recurring_to_come(charges, end, today)
        within = [(day, amount) for day, amount in charges if day >= first]
        there += sum(amount for day, amount in within if day <= end)
        late = sum(amount for day, amount in within if day > end)
        # A recurring charge of an unfinished day is there or still to come, and counts once.
        to_come += late if abs(late) > abs(expected) else expected
        to_come += later_months * recurring_to_come(charges, date.min, today)
    return there, to_come


def _goes_on(detection: Detection, keys: Iterable[SeriesKey], history: Floats, end: date) -> bool:
    """Return whether incidents of some series go on that move a large part of what these cost a day."""
    wanted = set(keys)
    current = [one for one in detection.incidents if one.state == "open" and one.last_day >= end - timedelta(1)]
    apart = sum(abs(one.actual - one.expected) / len(one.days) for one in current if one.series in wanted)
    return apart > LARGE_PART * float(np.abs(history[-7:]).mean())


def _groups(panel: Panel, leaves: Sequence[Leaf], depth: int) -> Iterable[tuple[Leaf, list[int]]]:
    """Yield each group of a depth with its rows; of accounts and services only the largest of each currency."""
    groups: dict[Leaf, list[int]] = defaultdict(list)
    for row, leaf in enumerate(leaves):
        groups[leaf[:depth]].append(row)
    if depth <= DEPTH["provider"]:
        yield from groups.items()
        return
    size = {group: float(np.abs(panel.amounts[rows, -RECENT_DAYS:]).sum()) for group, rows in groups.items()}
    told: dict[str | None, int] = defaultdict(int)
    for group in sorted(groups, key=lambda one: -size[one]):
        if told[group[0]] < MOST_OF_SCOPE and size[group] > 0:
            told[group[0]] += 1
            yield group, groups[group]


def _history(panel: Panel, rows: Sequence[int], end: date) -> Floats | None:
    """Return the amounts of a group from its first day with any up to the last complete one."""
    at = panel.index(end)
    if at < 0:
        return None
    whole = np.asarray(panel.amounts[list(rows), : at + 1].sum(axis=0))
    any_amount = np.flatnonzero(whole)
    return whole[any_amount[0] :] if any_amount.size else None


def _value(made: Forecast, scope: Scope, group: Leaf, there: float, today: date) -> MonthForecast:
    names = dict(zip(("currency", "provider", "account", "service"), [*group, None, None, None], strict=False))
    return MonthForecast(
        month=today.replace(day=1),
        scope=scope,
        **names,
        complete_to=made.complete_to,
        so_far=cents(made.so_far + there),
        recurring=cents(made.recurring),
        expected=cents(made.expected + there),
        low=None if made.low is None else cents(made.low + there),
        high=None if made.high is None else cents(made.high + there),
        method=made.method,
        history_days=made.history_days,
        origins=made.origins,
        why_no_interval=made.why_no_interval,
    )


@dataclass(frozen=True)
class BudgetForecast:
    """The forecast of a budget in a period, as `budgets.evaluation` takes it."""

    expected: Decimal
    low: Decimal | None
    high: Decimal | None
    complete_to: date


def budget_forecasts(detection: Detection, sources: Mapping[SourceKey, Source], today: date) -> Forecasts:
    """Return the function that forecasts a budget in a period that has today; None where no day is complete."""

    def forecast(budget: Budget, period: Period, costs: DailyCosts) -> BudgetForecast | None:
        end = complete_to((one for one in sources.values() if _counts(budget, one)), today)
        if end is None or not period.first_day <= today <= period.last_day:
            return None
        usage = costs.usage
        history = _line(usage, end)
        if history is None:
            return None
        later = np.array([float(usage.get(end + timedelta(n), 0)) for n in range(1, (today - end).days + 1)])
        charges = [(day, float(amount)) for day, amount in costs.others.items()]
        span = (period.first_day, period.last_day)
        there, to_come = others_of([charges], end, today, span)
        incident = _goes_on(detection, (key for key in detection.panel.keys if _may_have(budget, key)), history, end)
        made = forecast_span(history, end, span, seen=later, incident=incident, recurring=to_come)
        return BudgetForecast(
            cents(made.expected + there),
            None if made.low is None else cents(made.low + there),
            None if made.high is None else cents(made.high + there),
            end,
        )

    return forecast


def _may_have(budget: Budget, key: SeriesKey) -> bool:
    """Return whether a budget counts a series, so far as the series tells."""
    told = {"provider_name": key.provider, "service_name": key.service, "x_user_id": key.user}
    named = {column: wanted for column, wanted in budget.where.items() if column in told}
    return key.currency == budget.currency and all(told[column] in wanted for column, wanted in named.items())


def _counts(budget: Budget, source: Source) -> bool:
    providers = budget.where.get("provider_name")
    return source.currency == budget.currency and (not providers or source.provider in providers)


def _line(daily: Mapping[date, Decimal], end: date) -> Floats | None:
    days = [day for day, amount in daily.items() if amount and day <= end]
    if not days:
        return None
    first = min(days)
    return np.array([float(daily.get(first + timedelta(n), 0)) for n in range((end - first).days + 1)])


def read_forecasts(lake: Lake, version: int) -> list[dict[str, object]]:
    """Return the stored forecasts as rows. Raises what `Lake.query` raises."""
    return lake.query(statement(__name__, "forecasts"), [version]).to_pylist()


def store_forecasts(con: duckdb.DuckDBPyConnection, made: Sequence[MonthForecast]) -> None:
    """Replace the stored forecasts, inside the open transaction."""
    columns = list(MonthForecast.model_fields)
    lists = [[getattr(one, name) for one in made] for name in columns]
    con.execute("DELETE FROM month_forecasts")
    if made:
        con.execute(statement(__name__, "store_forecasts"), lists)
