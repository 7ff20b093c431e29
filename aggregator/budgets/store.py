"""Budgets and the lake: evaluate them against its costs, read their states, and write both inside a transaction."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, date, datetime

import duckdb

from billstream.aggregator.budgets.costs import read_daily
from billstream.aggregator.budgets.evaluation import Evaluation, Forecast, evaluate
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.periods import periods_due
from billstream.aggregator.budgets.states import Key, RuleState, Transition
from billstream.aggregator.insights.values import Period
from billstream.common.lake import Lake
from billstream.common.statements import statement

Forecasts = Callable[[Budget, Period], Forecast | None]


def no_forecast(_budget: Budget, _period: Period) -> None:
    """Return None: rules of a forecast are then left as they are."""


def evaluate_all(
    lake: Lake, budgets: Sequence[Budget], today: date, forecasts: Forecasts = no_forecast
) -> list[Evaluation]:
    """Return the evaluation of each budget in the current period and in the one before, which may still be restated.

    Args:
        lake: nothing is written to it.
        budgets: of the file.
        today: the UTC day of the clock.
        forecasts: returns the forecast of a budget in a period, of its whole cost; asked for periods not over yet.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    found = []
    for budget in budgets:
        periods = periods_due(budget, today)
        if not periods:
            continue
        daily = read_daily(lake, budget, periods[0].first_day, min(periods[-1].last_day, today))
        found += [
            evaluate(budget, period, daily, forecasts(budget, period) if period.last_day >= today else None, today)
            for period in periods
        ]
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
    for evaluation in evaluations:
        budget, period, forecast = evaluation.budget, evaluation.period, evaluation.forecast
        told = (forecast.expected, forecast.low, forecast.high, forecast.complete_to) if forecast else (None,) * 4
        con.execute(statement(__name__, "drop_period"), [budget.name, period.first_day])
        con.execute(
            statement(__name__, "store_period"),
            [
                budget.name,
                period.first_day,
                period.last_day,
                budget.owner or None,
                budget.currency,
                budget.cost,
                evaluation.amount,
                evaluation.actual,
                evaluation.actual_to,
                *told,
                now,
            ],
        )
    store_states(con, changed.states)


def store_states(con: duckdb.DuckDBPyConnection, states: Sequence[RuleState]) -> None:
    """Write states alone, such as acknowledged ones, inside the open transaction."""
    for state in states:
        con.execute(statement(__name__, "drop_state"), list(state.key))
        con.execute(statement(__name__, "store_state"), list(astuple(state)))
