"""The sections of the insights, in the order of the pages."""

from billstream.aggregator.budgets.section import BUDGETS
from billstream.aggregator.insights.anomalies_section import ANOMALIES
from billstream.aggregator.insights.changes import CHANGES
from billstream.aggregator.insights.completeness_section import COMPLETENESS
from billstream.aggregator.insights.consumption import CONSUMPTION
from billstream.aggregator.insights.cube import CUBE
from billstream.aggregator.insights.currencies import CURRENCIES
from billstream.aggregator.insights.forecast_section import FORECAST
from billstream.aggregator.insights.freshness import FRESHNESS
from billstream.aggregator.insights.meters import METERS
from billstream.aggregator.insights.months import MONTHS
from billstream.aggregator.insights.movers import MOVERS
from billstream.aggregator.insights.omissions import OMISSIONS
from billstream.aggregator.insights.quality_section import QUALITY
from billstream.aggregator.insights.restated import RESTATEMENTS
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.sources_section import SOURCES
from billstream.aggregator.insights.tags import TAGS
from billstream.aggregator.kpis.figures import KPIS
from billstream.aggregator.kpis.unit_costs import UNIT_COSTS

SECTIONS: tuple[Section, ...] = (
    # What not to trust comes before the numbers.
    OMISSIONS,
    COMPLETENESS,
    METERS,
    FORECAST,
    BUDGETS,
    ANOMALIES,
    MOVERS,
    TAGS,
    CUBE,
    MONTHS,
    CURRENCIES,
    KPIS,
    UNIT_COSTS,
    CONSUMPTION,
    # Where the numbers come from, and what of them has changed.
    SOURCES,
    QUALITY,
    CHANGES,
    RESTATEMENTS,
    FRESHNESS,
)
"""In the order in which a reader asks: may I trust it, how much, why, where, since when, what was saved."""
