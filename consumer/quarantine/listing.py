"""The list of what is in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.statements import statement
from billstream.consumer.events import MESSAGE_BUCKET


@dataclass(frozen=True)
class Quarantined:
    """An object, or a message, that could not be loaded in whole.

    `state` is `quarantined`, `denied` or `failed` where nothing of it was loaded, and `loaded` where some of its
    records were rejected.
    `older_rows_active` is true when the rows of an earlier version still count.
    """

    scope: str
    bucket: str
    key: str
    state: str
    reason: str | None
    rows_loaded: int
    rows_rejected: int
    older_rows_active: bool
    processed_at: datetime
    entry_id: str

    @property
    def is_message(self) -> bool:
        """True for a message that could not be read, rather than an object."""
        return self.bucket == MESSAGE_BUCKET

    @property
    def why(self) -> str:
        """The reason as a sentence."""
        if self.reason:
            return self.reason
        total = self.rows_loaded + self.rows_rejected
        return f"{self.rows_rejected:,} of {total:,} records do not fit; the others are loaded."


def quarantined(lake: Lake) -> list[Quarantined]:
    """Return everything in quarantine, the newest first."""
    return [Quarantined(*row) for row in lake.rows(statement(__name__, "quarantined", guard=GUARD_TABLE))]


def named(items: Sequence[Quarantined], names: Sequence[str]) -> list[Quarantined]:
    """Return the items with these names, each of which is a key or an object URI.

    Raises:
        Fatal: no item has one of the names.
    """
    found: dict[str, Quarantined] = {}
    for name in names:
        # One key may be in several buckets: all of them are meant.
        meant = [item for item in items if name in {item.scope, item.key}]
        if not meant:
            raise Fatal(
                f"{name} is not in quarantine; nothing was changed. `billstream quarantine list` shows what is. To "
                "load an object that is not in quarantine again, run: billstream replay --force --prefix KEY"
            )
        found |= {item.scope: item for item in meant}
    return list(found.values())
