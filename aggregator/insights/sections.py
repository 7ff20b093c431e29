"""The sections of the insights, in the order of the pages."""

from billstream.aggregator.insights.changes import CHANGES
from billstream.aggregator.insights.consumption import CONSUMPTION
from billstream.aggregator.insights.cube import CUBE
from billstream.aggregator.insights.currencies import CURRENCIES
from billstream.aggregator.insights.freshness import FRESHNESS
from billstream.aggregator.insights.meters import METERS
from billstream.aggregator.insights.omissions import OMISSIONS
from billstream.aggregator.insights.restated import RESTATEMENTS
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.sources_section import SOURCES

SECTIONS: tuple[Section, ...] = (
    OMISSIONS,
    METERS,
    CUBE,
    CURRENCIES,
    SOURCES,
    CONSUMPTION,
    CHANGES,
    RESTATEMENTS,
    FRESHNESS,
)
