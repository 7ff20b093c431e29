"""The chart's monitoring fits together: who is scraped, where health is asked, and what the alerts select by."""

import re
from typing import Any

import pytest
import yaml

from billstream.common.metrics.catalogue import CATALOGUE

pytest.importorskip("helm_python", reason="helm-python-sdk is not installed for this platform")
pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")

from tests.deploy.test_helm import CHART, EVERYTHING, REPOSITORY, REQUIRED, rendered

MONITORING = REPOSITORY / "deploy" / "monitoring"
# What the Prometheus operator puts on every series of a pod; ours of the same name would be renamed.
OF_THE_OPERATOR = {"job", "instance", "namespace", "pod", "container", "endpoint"}


@pytest.fixture(scope="module")
def objects() -> dict[tuple[str, str], Any]:
    return rendered(EVERYTHING)


def test_the_chart_has_the_alerts_of_the_repository(objects: dict[tuple[str, str], Any]) -> None:
    alerts = (MONITORING / "alerts.yml").read_text()
    assert (CHART / "files" / "alerts.yml").read_text() == alerts, "copy deploy/monitoring/alerts.yml into the chart"
    rule = objects["PrometheusRule", ""]
    assert rule["spec"] == yaml.safe_load(alerts)
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert not {"PrometheusRule", "PodMonitor"} & {kind for kind, _ in rendered(REQUIRED)}


def test_who_is_scraped_has_the_job_that_the_alerts_expect(objects: dict[tuple[str, str], Any]) -> None:
    expected = set(re.findall(r'job="([^"]+)"', (MONITORING / "alerts.yml").read_text()))
    monitor = objects["PodMonitor", ""]["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["path"] == "/metrics"
    scraped = set()
    for (kind, name), one in objects.items():
        if kind != "Deployment":
            continue
        template = one["spec"]["template"]
        labels, (container,) = template["metadata"]["labels"], template["spec"]["containers"]
        assert monitor["selector"]["matchLabels"].items() <= labels.items()
        assert {labels[monitor["jobLabel"]]} == expected, name
        if endpoint["port"] in {port["name"] for port in container["ports"]}:
            scraped.add(name)
    assert (
        scraped
        == {name for kind, name in objects if kind == "Deployment"}
        >= {"consumer", "aggregator", "publisher-lake-2"}
    )
    assert {one["job_name"] for one in scrape_configs()} == expected
    assert not OF_THE_OPERATOR & {one.label for one in CATALOGUE}


def scrape_configs() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    configs: list[dict[str, Any]] = loaded["scrape_configs"]
    return configs


def test_probes_and_scrapes_reach_the_port_that_is_served() -> None:
    found = rendered(EVERYTHING | {"metrics": {"port": 9999, "podMonitor": {"enabled": True}}})
    for name in ("consumer", "aggregator"):
        (container,) = found["Deployment", name]["spec"]["template"]["spec"]["containers"]
        environment = {one["name"]: one.get("value") for one in container["env"]}
        assert environment["BILLSTREAM_METRICS_ADDRESS"] == "0.0.0.0:9999"
        assert container["ports"] == [{"name": "metrics", "containerPort": 9999}]
        for probe, path in {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}.items():
            assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "metrics"}
    (ingress,) = found["NetworkPolicy", ""]["spec"]["ingress"]
    assert ingress["ports"] == [{"port": 9999, "protocol": "TCP"}]


def test_one_off_pods_are_not_asked_for_health() -> None:
    for (kind, name), one in rendered(EVERYTHING).items():
        if kind in {"Job", "CronJob"}:
            spec = one["spec"].get("jobTemplate", one)["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe"} & set(container), name
