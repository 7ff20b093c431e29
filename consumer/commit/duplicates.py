"""Objects with different keys and the same content: often a vendor's copy, sometimes an honest coincidence.

They are reported, or skipped, as the policy says. What was skipped is loaded once the content is in force nowhere any
more: the rows of the other object have been retracted or replaced.

Two that are loaded at the same moment by two consumers do not see each other; nothing of exactly-once hangs on it, as
that speaks of keys.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from billstream.common.settings import DuplicatePolicy
from billstream.common.statements import statement
from billstream.consumer.commit.ledger import State
from billstream.consumer.commit.outcome import Outcome, Result
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.decide.step import Step
from billstream.consumer.events import EventKind, ObjectEvent

if TYPE_CHECKING:
    from billstream.common.lake import Lake

FREED = "ObjectCreated:Freed"
"""The event of an object that had been skipped for a content that is in force nowhere any more."""


def with_twins(steps: Sequence[Step], lake: "Lake", policy: DuplicatePolicy) -> list[Step]:
    """The steps, those that would load a content a second time marked with the scope that has it."""
    loading = [step for step in steps if step.load_id and step.prepared]
    if policy is DuplicatePolicy.LOAD or not loading:
        return list(steps)
    owners = _owners_in_force(loading, lake)
    marked = []
    for step in steps:
        content = step.prepared.content_sha256 if step.load_id and step.prepared else None
        owner = owners.setdefault(content, step.event.scope) if content else None
        if owner is None or owner == step.event.scope:
            marked.append(step)
        else:
            verdict = Verdict.SKIP if policy is DuplicatePolicy.SKIP else step.verdict
            marked.append(replace(step, verdict=verdict, duplicate_of=owner))
    return marked


def freed_by(outcomes: Sequence[Outcome], lake: "Lake") -> list[ObjectEvent]:
    """An event for each object that was skipped for a content that these outcomes may have taken out of force."""
    originals = [scope for outcome in outcomes for scope in _may_be_freed_by(outcome)]
    return freed(lake, originals) if originals else []


def freed(lake: "Lake", originals: Sequence[str] = ()) -> list[ObjectEvent]:
    """An event for each object that was skipped for a content that is in force nowhere by now.

    Args:
        lake: where to look.
        originals: the scopes that had the content; none means any.
    """
    skipped = {row[0]: row for row in lake.rows(statement(__name__, "skipped"), [list(originals)])}
    still = [key.scope_id for key in lake.processed_keys(list(skipped)).values() if key.state == State.SKIPPED.value]
    contents = sorted({skipped[scope_id][3] for scope_id in still})
    in_force = {key.content_sha256 for key in lake.same_content(contents)}
    return [
        # Of no version: whatever the store has of it by now is what is to be loaded.
        ObjectEvent(kind=EventKind.CREATED, bucket=bucket, key=key, event_name=FREED)
        for _, bucket, key, content in map(skipped.__getitem__, still)
        if content not in in_force
    ]


def _may_be_freed_by(outcome: Outcome) -> list[str]:
    """The scopes whose rows it replaced or retracted, or would have, had it not been settled before."""
    if outcome.result is Result.DUPLICATE:
        return [outcome.event.scope]
    return [line.scope for line in outcome.lines if line.previous_load_id not in {None, line.load_id}]


def _owners_in_force(loading: Sequence[Step], lake: "Lake") -> dict[str, str]:
    """Content to the scope that has it in force, for contents of `loading` that a scope outside of it has."""
    digests = {step.prepared.content_sha256 or "" for step in loading if step.prepared} - {""}
    own = {step.held.load_id for step in loading if step.held}
    found = {key.load_id: key.content_sha256 for key in lake.same_content(sorted(digests)) if key.load_id not in own}
    if not found:
        return {}
    marks = ", ".join("?" for _ in found)
    scopes = lake.rows(f"SELECT entry_id, scope FROM ledger WHERE entry_id IN ({marks})", list(found))
    return {content: scope for load_id, scope in scopes if (content := found.get(load_id))}
