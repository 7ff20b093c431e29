"""The metrics of OpenLineage: the part of the catalogue about runs that are sent to a lineage backend."""

from billstream.common.metrics.instruments import AGGREGATOR, CONSUMER, Counter

LINEAGE_RUNS = Counter(
    name="billstream_openlineage_runs_total",
    meaning="Runs for the OpenLineage backend: sent, failed there, or dropped as too many were waiting or time was up.",
    processes=(CONSUMER, AGGREGATOR),
    label="result",
    values=("sent", "failed", "dropped"),
)
