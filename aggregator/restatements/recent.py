"""The restatements of the last seven days, compared again only when the ledger has another one."""

from datetime import datetime, timedelta
from typing import Any

from billstream.aggregator.restatements.comparison import read_restatements
from billstream.aggregator.restatements.intervals import Interval, interval_between, snapshot_time
from billstream.aggregator.restatements.values import Restatements
from billstream.common.lake import Lake
from billstream.common.statements import statement

RECENT = timedelta(days=7)
MOST_RECENT = 100

WITH_TABLES = 1
"""The first snapshot that has tables: they are made in the commit after the empty lake."""


class RecentRestatements:
    """The restatements before a refresh of one lake. Keep the object as long as the lake: it remembers its last answer.

    An export of millions of charges may be restated daily while the insights are published every few seconds.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._decisions: list[tuple[Any, ...]] | None = None
        self._found: Restatements | None = None

    def read(self, refreshed_at: datetime, *, version: int) -> Restatements:
        """Return the restatements of the seven days before a refresh, as of snapshot `version`.

        Only the ledger is read, unless it has other restatements in these days than the last time.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        since = refreshed_at - RECENT
        if self._lake.rows(statement(__name__, "recent"), [version, since]) == [(0,)]:
            return Restatements(since=since, from_snapshot_id=None, to_snapshot_id=version, totals=(), largest=())
        interval = interval_between(self._lake, since, newest=version)
        found = self._remembered(interval)
        if found.from_snapshot_id is not None and found.from_snapshot_id > interval.after:
            return found.model_copy(update={"to_snapshot_id": interval.upto})  # rows from before were lost
        # Where snapshots have been expired, the page states the beginning that could be compared.
        begun = snapshot_time(self._lake, interval.after) if interval.cut else since
        ends = {"since": begun, "from_snapshot_id": interval.after, "to_snapshot_id": interval.upto}
        return found.model_copy(update=ends)

    def _remembered(self, interval: Interval) -> Restatements:
        # The ids of the decisions identify the answer: the same decisions give the same differences at any later end.
        beginning = max(interval.after, WITH_TABLES)
        decisions = self._lake.rows(statement(__name__, "decisions"), [interval.upto, beginning])
        if self._found is None or self._decisions != decisions:
            self._found = read_restatements(self._lake, interval, most=MOST_RECENT, restated_only=True)
            self._decisions = decisions
        return self._found
