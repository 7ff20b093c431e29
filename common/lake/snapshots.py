"""What a process knows of a lake's snapshots: the newest, which it asks for often and mostly in vain, and its own."""

import time
from collections.abc import Callable

import duckdb

from billstream.common.lake.catalog import Catalog, Writes

SETTLED_SECONDS = 2.0
"""A catalog's file that was written within these is asked again: another write may have the same time by the clock of
its file system, and a commit becomes visible a moment after it is written."""

LONGEST_TRUST_SECONDS = 60.0
"""The catalog itself is asked at least so often, whatever its files look like: it has to answer, too."""


class Snapshots:
    """Asks one catalog for its newest snapshot, and counts the snapshots that this process makes.

    A statement costs two milliseconds of CPU time, and a look at two files a tenth of one: while the catalog's files
    show that nobody has written, the answer is the one of before.

    Args:
        catalog: which is attached to each connection that `newest` gets.
        wall: the clock of the file system, in seconds since 1970.
        clock: seconds that never go back.
    """

    def __init__(
        self, catalog: Catalog, wall: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._catalog = catalog
        self._wall, self._clock = wall, clock
        self._writes: Writes | None = None  # of which the answer is; None: it may be old
        self._answer, self._asked_at = 0, 0.0
        self._newest_made = 0
        self.number_made = 0
        """Snapshots that this process has made."""

    def newest(self, con: duckdb.DuckDBPyConnection) -> int:
        """Return the id of the newest snapshot. Raises DuckDB's errors."""
        now, writes = self._clock(), self._catalog.writes()  # before the statement, which may see later ones
        if writes is not None and writes == self._writes and now - self._asked_at < LONGEST_TRUST_SECONDS:
            return self._answer
        settled = writes is not None and writes.newest <= self._wall() - SETTLED_SECONDS
        # A connection of its own: on that of the lake, DuckDB asks DuckLake for each name in the statement. It is
        # closed again, as it would keep the engine alive that the lake replaces.
        with con.cursor() as beside:
            self._answer, self._asked_at = self._catalog.newest_snapshot(beside), now
        self._writes = writes if settled else None
        return self._answer

    def made(self, snapshot_id: int) -> int:
        """Count the snapshot of a commit, and return it; after a commit that made none it is an earlier one, or 0."""
        self.number_made += snapshot_id > self._newest_made
        self._newest_made = max(snapshot_id, self._newest_made)
        return snapshot_id
