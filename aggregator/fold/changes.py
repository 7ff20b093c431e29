"""Read the inserted and deleted charges once, and sum them for every rollup into the temporary table `delta`."""

from collections.abc import Sequence
from dataclasses import dataclass

from billstream.aggregator.fold.tags import tagged_changes
from billstream.aggregator.rollups import DAY_AND_CURRENCY, PROVIDER_NAMES, Rollup, Rollups
from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.common.tag_keys import NO_TAG_KEYS, TagKeys

LOAD_KEYS = ("load_id", "billing_currency")
"""The grain of `changed_loads`, which is summed in the same pass."""

MEASURED = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "consumed_quantity", "consumed_unit")
COMPUTED = {"charge_day", "unit", "provider_name", "costs_told"}
"""Keys that `delta.sql` computes from other columns of the charges."""


@dataclass(frozen=True)
class Span:
    """The snapshots after `after` up to `upto`; the whole history when `after` is None."""

    after: int | None
    upto: int

    @property
    def empty(self) -> bool:
        """True when the span contains no snapshot."""
        return self.after is not None and self.after >= self.upto


def read_delta(lake: Lake, rollups: Rollups, span: Span, tag_keys: TagKeys = NO_TAG_KEYS) -> int:
    """Make the temporary table `delta` of the span.

    Args:
        lake: nothing is written to it.
        rollups: the aggregate tables; only with `tag_keys` may one have the dimension `tags`.
        span: the changes to read.
        tag_keys: the keys whose values `tags` has.

    Returns:
        The number of changes read. 0 for an empty span, which makes no table.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    if span.empty:
        return 0
    dimensions = [name for rollup in rollups for name in rollup.dimensions if name not in COMPUTED]
    # Rollups may share columns, and one may use load_id: each column is read once.
    read = ["load_id", "charge_period_start", "billing_currency", *dimensions, *PROVIDER_NAMES, *MEASURED]
    charges = ", ".join(dict.fromkeys(read))
    if span.after is None:
        lake.rows(statement(__name__, "changes_all", columns=charges, last=span.upto))
    else:
        lake.rows(statement(__name__, "changes_feed", columns=charges, first=span.after + 1, last=span.upto))
    keys = _delta_keys(rollups)
    tagged, given = tagged_changes(tag_keys) if tag_keys else ("", [])
    delta = statement(
        __name__,
        "delta",
        changes=f"({tagged})" if tagged else "changes",
        columns=", ".join(name for name in keys if name not in COMPUTED),
        keys=", ".join(keys),
        grouping_sets=_grouping_sets(rollups),
    )
    lake.rows(delta, given)
    # The loads' grouping set has each change exactly once, so counting it costs no second pass over the changes.
    ((changes,),) = lake.rows(statement(__name__, "changes_read", grouping_set=loads_grouping_set(rollups)))
    return int(changes)


def anything_moved(lake: Lake) -> bool:
    """Return whether the temporary table `delta` changes a group: rows that maintenance moved to another file do not.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    return lake.rows(statement(__name__, "anything_moved")) == [(True,)]


def grouping_set_of(rollup: Rollup, rollups: Rollups) -> int:
    """Return the number that `GROUPING_ID` over all keys of the delta gives to the rows of this rollup.

    The number depends on every key column, so two rollups have the same number only when they have the same keys: then
    the same rows are right for both.
    """
    return _mask([*rollup.keys, "unit"], rollups)


def loads_grouping_set(rollups: Rollups) -> int:
    """Return the number of the grouping set of `changed_loads`."""
    return _mask(LOAD_KEYS, rollups)


def _delta_keys(rollups: Rollups) -> tuple[str, ...]:
    """All key columns of the delta, each once, in the order in which `GROUPING_ID` reads them."""
    dimensions = [name for rollup in rollups for name in rollup.dimensions]
    return tuple(dict.fromkeys(["load_id", *DAY_AND_CURRENCY, *dimensions, "unit"]))


def _mask(present: Sequence[str], rollups: Rollups) -> int:
    # GROUPING_ID: the first column is the highest bit, and a bit is 1 where the grouping set lacks the column.
    return int("".join("0" if name in present else "1" for name in _delta_keys(rollups)), base=2)


def _grouping_sets(rollups: Rollups) -> str:
    """The grouping sets of `delta.sql`. Rollups with the same keys get one: DuckDB would give its rows twice."""
    keys = {grouping_set_of(rollup, rollups): (*rollup.keys, "unit") for rollup in rollups}
    return ", ".join(f"({', '.join(columns)})" for columns in (*keys.values(), LOAD_KEYS))
