"""The states of a budget's rules: ok, firing, acknowledged, resolved; one alert per rule and period. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from billstream.aggregator.budgets.evaluation import Evaluation, Verdict

State = Literal["ok", "firing", "acknowledged", "resolved"]
OVER = "The period was over before this could alert."
Key = tuple[str, date, str]
"""Budget, first day of the period, rule."""


@dataclass(frozen=True, kw_only=True)
class RuleState:
    """One rule of one budget in one period, and what was told of it.

    `fired_at` stays when it is resolved, so that a rule that is passed once more is not told once more.
    """

    budget: str
    first_day: date
    last_day: date
    rule: str
    state: State
    changed_at: datetime
    sentence: str
    fired_at: datetime | None = None
    acknowledged_by: str | None = None
    reason: str | None = None

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.budget, self.first_day, self.rule


@dataclass(frozen=True)
class Notice:
    """Something to be told: a rule fires for the first time, or it is resolved after it fired."""

    kind: Literal["firing", "resolved"]
    state: RuleState
    owner: str
    send: tuple[str, ...]

    @property
    def dedupe_key(self) -> str:
        """The same for the same notice, however often it is made."""
        state = self.state
        return f"budget/{state.budget}/{state.first_day}/{state.last_day}/{state.rule}/{self.kind}"


@dataclass(frozen=True)
class Transition:
    """The new states of all rules that were evaluated or withdrawn, and what is to be told."""

    states: tuple[RuleState, ...]
    notices: tuple[Notice, ...]


def transition(evaluations: Sequence[Evaluation], before: Mapping[Key, RuleState], now: datetime) -> Transition:
    """Return the states after these evaluations.

    Args:
        evaluations: of every budget of the file, in all periods that are due.
        before: the stored states; see `store.read_states`.
        now: the time of the evaluation.
    """
    states: list[RuleState] = []
    notices: list[Notice] = []
    for evaluation in evaluations:
        for verdict in evaluation.verdicts:
            old = before.get((evaluation.budget.name, evaluation.period.first_day, verdict.rule))
            known_since = old.changed_at if old else now
            if known_since.date() > evaluation.period.last_day:
                # A budget that is new tells nobody what was spent before it was made.
                verdict = replace(verdict, may_fire=False)  # noqa: PLW2901 - the same, less loud
            new = _next(old, _first(evaluation, verdict, now), verdict, now)
            if new.state == "ok" and verdict.crossed == "yes" and evaluation.period.last_day < now.date():
                new = replace(new, state="acknowledged", changed_at=now, acknowledged_by="billstream", reason=OVER)
            states.append(new)
            if kind := _told(old, new):
                notices.append(Notice(kind, new, evaluation.budget.owner, evaluation.budget.send))
    done = {state.key for state in states}
    left = [state for key, state in before.items() if key not in done and state.state in {"firing", "acknowledged"}]
    due = {(evaluation.budget.name, evaluation.period.first_day) for evaluation in evaluations}
    # A period that is over and no longer evaluated keeps its last state: that is what became of it.
    states += [
        _resolved(state, "The rule is no longer in the file of budgets.", now)
        for state in left
        if (state.budget, state.first_day) in due or state.last_day >= now.date()
    ]
    return Transition(tuple(states), tuple(notices))


def acknowledge(state: RuleState, *, by: str, reason: str, now: datetime) -> RuleState:
    """Return a firing rule as acknowledged: nothing more is told of it in its period.

    Raises:
        ValueError: the rule is not firing.
    """
    if state.state != "firing":
        raise ValueError(f"The rule {state.rule} of {state.budget} is {state.state}, not firing.")
    return replace(state, state="acknowledged", acknowledged_by=by, reason=reason, changed_at=now)


def _first(evaluation: Evaluation, verdict: Verdict, now: datetime) -> RuleState:
    return RuleState(
        budget=evaluation.budget.name,
        first_day=evaluation.period.first_day,
        last_day=evaluation.period.last_day,
        rule=verdict.rule,
        state="ok",
        changed_at=now,
        sentence=verdict.sentence,
    )


def _next(old: RuleState | None, first: RuleState, verdict: Verdict, now: datetime) -> RuleState:
    """Return the state of one rule after a verdict."""
    state = old or first
    if verdict.crossed == "unknown":
        return state
    if verdict.crossed == "no":
        if state.state in {"firing", "acknowledged"}:
            return _resolved(state, f"The costs or the budget have changed: {verdict.sentence}", now)
        return replace(state, sentence=verdict.sentence) if state.state == "ok" else state
    if state.state in {"firing", "acknowledged"}:
        return replace(state, sentence=verdict.sentence)
    if not verdict.may_fire and state.fired_at is None:
        return replace(state, sentence=verdict.sentence)
    again: State = "acknowledged" if state.acknowledged_by else "firing"
    return replace(state, state=again, changed_at=now, fired_at=state.fired_at or now, sentence=verdict.sentence)


def _resolved(state: RuleState, why: str, now: datetime) -> RuleState:
    return replace(state, state="resolved", changed_at=now, sentence=why)


def _told(old: RuleState | None, new: RuleState) -> Literal["firing", "resolved"] | None:
    if new.state == "firing" and (old is None or old.fired_at is None):
        return "firing"
    return "resolved" if old and old.state == "firing" and new.state == "resolved" else None
