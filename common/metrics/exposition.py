"""The metrics of one process in the format of Prometheus, in a registry of our own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Histogram as PrometheusHistogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from billstream.common.metrics.catalogue import BUILD_INFO, BUILD_MEANING, exported_by
from billstream.common.metrics.instruments import Counter, Gauge, Histogram

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Vector = TypeVar("Vector", PrometheusCounter, PrometheusHistogram)


class _Gauges(Collector):
    """Collects the gauges, at each scrape, and the facts about the build."""

    def __init__(self, gauges: Sequence[Gauge], build: Mapping[str, str]) -> None:
        self._gauges = gauges
        self._build = build

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge that is known."""
        info = GaugeMetricFamily(BUILD_INFO, BUILD_MEANING, labels=list(self._build))
        info.add_metric(list(self._build.values()), 1)
        yield info
        for gauge in self._gauges:
            found = GaugeMetricFamily(gauge.name, gauge.meaning, labels=[gauge.label] if gauge.label else None)
            for value, amount in gauge.known().items():
                found.add_metric([value] if gauge.label else [], amount)
            if found.samples:
                yield found


@contextmanager
def exporting(process: str, build: Mapping[str, str]) -> Iterator[CollectorRegistry]:
    """Keep what the metrics of a service count, for the length of the block, from 0.

    Args:
        process: `consumer` or `aggregator`.
        build: labels of `billstream_build_info`.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each counter, which nobody reads
    registry = CollectorRegistry()
    ours = exported_by(process)
    for one in ours:
        labels = [one.label] if one.label else []
        if isinstance(one, Counter):
            counter = PrometheusCounter(one.name, one.meaning, labels, registry=registry)
            one.export(_children(counter, one.series if one.label else ()))
        elif isinstance(one, Histogram):
            histogram = PrometheusHistogram(one.name, one.meaning, labels, registry=registry, buckets=one.buckets)
            one.export(_children(histogram, one.series if one.label else ()))
    registry.register(_Gauges([one for one in ours if isinstance(one, Gauge)], build))
    ProcessCollector(registry=registry)  # memory, descriptors and CPU time, read at the scrape
    try:
        yield registry
    finally:
        for one in ours:
            if isinstance(one, Counter | Histogram):
                one.export({})


def exposition(registry: CollectorRegistry) -> bytes:
    """Return all metrics as text."""
    return generate_latest(registry)


def _children(vector: Vector, values: Sequence[str]) -> dict[str, Vector]:
    """Return the series of a metric by the value of its label; each begins at 0, so that its first step is seen."""
    return {value: vector.labels(value) for value in values} or {"": vector}
