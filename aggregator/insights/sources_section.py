"""The section of the sources: each provider's days, and the charges that are dated after today."""

from billstream.aggregator.insights.models import Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Source


def read_sources(reading: Reading) -> tuple[Source, ...]:
    """Return every source, the one with the most charges first."""
    return reading.sources


SOURCES = Section(__name__, "sources", tuple[Source, ...], read_sources)
