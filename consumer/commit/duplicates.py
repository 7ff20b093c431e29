"""Duplicate content: objects with different keys and the same bytes. Often a vendor's copy, sometimes a coincidence.

They are reported, or skipped, as the policy says. A skipped object is loaded once its content is not active anywhere
any more: the rows of the other object have been retracted or replaced.

Two consumers that load the same content at the same moment do not see each other. Exactly-once does not depend on it,
as that is about keys.
"""

from collections.abc import Sequence
from dataclasses import replace

from billstream.common.lake import Lake
from billstream.common.policies import DuplicatePolicy
from billstream.common.statements import statement
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.decide.states import State
from billstream.consumer.decide.step import Step
from billstream.consumer.events import EventKind, ObjectEvent

FREED = "ObjectCreated:Freed"
"""The event of an object that was skipped for a content which is not active anywhere any more."""


def mark_duplicates(steps: Sequence[Step], lake: Lake, policy: DuplicatePolicy) -> list[Step]:
    """Return the steps, those that would load a content a second time marked with the scope that has it."""
    loading = [step for step in steps if step.load_id and step.prepared]
    if policy is DuplicatePolicy.LOAD or not loading:
        return list(steps)
    digests = {step.prepared.content_sha256 or "" for step in loading if step.prepared} - {""}
    replaced = {step.held.load_id for step in loading if step.held}
    active = {key.load_id: key.content_sha256 for key in lake.same_content(sorted(digests))}
    elsewhere = {load_id: content for load_id, content in active.items() if load_id not in replaced}
    owners: dict[str, str] = {}
    if elsewhere:
        found = lake.rows("SELECT entry_id, scope FROM ledger WHERE list_contains(?, entry_id)", [list(elsewhere)])
        owners = {content: scope for load_id, scope in found if (content := elsewhere.get(load_id))}
    marked = []
    for step in steps:
        content = step.prepared.content_sha256 if step.load_id and step.prepared else None
        # Two copies in one batch: the first of them owns the content.
        owner = owners.setdefault(content, step.event.scope) if content else None
        if owner is None or owner == step.event.scope:
            marked.append(step)
        else:
            verdict = Verdict.SKIP if policy is DuplicatePolicy.SKIP else step.verdict
            marked.append(replace(step, verdict=verdict, duplicate_of=owner))
    return marked


def freed_by(outcomes: Sequence[Outcome], lake: Lake) -> list[ObjectEvent]:
    """Return an event for each object that was skipped for a content which these outcomes may have made inactive."""
    originals = []
    for outcome in outcomes:
        if not outcome.entries and not outcome.later:
            # Processed before; the process may have died before it loaded what that freed.
            originals.append(outcome.event.scope)
        originals += [entry.scope for entry in outcome.entries if entry.previous_load_id not in {None, entry.load_id}]
    return freed(lake, originals) if originals else []


def freed(lake: Lake, originals: Sequence[str] = ()) -> list[ObjectEvent]:
    """Return an event for each object that was skipped for a content which is not active anywhere by now.

    Args:
        lake: where to look.
        originals: the scopes that had the content; an empty list means any.
    """
    skipped = {row[0]: row for row in lake.rows(statement(__name__, "skipped"), [list(originals)])}
    still = [key.scope_id for key in lake.processed_keys(list(skipped)).values() if key.state == State.SKIPPED]
    contents = sorted({skipped[scope_id][3] for scope_id in still})
    active = {key.content_sha256 for key in lake.same_content(contents)}
    return [
        # Of no version: whatever the store has of it by now is to be loaded.
        ObjectEvent(kind=EventKind.CREATED, bucket=bucket, key=key, event_name=FREED)
        for _, bucket, key, content in map(skipped.__getitem__, still)
        if content not in active
    ]
