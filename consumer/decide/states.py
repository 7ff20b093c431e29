"""The states of the ledger, and what they say about the active rows of a scope."""

from enum import StrEnum


class State(StrEnum):
    """The result for an object version, or for a delivery as a whole."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REMOVED = "removed"
    KEPT = "kept"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"
    DENIED = "denied"  # S3 denies this object, though others of its bucket can be read
    FAILED = "failed"  # billstream fails at this object, though others can be loaded
    MISSING = "missing"
    AWAITING_MANIFEST = "awaiting_manifest"
    DELIVERED = "delivered"
    REPLACED = "replaced"


ACTIVE = frozenset({State.LOADED, State.UNCHANGED, State.KEPT, State.EXPIRED})
"""The rows of that very version are active."""

ENDED = frozenset({State.REMOVED, State.KEPT, State.EXPIRED})
"""The bucket has the object no more, and the ledger knows."""

OF_DELIVERIES = frozenset({State.AWAITING_MANIFEST, State.DELIVERED, State.REPLACED, State.STALE})
"""States that only parts and manifests of exports are left in; an ordinary object is never left stale."""

UNLOADABLE = frozenset({State.QUARANTINED, State.DENIED, State.FAILED})
"""Nothing of that version was loaded, and somebody has to act: what `billstream quarantine` lists and reloads."""

PROCESSED = (ACTIVE | OF_DELIVERIES | UNLOADABLE | {State.SKIPPED}) - {State.EXPIRED}
"""The same version again changes nothing. What is missing may come back, and what is gone may be created again."""
