"""The section of data quality: the rules that rows in the numbers break, as the commits of their loads have found."""

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import BrokenRule

MOST_FILES = 3
BROKEN_RULES = Model(
    __name__, "broken_rules", "rule, severity", given=lambda reading: [reading.snapshot_id, MOST_FILES]
)
"""Run by the omissions, which come first: rows that break an error make the numbers doubtful."""


def read_quality(reading: Reading) -> tuple[BrokenRule, ...]:
    """Return every rule that rows of active loads break: errors first, the most rows first."""
    return tuple(BrokenRule(**{**row, "names": tuple(row["names"])}) for row in reading.rows(BROKEN_RULES))


QUALITY = Section(__name__, "quality", tuple[BrokenRule, ...], read_quality)
