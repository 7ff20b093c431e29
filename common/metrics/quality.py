"""The metrics of data quality: the part of the catalogue about rules that rows break."""

from billstream.common.metrics.instruments import AGGREGATOR, OTHER, Gauge

FINDINGS = Gauge(
    name="billstream_quality_findings",
    meaning="Rules of quality that active loads break, by severity: one for each load and rule.",
    processes=(AGGREGATOR,),
    label="severity",
    values=("error", "warning", OTHER),
)
