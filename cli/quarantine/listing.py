"""What is in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.statements import statement
from billstream.consumer.events import MESSAGE_BUCKET

if TYPE_CHECKING:
    from billstream.common.lake import Lake


@dataclass(frozen=True)
class Quarantined:
    """An object, or a message, of which something could not be loaded.

    `state` is `quarantined` where nothing of it could, and `loaded` where some of its records did not fit.
    `older_rows_in_force` tells that the rows of an earlier version are still there.
    """

    scope: str
    bucket: str
    key: str
    state: str
    reason: str | None
    rows_loaded: int
    rows_rejected: int
    older_rows_in_force: bool
    processed_at: datetime
    entry_id: str

    @property
    def is_message(self) -> bool:
        """Whether it is a message that nobody can read, rather than an object."""
        return self.bucket == MESSAGE_BUCKET

    @property
    def why(self) -> str:
        """The reason, for a person."""
        if self.reason:
            return self.reason
        total = self.rows_loaded + self.rows_rejected
        return f"{self.rows_rejected:,} of {total:,} records do not fit; the others are loaded."


def quarantined(lake: "Lake") -> list[Quarantined]:
    """Everything in quarantine, the newest first."""
    return [Quarantined(*row) for row in lake.rows(statement(__name__, "quarantined", guard=GUARD_TABLE))]


def named(items: Sequence[Quarantined], names: Sequence[str]) -> list[Quarantined]:
    """Those that are meant by `names`, each of which is a key or a scope.

    Raises:
        Fatal: a name means none of them.
    """
    found: dict[str, Quarantined] = {}
    for name in names:
        meant = [item for item in items if name in {item.scope, item.key}]
        if not meant:
            raise Fatal(
                f"{name} is not in quarantine. `billstream quarantine list` names what is; "
                "`billstream replay --force --prefix KEY` loads an object again that is not."
            )
        found |= {item.scope: item for item in meant}
    return list(found.values())
