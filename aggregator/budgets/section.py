"""The section of the budgets: their stored evaluations and states, of the snapshot that all insights are of."""

from collections import defaultdict
from datetime import UTC, date
from typing import Any

from billstream.aggregator.budgets.values import BudgetPeriod, BudgetRule
from billstream.aggregator.insights.models import Model, Reading, Rows
from billstream.aggregator.insights.ratios import share
from billstream.aggregator.insights.section import Section
from billstream.common.lake import Lake
from billstream.common.statements import statement

PERIODS = Model(__name__, "budget_periods", "budget, first_day", given=lambda reading: [reading.version])
RULES = Model(__name__, "budget_rules", "budget, first_day, rule", given=lambda reading: [reading.version])


def read_budget_periods(reading: Reading) -> tuple[BudgetPeriod, ...]:
    """Return every budget in its newest two periods, by name, the newest period first."""
    return _budget_periods(reading.rows(PERIODS), reading.rows(RULES))


def list_budgets(lake: Lake) -> tuple[BudgetPeriod, ...]:
    """Return the same of the newest snapshot.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    given = [lake.snapshot_id()]
    rows = (lake.query(statement(model.module, model.name), given).to_pylist() for model in (PERIODS, RULES))
    return _budget_periods(*rows)


def _budget_periods(periods: Rows, states: Rows) -> tuple[BudgetPeriod, ...]:
    rules: dict[tuple[str, date], list[BudgetRule]] = defaultdict(list)
    for row in states:
        values = _in_utc(row)
        rules[values.pop("budget"), values.pop("first_day")].append(BudgetRule(**values))
    return tuple(
        BudgetPeriod(
            **_in_utc(row),
            used=None if row["amount"] is None else share(row["actual"], row["amount"]),
            rules=tuple(rules[row["budget"], row["first_day"]]),
        )
        for row in periods
    )


def _in_utc(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of DuckDB
    return {name: value.astimezone(UTC) if name.endswith("_at") and value else value for name, value in row.items()}


BUDGETS = Section(__name__, "budgets", tuple[BudgetPeriod, ...], read_budget_periods, (PERIODS, RULES))
