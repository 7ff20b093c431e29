"""Restatements of the seven days before the refresh, without new files."""

from datetime import UTC

from billstream.aggregator.insights.models import Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.restatements.values import Restatements


def read_recent(reading: Reading) -> Restatements:
    """Return the restatements before the refresh, as of the insights' snapshot."""
    return reading.recent.read(reading.watermark.refreshed_at.astimezone(UTC), version=reading.snapshot_id)


RESTATEMENTS = Section(__name__, "restatements", Restatements, read_recent)
