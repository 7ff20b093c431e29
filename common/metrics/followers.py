"""The metrics of followers: the part of the catalogue about targets that are brought up to date."""

from billstream.common.metrics.instruments import AGGREGATOR, PUBLISHER, Counter, Gauge, Histogram

FOLLOWERS = Gauge(
    name="billstream_followers",
    meaning="Targets of `publish`: up to date, behind the aggregates, or away so long that nothing is kept for them.",
    processes=(AGGREGATOR,),
    label="state",
    values=("current", "behind", "away"),
)
PUBLISHES = Counter(
    name="billstream_publishes_total",
    meaning="Rounds of `publish` by result: changed days, everything, or nothing written; a postponed one comes again.",
    processes=(PUBLISHER,),
    label="result",
    values=("changed", "replaced", "unchanged", "postponed"),
)
PUBLISHED_ROWS = Counter(
    name="billstream_published_rows_total",
    meaning="Rows that were written to the target.",
    processes=(PUBLISHER,),
)
PUBLISH_SECONDS = Histogram(
    name="billstream_publish_seconds",
    meaning="Seconds from the first look at the lake to the commit in the target, of rounds that changed it.",
    unit="seconds",
    processes=(PUBLISHER,),
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0),
)
TRUE_AS_OF = Gauge(
    name="billstream_target_true_as_of_timestamp_seconds",
    meaning="Time at which the target was known to have the newest aggregates and their charges.",
    unit="seconds",
    processes=(PUBLISHER,),
)
