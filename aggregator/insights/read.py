"""One read of all insights: every number is of one snapshot."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from pydantic import create_model

from billstream.aggregator.insights.models import BASE, FUTURE, Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.sections import SECTIONS
from billstream.aggregator.insights.values import FutureCharges, Insights
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.watermark import Watermark
from billstream.common.lake import Lake


def read_insights(
    lake: Lake,
    watermark: Watermark,
    *,
    version: int,
    snapshot_id: int,
    today: date | None = None,
    recent: RecentRestatements | None = None,
    sections: Sequence[Section] = SECTIONS,
) -> Insights:
    """Return the insights of one snapshot.

    Args:
        lake: nothing is written to it.
        watermark: the watermark in snapshot `version`.
        version: the snapshot in which the aggregates are read; they hold the charges of the watermark's snapshot.
        snapshot_id: the snapshot that the insights name. It has the same charges; the ledger is read in it.
        today: the last day that any period may have; default: the clock's, in UTC.
        recent: the restatements of this lake, which remember their last answer; default: none remembered.
        sections: what is read.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    today = today or datetime.now(UTC).date()
    reading = Reading(lake, watermark, version, snapshot_id, recent or RecentRestatements(lake), today)
    reading.run([*BASE, *(model for section in sections for model in section.models)])
    values = {section.name: section.read(reading) for section in sections}
    return insights_type(tuple(sections))(
        snapshot_id=snapshot_id,
        watermark_snapshot_id=watermark.snapshot_id,
        refreshed_at=watermark.refreshed_at.astimezone(UTC),
        today=today,
        charge_rows=reading.extent["charge_rows"],
        misdated_rows=reading.extent["misdated_rows"],
        first_charge_day=reading.extent["first_day"],
        last_charge_day=reading.extent["last_day"],
        future=tuple(FutureCharges(**row) for row in reading.rows(FUTURE)),
        **values,
    )


@cache
def insights_type(sections: tuple[Section, ...]) -> type[Insights]:
    """Return the type of these sections' insights: `Insights`, plus a field for each section that it does not declare.

    The built-in sections are declared, so that their values are typed in the code; a new one works without that.
    """
    more: dict[str, Any] = {
        section.name: (section.value, ...) for section in sections if section.name not in Insights.model_fields
    }
    return create_model("Insights", __base__=Insights, **more) if more else Insights
