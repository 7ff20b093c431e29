"""Where a delivery stands among those of its scope, decided from values alone."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from billstream.common.lake import ProcessedKey


def comes_late(time: str, held: ProcessedKey, *, force: bool) -> bool:
    """Whether a delivery is older than the newest one of its scope.

    Args:
        time: when it was made, see `time_digits`.
        held: the newest delivery; without a load its rows have been taken out.
        force: load an old delivery where none is in force. It never puts an older one in the place of a newer one:
            whoever replays a whole bucket forces every manifest in it.
    """
    late = held.sequencer is not None and time < held.sequencer
    return late and (held.load_id is not None or not force)


def time_digits(time: datetime) -> str:
    """A time as text of fixed length that sorts as the time does: microseconds since 1970, in hexadecimal."""
    return f"{max(int(time.timestamp() * 1_000_000), 0):016X}"


def digest_of(parts: Iterable[tuple[str, str]]) -> str:
    """The SHA-256 of what a delivery consists of: keys, each with a name of the object's version; in any order."""
    return hashlib.sha256(json.dumps(sorted(parts)).encode("utf-8", "surrogatepass")).hexdigest()
