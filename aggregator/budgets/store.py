"""Budgets and the lake: evaluate them against its costs, read their states, and write both inside a transaction."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta

import duckdb

from billstream.aggregator.budgets.costs import DailyCosts, read_costs
from billstream.aggregator.budgets.evaluation import Evaluation, Forecast, evaluate
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.periods import periods_due
from billstream.aggregator.budgets.states import Key, RuleState, Transition
from billstream.aggregator.insights.values import Period
from billstream.common.lake import Lake
from billstream.common.statements import statement

Forecasts = Callable[[Budget, Period, DailyCosts], Forecast | None]

HISTORY_DAYS = 400
"""Days of costs that are read for a budget: a period of a year, and what a forecast is made from."""


def no_forecast(_budget: Budget, _period: Period, _costs: DailyCosts) -> None:
    """Return None: rules of a forecast are then left as they are."""


def evaluate_all(
    lake: Lake, budgets: Sequence[Budget], today: date, forecasts: Forecasts = no_forecast
) -> list[Evaluation]:
    """Return the evaluation of each budget in the current period and in the one before, which may still be restated.

    Args:
        lake: nothing is written to it.
        budgets: of the file.
        today: the UTC day of the clock.
        forecasts: returns the forecast of a budget in a period from its costs; asked for periods not over yet.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    found = []
    for budget in budgets:
        periods = periods_due(budget, today)
        if not periods:
            continue
        # One read for all of it: periods, and the history of their forecasts.
        first = min(periods[0].first_day, today - timedelta(HISTORY_DAYS))
        costs = read_costs(lake, budget, first, min(periods[-1].last_day, today))
        for period in periods:
            forecast = forecasts(budget, period, costs) if period.last_day >= today else None
            found.append(evaluate(budget, period, costs.whole(), forecast, today))
    return found


def read_states(lake: Lake) -> dict[Key, RuleState]:
    """Return the stored states, to be passed to `transition`."""
    rows = lake.query(statement(__name__, "states")).to_pylist()
    states = (RuleState(**row) for row in rows)
    return {state.key: state for state in states}


def store(
    con: duckdb.DuckDBPyConnection, evaluations: Sequence[Evaluation], changed: Transition, now: datetime
) -> None:
    """Write the evaluations and the states, inside the open transaction."""
    names = sorted({evaluation.budget.name for evaluation in evaluations})
    con.execute(statement(__name__, "forget_periods"), [names, now.astimezone(UTC).date()])
    if evaluations:
        columns = [list(column) for column in zip(*(_row(one, now) for one in evaluations), strict=True)]
        con.execute(statement(__name__, "drop_periods"), columns[:2])
        con.execute(statement(__name__, "store_periods"), columns)
    store_states(con, changed.states)


def _row(evaluation: Evaluation, now: datetime) -> tuple[object, ...]:
    """Return an evaluation as a row of `budget_periods`."""
    budget, period, forecast = evaluation.budget, evaluation.period, evaluation.forecast
    told = (forecast.expected, forecast.low, forecast.high, forecast.complete_to) if forecast else (None,) * 4
    named = (budget.name, period.first_day, period.last_day, budget.owner or None, budget.currency, budget.cost)
    return (*named, evaluation.amount, evaluation.actual, evaluation.actual_to, *told, now)


def store_states(con: duckdb.DuckDBPyConnection, states: Sequence[RuleState]) -> None:
    """Write states alone, such as acknowledged ones, inside the open transaction."""
    if states:
        columns = [list(column) for column in zip(*map(astuple, states), strict=True)]
        con.execute(statement(__name__, "drop_states"), [*columns[:2], columns[3]])
        con.execute(statement(__name__, "store_states"), columns)
