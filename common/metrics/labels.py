"""The values of labels that more than one metric or module has."""

from billstream.common.metrics.instruments import OTHER

REASONS = ("write_conflict", "claim_refused", "catalog", "service", "no_room", "data_damaged", "held", OTHER)
"""Why something is tried again: kinds of errors, see `health.reason_of`."""

LEDGER_STATES = (
    "loaded",
    "unchanged",
    "removed",
    "kept",
    "expired",
    "skipped",
    "quarantined",
    "denied",
    "failed",
    "missing",
    "awaiting_manifest",
    "delivered",
    "replaced",
)
"""The states of objects; `stale` is the state of an event alone."""
