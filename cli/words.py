"""One vocabulary for the fate of an object: what became of it, and what would become of it.

The keys are the public ones: states of the ledger, outcomes of an event, and verdicts.
"""

from collections.abc import Sequence
from datetime import UTC

from billstream.common.texts import counted
from billstream.consumer.decide.states import State
from billstream.consumer.exports.overlaps import Overlap
from billstream.publishing.lag import Lag

OUTCOMES: dict[str, str] = {
    State.LOADED: "loaded",
    State.UNCHANGED: "unchanged: new version, same content",
    "duplicate": "already loaded: nothing changed",
    State.STALE: "stale: a newer version is active",
    State.REMOVED: "removed: rows retracted",
    State.KEPT: "removed from the bucket: rows kept",
    State.EXPIRED: "expired by a lifecycle rule: rows kept",
    State.SKIPPED: "skipped: the same content is loaded under another key",
    State.QUARANTINED: "quarantined",
    State.DENIED: "denied by S3: see `billstream quarantine list`",
    State.FAILED: "failed at by billstream: see `billstream quarantine list`",
    State.MISSING: "missing: the object is not in the bucket",
    State.AWAITING_MANIFEST: "parts waiting for their manifest",
    State.DELIVERED: "manifests: their deliveries are active",
    State.REPLACED: "parts of earlier deliveries: rows replaced",
    "released": "not processed: returned to the queue",
    "not_included": "not billing files",
    "refused": "refused: of a bucket that is not configured",
    "ignored": "messages without an object event",
}
"""What became of an event, by its label."""

FORESEEN: dict[str, str] = {
    "load": "would be read, and loaded unless unchanged",
    "remove": "would be removed",
    "expire": "would be recorded as expired: rows stay",
    "duplicate": "already processed: nothing would change",
    "unchanged": "same content: nothing would change",
    "stale": "a newer version is active: nothing would change",
    "skip": "the same content is loaded under another key",
    "awaiting_manifest": "part of a delivery: loaded with its manifest",
    "quarantine": "would be quarantined",
    "deny": "would be denied",
    "ask": "S3 would be asked which version is current",
}
"""What would become of an event, by its verdict."""

MOST_OVERLAPS = 3
"""Named in one line; `billstream exports list` names all."""


def overlapping(overlaps: Sequence[Overlap]) -> str:
    """Return which exports have the same charges, and what to do, in one line."""
    months: dict[tuple[str, str | None, tuple[str, ...]], set[str]] = {}
    for one in overlaps:
        key = (one.provider_name, one.billing_account_id, one.exports)
        months.setdefault(key, set()).add(f"{one.billing_month:%Y-%m}")
    named = [
        f"{' and '.join(exports)} ({' '.join(filter(None, (provider, account)))}, {', '.join(sorted(of))})"
        for (provider, account, exports), of in sorted(months.items(), key=str)
    ]
    more = f", and {len(named) - MOST_OVERLAPS} more" if len(named) > MOST_OVERLAPS else ""
    return (
        f"{'; '.join(named[:MOST_OVERLAPS])}{more}: their sums count the same charges more than once. See billstream "
        "exports list; to let one of them count, run: billstream exports prefer SCOPE"
    )


def behind(lag: Lag) -> str:
    """Return how far a target is behind, as the lake knows it."""
    if lag.state == "away":
        return f"away since {lag.seen_at.astimezone(UTC):%Y-%m-%d}: nothing is kept for it any more"
    if lag.refreshed_at is None:
        return "the first copy is not complete"
    if lag.lag_loads:
        changes = counted(lag.lag_loads, "change")
        return f"snapshot {lag.snapshot_id}, {changes} behind, the oldest for {lag.lag_seconds:,.0f} s"
    return f"snapshot {lag.snapshot_id}, {'up to date' if lag.state == 'current' else 'behind the newest refresh'}"
