"""What a person decides of a budget that alerts, in a commit of its own."""

from datetime import datetime

import duckdb

from billstream.aggregator.analysis.mark import analysis_claim, renew
from billstream.aggregator.budgets.states import RuleState, acknowledge
from billstream.aggregator.budgets.store import read_states, store_states
from billstream.common.errors import WrongUsage
from billstream.common.lake import Lake
from billstream.common.retries import redo_on_conflict


def acknowledge_rule(lake: Lake, budget: str, rule: str, *, reason: str, by: str, now: datetime) -> RuleState:
    """Acknowledge a rule of a budget in the newest period in which it fires, and return its state.

    Args:
        lake: open for writing.
        budget: the name of the budget.
        rule: such as actual:0.8.
        reason: why, in the words of the person.
        by: who acknowledges.
        now: the time of the decision.

    Raises:
        WrongUsage: there is no such rule, or it does not fire; nothing was changed.
        Retryable, Fatal: see `Lake.commit`.
    """

    def once() -> RuleState:
        claim = analysis_claim(lake)
        firing = _firing(list(read_states(lake).values()), budget, rule)
        decided = acknowledge(firing, by=by, reason=reason, now=now)

        def write(con: duckdb.DuckDBPyConnection) -> None:
            store_states(con, [decided])
            renew(con, claim)

        lake.commit(write, claims=[claim], author=by, message=f"budget {budget}: {rule} acknowledged")
        return decided

    return redo_on_conflict(once)


def _firing(states: list[RuleState], budget: str, rule: str) -> RuleState:
    """Return the state that is to be acknowledged; names are compared here, as they may hold anything."""
    of_budget = [state for state in states if state.budget == budget]
    found = sorted((state for state in of_budget if state.rule == rule), key=lambda state: state.first_day)
    firing = [state for state in found if state.state == "firing"]
    if firing:
        return firing[-1]
    if not of_budget:
        why = f"There is no budget {budget!r} with states"
    elif not found:
        why = f"The budget {budget!r} has no rule {rule!r}; it has {', '.join(sorted({one.rule for one in of_budget}))}"
    else:
        why = f"The rule {rule} of {budget!r} is {found[-1].state}, not firing"
    raise WrongUsage(f"{why}; nothing was changed. billstream budgets list shows the states.")
