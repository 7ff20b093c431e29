"""Objects with different keys and the same content: often a vendor's copy, sometimes an honest coincidence.

They are reported, or skipped, as the policy says. Two that are loaded at the same moment by two consumers do not
see each other; nothing of exactly-once hangs on it, as that speaks of keys.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from common.settings import DuplicatePolicy
from consumer.decision import Verdict
from consumer.plan import Step

if TYPE_CHECKING:
    from common.lake import Lake


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
