"""Manifests that stand twice, such as in the folder of a delivery and above it: both tell of the same delivery."""

from billstream.common.errors import Poison
from billstream.common.lake import Lake, ProcessedKey
from billstream.consumer.delivery.history import parts_of
from billstream.consumer.delivery.order import digest_of
from billstream.consumer.delivery.parts import read_parts
from billstream.consumer.events import Later, ObjectEvent
from billstream.consumer.layouts.manifest import Manifest
from billstream.consumer.s3.objects import ObjectStore


def is_copy(manifest: Manifest, event: ObjectEvent, active: ProcessedKey, lake: Lake, objects: ObjectStore) -> bool:
    """Return whether a manifest names the very parts of the active delivery, in the versions that are loaded.

    Raises:
        Later: the store does not answer.
        Fatal: we are not allowed to ask.
    """
    names = {name.key for name in parts_of(lake, active.load_id)} if active.load_id else set()
    if names != {part.key for part in manifest.parts}:
        return False
    try:
        parts = read_parts(manifest, event, lake, objects)
    except Later as later:
        if later.unavailable:
            raise
        return False  # a part was removed since, so nothing tells
    except Poison:
        return False
    return digest_of(part.named_version for part in parts) == active.content_sha256
