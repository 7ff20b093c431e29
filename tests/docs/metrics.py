"""The page of metrics and the dashboard of Grafana, made from the catalogue."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from billstream.common.metrics import catalogue
from billstream.common.metrics.catalogue import BUILD_INFO, BUILD_MEANING, CATALOGUE
from billstream.common.metrics.instruments import (
    AGGREGATOR,
    CONSUMER,
    MAINTAIN,
    PUBLISHER,
    Counter,
    Histogram,
    Instrument,
)

HALF = 12  # of Grafana's 24 columns
HEIGHT = 8
SOURCE = {"type": "prometheus", "uid": "${source}"}
_COMMITTING = (CONSUMER, AGGREGATOR)
_UPKEEP = (AGGREGATOR, MAINTAIN)
PROCESS = ("process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total")


@dataclass(frozen=True)
class Panel:
    """One panel: lines over time, one query each. `unit` is Grafana's."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """PromQL, and the name of its lines."""

    unit: str = "short"


def metrics_page() -> str:
    """Return the page of the metrics."""
    lines = [
        "# Metrics",
        "",
        "What `consume`, `aggregate`, `maintain` and `publish --follow` serve at `/metrics` where",
        "`BILLSTREAM_METRICS_ADDRESS` is set; see [Metrics and health](../operate.md#metrics-and-health). Counters",
        "and histograms begin at 0 with the process; a gauge that is not known is absent. Labels have the values that",
        "are listed, and no others: no key, account or text of a reason is ever a label. Times are in seconds since",
        "1970. Memory, descriptors and CPU time are there as well, as `process_*`.",
        "",
    ]
    every = [one for one in CATALOGUE if CONSUMER in one.processes and MAINTAIN in one.processes]
    chapters = (
        ("Every service", every),
        ("Consumer", [one for one in CATALOGUE if one.processes == (CONSUMER,)]),
        ("Aggregator", [one for one in CATALOGUE if one.processes == (AGGREGATOR,)]),
        ("Consumer and aggregator", [one for one in CATALOGUE if one.processes == _COMMITTING]),
        ("Maintenance, in the aggregator or by itself", [one for one in CATALOGUE if one.processes == _UPKEEP]),
        ("Publisher", [one for one in CATALOGUE if one.processes == (PUBLISHER,)]),
    )
    for title, metrics in chapters:
        lines += [f"## {title}", "", "| metric | kind | label | meaning |", "|---|---|---|---|"]
        if metrics is every:
            lines.append(f"| `{BUILD_INFO}` | gauge | `service`, `version`, `schema_version` | {BUILD_MEANING} |")
        lines += [f"| `{one.name}` | {one.kind} | {_label(one)} | {one.meaning} |" for one in metrics]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _label(one: Instrument) -> str:
    return f"`{one.label}`: {', '.join(f'`{value}`' for value in one.values)}" if one.label else ""


def dashboard() -> str:
    """Return the dashboard of Grafana: a row of numbers for each concern, then every other metric of the catalogue."""
    rows = (
        ("At a glance", list(_glance())),
        ("Consumer", [_panel(one) for one in CATALOGUE if one.processes == (CONSUMER,)]),
        ("Aggregator and queue", [_panel(one) for one in CATALOGUE if one.processes == (AGGREGATOR,)]),
        ("Lineage", [_panel(one) for one in CATALOGUE if one.processes == _COMMITTING]),
        ("Maintenance", [_panel(one) for one in CATALOGUE if one.processes == _UPKEEP]),
        ("Publisher", [_panel(one) for one in CATALOGUE if one.processes == (PUBLISHER,)]),
        ("Processes", [_panel(one) for one in CATALOGUE if len(one.processes) > 2] + list(_process())),
    )
    panels: list[dict[str, Any]] = []
    y = 0
    for title, shown in rows:
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _place(0, y, 24, 1)})
        y += 1
        for start in range(0, len(shown), 2):
            pair = enumerate(shown[start : start + 2])
            panels += [_grafana(panel, _place(HALF * x, y, HALF, HEIGHT)) for x, panel in pair]
            y += HEIGHT
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    board = {
        "uid": "billstream",
        "title": "billstream",
        "tags": ["billstream"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [source]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }
    return json.dumps(board, indent=2) + "\n"


def _glance() -> Iterator[Panel]:
    """Yield what an operator looks at first; these numbers are made of several metrics."""
    c = catalogue
    yield Panel(
        "Is it up to date? Age of aggregates, and of the last poll and commit",
        (
            (f"time() - {c.TRUE_AS_OF.name}", "aggregates"),
            (f"time() - max({c.LAST_POLL.name})", "last poll"),
            (f"time() - max({c.LAST_COMMIT.name})", "last commit"),
        ),
        "s",
    )
    yield Panel(
        "Does somebody have to act?",
        (
            (f'sum({c.LEDGER.name}{{state=~"quarantined|denied|failed"}})', "objects that could not be loaded"),
            (f"max({c.DEAD_LETTERS.name})", "dead letters"),
            (f"max({c.OVERLAPS.name})", "overlaps"),
            (f"max({c.LAGGING.name})", "silent sources"),
            (f'max({c.ANOMALIES.name}{{tier="page"}})', "open anomalies"),
            (f"max({c.BUDGETS.name})", "budgets firing"),
        ),
    )
    yield Panel(
        "Running services by version",
        ((f"count by (service, version) ({BUILD_INFO})", "{{service}} {{version}}"),),
    )
    yield Panel("Waiting", ((f"sum by (reason) ({c.WAITING.name})", "{{reason}}"),))


def _process() -> Iterator[Panel]:
    memory, files, seconds = PROCESS
    yield Panel("Memory", ((f'{memory}{{job="billstream"}}', "{{instance}}"),), "bytes")
    yield Panel("Open descriptors", ((f'{files}{{job="billstream"}}', "{{instance}}"),))
    yield Panel("CPU", ((f'rate({seconds}{{job="billstream"}}[$__rate_interval])', "{{instance}}"),), "percentunit")


def _panel(one: Instrument) -> Panel:
    unit = {"seconds": "s", "bytes": "bytes"}.get(one.unit, "short")
    by, name = (f" by ({one.label})", f"{{{{{one.label}}}}}") if one.label else ("", "all")
    if isinstance(one, Counter):
        rate = f"sum{by} (rate({one.name}[$__rate_interval]))"
        return Panel(f"Per second. {one.meaning}", ((rate, name),), "Bps" if one.unit == "bytes" else "short")
    if isinstance(one, Histogram):
        parts = f"le, {one.label}" if one.label else "le"
        rate = f"sum by ({parts}) (rate({one.name}_bucket[$__rate_interval]))"
        return Panel(
            one.meaning, tuple((f"histogram_quantile({q}, {rate})", f"{name} {q}".strip()) for q in (0.5, 0.95)), "s"
        )
    if one.name.endswith("_timestamp_seconds"):
        return Panel(f"Age. {one.meaning}", ((f"time() - {one.name}", "{{instance}}"),), "s")
    of_all = "sum" if CONSUMER in one.processes else "max"  # there may be two aggregators for a moment
    return Panel(one.meaning, ((f"{of_all}{by} ({one.name})", name),), unit)


def _grafana(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title.rstrip("."),
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query, "legendFormat": name}
            for number, (query, name) in enumerate(panel.queries)
        ],
    }


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}
