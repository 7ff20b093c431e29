"""Rules, dashboard and compose profile ask for metrics that exist, where they are served."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from billstream.common.metrics import catalogue
from billstream.common.metrics.catalogue import BUILD_INFO, CATALOGUE
from billstream.common.metrics.instruments import MAINTAIN, PUBLISHER, Histogram, Instrument
from billstream.common.runtime import SERVICES

REPOSITORY = Path(__file__).resolve().parents[2]
MONITORING = REPOSITORY / "deploy" / "monitoring"
LABELLED = re.compile(r'(billstream_\w+)\{(\w+)(?:=|!=|=~)"([^"]*)"\}')


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return loaded


def queries() -> list[str]:
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    board = json.loads((MONITORING / "grafana" / "billstream.json").read_text())
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return asked + [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


def test_rules_and_panels_ask_for_metrics_of_the_catalogue() -> None:
    names = {BUILD_INFO} | {one.name for one in CATALOGUE if not isinstance(one, Histogram)}
    names |= {one.name + "_bucket" for one in CATALOGUE if isinstance(one, Histogram)}
    asked = {name for query in queries() for name in re.findall(r"billstream_[a-z_]+", query)}
    assert asked == names, "each has a panel"


def test_rules_and_panels_select_by_labels_of_the_catalogue() -> None:
    labels = {one.name: (one.label, set(one.values)) for one in CATALOGUE}
    labels[BUILD_INFO] = ("service", {"consumer", "aggregator"})
    found = [match for query in queries() for match in LABELLED.findall(query)]
    assert len(found) > 8
    for name, label, values in found:
        assert label == labels[name][0], name
        assert set(values.split("|")) <= labels[name][1], name


def test_the_panels_do_not_overlap() -> None:
    board = json.loads((MONITORING / "grafana" / "billstream.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert cells.isdisjoint(taken), panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_metric_is_written_somewhere() -> None:
    packages = [REPOSITORY / name for name in ("common", "consumer", "aggregator", "maintenance")]
    text = "\n".join(path.read_text() for package in packages for path in package.rglob("*.py"))
    names = [name for name, value in vars(catalogue).items() if isinstance(value, Instrument)]
    assert [name for name in names if not re.search(rf"\b(metrics|catalogue)\.{name}\b", text)] == []


def test_the_image_serves_where_it_is_asked() -> None:
    dockerfile = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    port = re.search(r"BILLSTREAM_METRICS_ADDRESS=0\.0\.0\.0:(\d+)$", dockerfile, re.MULTILINE)
    assert port
    services = compose()["services"]
    for name in ("consumer", "aggregator"):
        assert f"http://127.0.0.1:{port[1]}/healthz" in services[name]["healthcheck"]["test"][-1]
    assert "healthcheck" not in services["init"], "it ends by itself and serves nothing"
    scraped = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["job_name"] == "billstream"
    assert scraped["dns_sd_configs"][0]["port"] == int(port[1])
    assert set(scraped["dns_sd_configs"][0]["names"]) <= services.keys()


def test_the_profile_has_every_file_and_starts_only_when_asked_for() -> None:
    made = compose()
    for config in made["configs"].values():
        assert (REPOSITORY / config["file"]).is_file()
    for name in ("prometheus", "grafana"):
        service = made["services"][name]
        assert service["profiles"] == ["monitoring"]
        assert {config["source"] for config in service["configs"]} <= made["configs"].keys()
    assert all("profiles" not in made["services"][name] for name in ("consumer", "aggregator", "init"))


def test_only_the_services_listen() -> None:
    """The image names an address for every command, and most of them end by themselves."""
    text = "\n".join(path.read_text() for path in (REPOSITORY / "cli").rglob("*.py"))
    served = re.findall(r'observing\.observed\(settings, "(\w+)", running=(?:not \w+|True)\)', text)
    assert sorted(served) == sorted([*SERVICES.values(), MAINTAIN, PUBLISHER])
    assert text.count("observing.observed(") == len(served)
