"""Show budgets: what they allow, what they have used, and the states of their rules."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from billstream.aggregator.budgets.evaluation import Evaluation
from billstream.aggregator.budgets.reading import BudgetFile
from billstream.aggregator.budgets.states import Key, RuleState
from billstream.aggregator.budgets.values import BudgetPeriod, BudgetRule
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.texts import counted, decimal_text


def checked(path: Path, budgets: int, metrics: int, *, as_json: bool) -> None:
    """Say that a file is valid."""
    if as_json:
        write_json({"file": str(path), "budgets": budgets, "metrics": metrics, "valid": True})
    else:
        say(f"{path}: {counted(budgets, 'budget')} and {counted(metrics, 'metric')}, valid")


def evaluated(
    path: Path,
    file: BudgetFile,
    evaluations: Sequence[Evaluation],
    states: Mapping[Key, RuleState],
    *,
    as_json: bool,
) -> None:
    """Show every budget in the periods that are due, the states of its rules as they are stored."""
    entries = [_entry(evaluation, states) for evaluation in evaluations]
    if as_json:
        write_json({"file": str(path), "valid": True, "budgets": entries})
        return
    checked(path, len(file.budgets), len(file.metrics), as_json=False)
    made = table("budget", "owner", "period", "amount", "actual", "rules")
    for entry in entries:
        amount = "none given" if entry["amount"] is None else f"{decimal_text(entry['amount'])} {entry['currency']}"
        rules = "; ".join(f"{rule['rule']} {rule['state']}: {rule['sentence']}" for rule in entry["rules"])
        period = f"{entry['first_day']} to {entry['last_day']}"
        actual = f"{decimal_text(entry['actual'])} {entry['currency']}"
        add_row(made, entry["budget"], entry["owner"], period, amount, actual, rules)
    out.print(made)


def listed(budgets: Sequence[BudgetPeriod], *, as_json: bool) -> None:
    """Show the budgets that the lake has, each period on a line."""
    if as_json:
        write_json([one.model_dump(mode="json") for one in budgets])
        return
    if not budgets:
        say(
            "The lake has no budget yet. BILLSTREAM_BUDGETS names the file of budgets, and billstream aggregate "
            "evaluates them."
        )
        return
    made = table("budget", "owner", "period", "amount", "actual", "forecast", "rules")
    for one in budgets:
        add_row(
            made,
            one.budget,
            one.owner,
            f"{one.first_day} to {one.last_day}",
            "none given" if one.amount is None else f"{decimal_text(one.amount)} {one.currency}",
            f"{decimal_text(one.actual)} {one.currency}{_used(one)}",
            _forecast(one),
            "; ".join(f"{rule.rule} {rule.state}: {rule.sentence}{_reason(rule)}" for rule in one.rules),
        )
    out.print(made)


def acknowledged(state: RuleState) -> None:
    """Say what is acknowledged."""
    say(
        f"{state.budget}, {state.first_day} to {state.last_day}, {state.rule}: acknowledged by "
        f"{state.acknowledged_by}. {state.sentence}"
    )


def _used(one: BudgetPeriod) -> str:
    up_to = f" up to {one.actual_to}" if one.actual_to else ""
    return up_to if one.used is None else f"{up_to}, {one.used * 100:.1f} %"


def _forecast(one: BudgetPeriod) -> str:
    if one.forecast is None:
        return "none"
    if one.forecast_low is None or one.forecast_high is None:
        return f"{one.forecast:,.2f} {one.currency}, without an interval"
    return f"{one.forecast:,.2f} ({one.forecast_low:,.2f} to {one.forecast_high:,.2f}) {one.currency}"


def _reason(rule: BudgetRule) -> str:
    return f" (acknowledged by {rule.acknowledged_by}: {rule.reason})" if rule.acknowledged_by else ""


def _entry(evaluation: Evaluation, states: Mapping[Key, RuleState]) -> dict[str, Any]:
    budget, period = evaluation.budget, evaluation.period
    rules = []
    for verdict in evaluation.verdicts:
        state = states.get((budget.name, period.first_day, verdict.rule))
        rules.append(
            {"rule": verdict.rule, "state": state.state if state else "not evaluated", "sentence": verdict.sentence}
        )
    return {
        "budget": budget.name,
        "owner": budget.owner,
        "currency": budget.currency,
        "cost": budget.cost,
        "first_day": period.first_day,
        "last_day": period.last_day,
        "amount": evaluation.amount,
        "actual": evaluation.actual,
        "rules": rules,
    }
