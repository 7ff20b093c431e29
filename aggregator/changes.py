"""The changes of `charges`: read once, summed for every rollup, kept in DuckDB's temporary tables."""

from dataclasses import dataclass

from billstream.aggregator.rollups import GroupingSets
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


def readable(lake: Lake, span: Span) -> bool:
    """Return whether the change feed of the span is whole: its snapshots and the one before are all kept.

    The one before counts: with it go the files whose rows the feed of the next one reports as deleted.
    """
    if span.after is None or span.empty:
        return True
    return lake.rows(statement("gone_snapshots"), [span.after, span.upto]) == [(0,)]


def read_delta(lake: Lake, span: Span, sets: GroupingSets) -> int:
    """Make the temporary table `delta` of the span. Returns the number of changes read; 0 makes no table.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    if span.empty:
        return 0
    columns = ", ".join(sets.charge_columns)
    if span.after is None:
        lake.run(statement("fold/changes_all", columns=columns, last=span.upto))
    else:
        lake.run(statement("fold/changes_feed", columns=columns, first=span.after + 1, last=span.upto))
    # One pass for all tables: the feed is read once, however many rollups there are.
    lake.run(
        statement(
            "fold/delta",
            # A trailing comma belongs to each dimension, so that none leaves no gap.
            dimensions="".join(f"{name}, " for name in sets.dimensions),
            columns=", ".join(sets.columns),
            grouping_sets=sets.sql(),
        )
    )
    rows = lake.rows("SELECT coalesce(sum(feed_rows), 0)::BIGINT FROM delta WHERE mask = ?", [sets.load_mask])
    return int(rows[0][0])
