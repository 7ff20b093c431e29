"""Show budgets: what they allow, what they have used, and the states of their rules."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from billstream.aggregator.budgets.evaluation import Evaluation
from billstream.aggregator.budgets.states import Key, RuleState
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.settings import Settings
from billstream.common.texts import counted, decimal_text


def tag_keys(settings: Settings) -> Collection[str]:
    """Return the names of the tag keys that costs are told by; none where there is no such setting."""
    keys = getattr(settings, "tag_keys", None)
    return [key.name for key in getattr(keys, "names", ())]


def checked(path: Path, count: int, *, as_json: bool) -> None:
    """Say that a file is valid."""
    if as_json:
        write_json({"file": str(path), "budgets": count, "valid": True})
    else:
        say(f"{path}: {counted(count, 'budget')}, valid")


def evaluated(path: Path, evaluations: Sequence[Evaluation], states: Mapping[Key, RuleState], *, as_json: bool) -> None:
    """Show every budget in the periods that are due, the states of its rules as they are stored."""
    entries = [_entry(evaluation, states) for evaluation in evaluations]
    if as_json:
        write_json({"file": str(path), "valid": True, "budgets": entries})
        return
    checked(path, len({entry["budget"] for entry in entries}), as_json=False)
    made = table("budget", "owner", "period", "amount", "actual", "rules")
    for entry in entries:
        amount = "none given" if entry["amount"] is None else f"{decimal_text(entry['amount'])} {entry['currency']}"
        rules = "; ".join(f"{rule['rule']} {rule['state']}: {rule['sentence']}" for rule in entry["rules"])
        period = f"{entry['first_day']} to {entry['last_day']}"
        actual = f"{decimal_text(entry['actual'])} {entry['currency']}"
        add_row(made, entry["budget"], entry["owner"], period, amount, actual, rules)
    out.print(made)


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
