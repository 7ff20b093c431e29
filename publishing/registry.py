"""The followers of a lake, as the lake knows them: maintenance keeps the snapshots that they go on from.

The entry of a follower is never ahead of its target. It is written before the lake is read and, now and then, after
the target was changed; a process that dies in between has held back more than it needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from billstream.common.errors import WrongUsage
from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.retries import redo_on_conflict
from billstream.common.statements import statement

SEEN_EVERY = timedelta(hours=1)
"""A follower at work says so as often as this, whether the lake has changed or not."""

MOVED_EVERY = timedelta(minutes=1)
"""A follower that goes on all the time moves its entry as often as this: each move is a commit to the lake."""


@dataclass(frozen=True)
class Follower:
    """One entry. `snapshot_id` is the snapshot that is kept for it, `refreshed_at` the refresh that its target has."""

    name: str
    kind: str
    place: str
    snapshot_id: int
    refreshed_at: datetime | None
    seen_at: datetime

    def is_away(self, now: datetime, wait: timedelta) -> bool:
        """Return whether it was not seen for so long that it holds nothing back any more."""
        return self.seen_at < now - wait


def read_followers(lake: Lake) -> list[Follower]:
    """Return all entries, by name.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    return [Follower(*row) for row in lake.rows(statement(__name__, "followers"))]


def record(lake: Lake, entry: Follower) -> None:
    """Write the entry of a follower, in a commit of its own.

    Raises:
        Retryable, Fatal: see `Lake.commit`.
    """

    def write(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(statement(__name__, "forget"), [entry.name])
        row = [entry.name, entry.kind, entry.place, entry.snapshot_id, entry.refreshed_at, entry.seen_at]
        con.execute(statement(__name__, "record"), row)

    _commit(lake, entry.name, write, f"follower {entry.name} goes on from snapshot {entry.snapshot_id}")


def forget(lake: Lake, name: str) -> None:
    """Remove the entry of a follower: nothing is kept for it any more.

    Raises:
        WrongUsage: there is none.
        Retryable, Fatal: see `Lake.commit`.
    """
    known = [entry.name for entry in read_followers(lake)]
    if name not in known:
        there = f"The lake knows {', '.join(known)}." if known else "The lake knows none."
        raise WrongUsage(f"There is no target {name!r} that was published to; nothing was changed. {there}")

    def write(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(statement(__name__, "forget"), [name])

    _commit(lake, name, write, f"forgets follower {name}")


def _commit(lake: Lake, name: str, write: Callable[[duckdb.DuckDBPyConnection], None], message: str) -> None:
    scope = scope_id(f"billstream:follower:{name}")

    def once() -> None:
        held = lake.processed_keys([scope]).get(scope)
        claim = Claim(
            ProcessedKey(scope_id=scope, entry_id=new_id(), state="followed"), held.entry_id if held else None
        )
        lake.commit(write, claims=[claim], author="publishing", message=message)

    redo_on_conflict(once)
