"""What came and went in `charges`: read once, summed for every rollup, kept in DuckDB's temporary tables."""

from dataclasses import dataclass

from billstream.aggregator.rollups import CHARGE_COLUMNS, DIMENSIONS, ROLLUPS, grouping_sets, rollup_case
from billstream.aggregator.statements import statement
from billstream.common.lake import Lake


@dataclass(frozen=True)
class Span:
    """The snapshots after `after` up to `upto`; all of the past when `after` is None."""

    after: int | None
    upto: int

    @property
    def empty(self) -> bool:
        """Whether there is no snapshot in it."""
        return self.after is not None and self.after >= self.upto

    @property
    def whole(self) -> bool:
        """Whether it is about everything there is, rather than about changes."""
        return self.after is None

    def view(self) -> str:
        """The statement that makes the view `changes` of this span."""
        columns = ", ".join(CHARGE_COLUMNS)
        if self.after is None:
            return statement("changes_all", columns=columns, last=self.upto)
        return statement("changes_feed", columns=columns, first=self.after + 1, last=self.upto)


def readable(lake: Lake, span: Span) -> bool:
    """Whether the change feed of the span is whole: no snapshot of it, nor the one before it, has been expired.

    The one before counts: with it go the files whose rows the feed of the next one reports as deleted.
    """
    if span.after is None or span.empty:
        return True
    return lake.rows(statement("gone_snapshots"), [span.after, span.upto]) == [(0,)]


def read_delta(lake: Lake, span: Span) -> int:
    """Make the temporary table `delta` of the span. Returns the number of changes read; 0 makes no table.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    if span.empty:
        return 0
    lake.rows(span.view())
    text = statement(
        "delta", dimensions=", ".join(DIMENSIONS), rollup=rollup_case(ROLLUPS), grouping_sets=grouping_sets(ROLLUPS)
    )
    lake.rows(text)
    rows = lake.rows("SELECT coalesce(sum(feed_rows), 0)::BIGINT FROM delta WHERE rollup = 'changed_loads'")
    return int(rows[0][0])
