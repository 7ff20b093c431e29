"""The run of OpenLineage that a refresh is: the charges of one snapshot, and the aggregate tables made of them."""

from datetime import datetime, timedelta

from billstream.aggregator.rollups import PROVIDER_NAMES, Rollup, Rollups
from billstream.aggregator.watermark import Watermark
from billstream.common.lake.tables import CHARGES
from billstream.common.openlineage import Feed, Input, Output, Run
from billstream.common.openlineage.run import How

JOB = "aggregator.refresh"
_COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
_MADE = {
    "charge_day": ("charge_period_start",),
    "provider_name": PROVIDER_NAMES,
    "costs_told": _COSTS,
    "tags": ("tags",),
}
"""Keys that are made of charges; all others are columns of them."""


def run_of_refresh(watermark: Watermark, rollups: Rollups, committed: int, now: datetime, seconds: float) -> Run:
    """Return the run of a refresh that has been committed.

    Args:
        watermark: what was refreshed.
        rollups: the aggregate tables.
        committed: the snapshot that the commit has made.
        now: when that was.
        seconds: how long the refresh took.
    """
    read = watermark.rows_inserted + watermark.rows_deleted
    return Run(
        job=JOB,
        snapshot_id=committed,
        began_at=now - timedelta(seconds=seconds),
        ended_at=now,
        inputs=(Input(CHARGES, version=str(watermark.snapshot_id), rows=read),),
        outputs=tuple(Output(one.table, feeds=feeds_of(one), fields=dict.fromkeys(_columns(one))) for one in rollups),
    )


def feeds_of(rollup: Rollup) -> tuple[Feed, ...]:
    """Return the columns of the charges that each column of an aggregate table is made of."""
    keys = [Feed(key, _MADE[key]) if key in _MADE else Feed(key, (key,), How.IDENTITY) for key in rollup.keys]
    sums = [Feed(cost, (cost,), How.AGGREGATION) for cost in _COSTS]
    counts = [Feed(cost.replace("_cost", "_rows"), (cost,), How.AGGREGATION) for cost in _COSTS]
    units = [
        Feed("consumed_quantity", ("consumed_quantity", "consumed_unit"), How.AGGREGATION),
        Feed("consumed_rows", ("consumed_quantity", "consumed_unit"), How.AGGREGATION),
    ]
    return (*keys, *sums, *counts, *units)


def _columns(rollup: Rollup) -> list[str]:
    return [*(feed.column for feed in feeds_of(rollup)), "charge_rows"]
