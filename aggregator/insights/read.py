"""One read of all insights: every number is of one snapshot."""

from datetime import UTC, date

from billstream.aggregator.insights.currencies import read_currencies, store_periods
from billstream.aggregator.insights.freshness import read_changes, read_freshness
from billstream.aggregator.insights.meters import read_consumption, read_meters
from billstream.aggregator.insights.periods import Periods, periods_between
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.restatements import read_recent
from billstream.aggregator.statements import statement
from billstream.aggregator.watermark import Watermark
from billstream.common.lake import Lake


def read_insights(lake: Lake, watermark: Watermark, *, version: int, snapshot_id: int) -> Insights:
    """What the lake says.

    Args:
        lake: nothing is written to it.
        watermark: the watermark in snapshot `version`.
        version: the snapshot to read the aggregates in; they hold the charges of the watermark's snapshot.
        snapshot_id: the snapshot whose charges these are too, and to read the ledger in.
    """
    lake.rows(statement("insight_every_day"), [version])
    lake.rows(statement("insight_days"))
    ((first_day, last_day, charge_rows, misdated_rows),) = lake.rows(statement("insight_extent"))
    periods = _periods(lake, first_day, last_day)
    return Insights(
        snapshot_id=snapshot_id,
        watermark_snapshot_id=watermark.snapshot_id,
        refreshed_at=watermark.refreshed_at.astimezone(UTC),
        charge_rows=charge_rows,
        misdated_rows=misdated_rows,
        first_charge_day=first_day,
        last_charge_day=last_day,
        periods=periods,
        currencies=read_currencies(lake) if periods else (),
        meters=read_meters(lake, periods, version=version) if periods else (),
        consumption=read_consumption(lake) if periods else (),
        changes=read_changes(lake, watermark, version=version, ledger_version=snapshot_id),
        restatements=read_recent(lake, watermark.refreshed_at.astimezone(UTC), version=snapshot_id),
        freshness=read_freshness(lake, version=snapshot_id),
    )


def _periods(lake: Lake, first_day: date | None, last_day: date | None) -> Periods:
    """The lake's periods, stored for the statements; none while there are no charges."""
    if first_day is None or last_day is None:
        return {}
    periods = periods_between(first_day, last_day)
    store_periods(lake, periods)
    return periods
