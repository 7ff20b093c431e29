"""The order of deliveries and their manifests: which is newer, which come first, and which come once more."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from billstream.common.lake import ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.consumer.context import Context
from billstream.consumer.delivery.history import manifest_of, manifests_waiting
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.layout import ManifestOf, PartOf, RunOf
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS

_NEVER = datetime.min.replace(tzinfo=UTC)
ARRIVED = "ObjectCreated:PartArrived"
"""The event of a manifest in quarantine, when the part that it waited for has come."""


@dataclass
class ManifestTurn:
    """One event of a manifest or a run, and the indices of the events of the batch that it ends."""

    event: ObjectEvent
    role: ManifestOf | RunOf
    indices: list[int] = field(default_factory=list)


def comes_late(time: str, held: ProcessedKey, *, force: bool) -> bool:
    """Return whether a delivery is older than the newest one of its scope.

    Args:
        time: when it was made, see `time_digits`.
        held: the newest delivery; without a load its rows have been taken out.
        force: load an old delivery where none is active. It never puts an older one in the place of a newer one:
            whoever replays a whole bucket forces every manifest in it.
    """
    late = held.sequencer is not None and time < held.sequencer
    return late and (held.load_id is not None or not force)


def time_digits(time: datetime) -> str:
    """Return a time as text of fixed length that sorts as the time does: microseconds since 1970, in hexadecimal."""
    return f"{max(int(time.timestamp() * 1_000_000), 0):016X}"


def digest_of(parts: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 of the parts of a delivery: keys, each with a name of the object's version; in any order."""
    return hashlib.sha256(json.dumps(sorted(parts)).encode("utf-8", "surrogatepass")).hexdigest()


def newest_first(turns: list[ManifestTurn]) -> list[ManifestTurn]:
    """Return the turns, the newest manifests first: of many deliveries of one month only one is to be loaded.

    Where two are about one manifest, or one is about a removal, they stay in the order in which they came.
    """
    created = all(turn.event.kind is EventKind.CREATED for turn in turns)
    if not created or len({turn.event.scope for turn in turns}) < len(turns):
        return turns
    return sorted(turns, key=lambda turn: turn.event.event_time or _NEVER, reverse=True)


def turn_of_part(event: ObjectEvent, part: PartOf, context: Context) -> ManifestTurn | None:
    """Return the turn of the manifest whose active delivery has this part; None if the part is not active."""
    scopes = (event.scope, part.place.scope(event.bucket))
    found = context.lake.processed_keys([scope_id(scope) for scope in scopes])
    held, delivery = (found.get(scope_id(scope)) for scope in scopes)
    if held is None or held.load_id is None or delivery is None or delivery.load_id is None:
        return None
    manifest = manifest_of(context.lake, delivery.load_id)
    role = context.layouts.role(manifest.key) if manifest else None
    if manifest is None or not isinstance(role, ManifestOf):
        return None
    return ManifestTurn(manifest.event(event.event_name, attempt=event.attempt, force=True), role)


def turns_of_arrived(entry_ids: Sequence[str], context: Context) -> list[ManifestTurn]:
    """Return the turns of manifests in quarantine that waited for parts which have now come.

    Args:
        entry_ids: the ledger entries that had reported these parts as missing.
        context: has the ledger and the layouts.
    """
    waiting = manifests_waiting(context.lake, entry_ids)
    newest = context.lake.processed_keys([scope_id(manifest.scope) for manifest, _ in waiting])
    turns = []
    for manifest, entry_id in waiting:
        key = newest.get(scope_id(manifest.scope))
        role = context.layouts.role(manifest.key)
        if isinstance(role, ManifestOf) and key and key.entry_id == entry_id:
            turns.append(ManifestTurn(manifest.event(ARRIVED, attempt=MISSING_ATTEMPTS), role))
    return turns
