"""The Helm chart, rendered and linted by Helm's own engine, and checked against the schemas of Kubernetes.

No API server is asked: what only a cluster can say (admission, KEDA, whether a pod starts) is not tested here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from billstream.common.settings import Settings

helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not installed for this platform")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "deploy" / "helm" / "billstream"
OLDEST, NEWEST = "1.27", "1.37"
# Of KEDA and of the Prometheus operator.
FOREIGN = {"ScaledObject", "TriggerAuthentication", "PodMonitor", "PrometheusRule"}
REQUIRED: dict[str, Any] = {
    "catalog": {"existingSecret": "billstream-catalog"},
    "aws": {
        "region": "eu-west-1",
        "bucket": "acme-bills",
        "queueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/billstream",
        "dataPath": "s3://acme-lake/data/",
        "insightsDir": "s3://acme-lake/insights/",
    },
}
EVERYTHING: dict[str, Any] = {
    **REQUIRED,
    "aws": REQUIRED["aws"]
    | {
        "buckets": ["more"],
        "roles": {"init": "arn:aws:iam::123456789012:role/i", "consumer": "arn:aws:iam::123456789012:role/c"},
    },
    "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["pull"]},
    "env": {"BILLSTREAM_BUDGETS": "/etc/billstream/budgets.toml", "BILLSTREAM_TAG_KEYS": "team"},
    "envFromSecrets": ["sinks"],
    "files": {"budgets.toml": '[[budget]]\nname = "all"\n'},
    "publisher": {"targets": ["warehouse", "lake-2"], "envFromSecrets": ["targets"], "ports": [6432]},
    "keda": {"enabled": True},
    "backup": {"enabled": True, "place": "s3://acme-backups/billstream/", "keep": 30},
    "metrics": {
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "rules": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "finops"},
}
SPARSE: dict[str, Any] = {
    **REQUIRED,
    "init": {"enabled": False},
    "maintain": {"enabled": False},
    "sweep": {"enabled": False},
    "consumer": {"podDisruptionBudget": {"enabled": False}},
    "networkPolicy": {"scrapeFrom": None},
    "keda": {"enabled": True, "identityOwner": "keda"},
}
VARIANTS = {"required": REQUIRED, "everything": EVERYTHING, "sparse": SPARSE}


def rendered(values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Every object by its kind and its name without that of the release."""
    chart = helm.Chart.load(str(CHART))
    chart.validate_schema(values)
    documents = [
        document
        for name, text in chart.render(values, name="costs", namespace="finops").items()
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]
    found = {(one["kind"], one["metadata"]["name"].removeprefix("costs").lstrip("-")): one for one in documents}
    assert len(found) == len(documents), "two objects have one name"
    return found


def pods(objects: dict[tuple[str, str], Any]) -> Iterator[tuple[str, Any]]:
    """The pod specification of every workload."""
    for (kind, name), one in objects.items():
        if kind in {"Deployment", "Job"}:
            yield name, one["spec"]["template"]["spec"]
        elif kind == "CronJob":
            yield name, one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module", params=list(VARIANTS))
def objects(request: pytest.FixtureRequest) -> dict[tuple[str, str], Any]:
    return rendered(VARIANTS[request.param])


def test_helm_and_kubernetes_accept_it(objects: dict[tuple[str, str], Any]) -> None:
    for one in objects.values():
        if one["kind"] in FOREIGN:
            continue
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(one, version, strict=True)


def test_the_schemas_would_object_to_a_misspelt_key() -> None:
    one = rendered(REQUIRED)["Deployment", "consumer"]
    one["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Never"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, NEWEST, strict=True)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_linter_finds_nothing(values: dict[str, Any]) -> None:
    found = helm.lint(str(CHART), values, strict=True)
    assert [one for one in found["messages"] if one["severity"] > 1] == []
    assert not found["errors"]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"catalog": {"existingSecret": ""}}, "existingSecret"),
        ({"replicas": 3}, "replicas"),
        ({"aws": REQUIRED["aws"] | {"dataPath": "/data"}}, "dataPath"),
        ({"aws": REQUIRED["aws"] | {"queueUrl": ""}}, "queueUrl"),
        ({"image": {"digest": "sha256:1"}}, "digest"),
        ({"keda": {"enabled": "yes"}}, "enabled"),
        ({"maintain": {"schedule": "hourly"}}, "schedule"),
        ({"publisher": {"targets": ["../x"]}}, "targets"),
        ({"backup": {"enabled": True}}, "place"),
        ({"backup": {"enabled": True, "place": "/mnt/backups"}}, "place"),
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(helm.HelmValuesError, match=name):
        helm.Chart.load(str(CHART)).validate_schema(REQUIRED | wrong)
    with pytest.raises(helm.HelmValuesError):
        helm.Chart.load(str(CHART)).validate_schema({})


def test_every_pod_is_locked_down(objects: dict[tuple[str, str], Any]) -> None:
    accounts = {name for kind, name in objects if kind == "ServiceAccount"}
    for name, pod in pods(objects):
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not pod["automountServiceAccountToken"]
        assert container["resources"]["limits"]["memory"]
        assert pod["serviceAccountName"].removeprefix("costs-") in accounts
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {"/var/lib/billstream", "/tmp"}  # noqa: S108 - of the container
        environment = {one["name"]: one.get("value") for one in container["env"]}
        assert pod["terminationGracePeriodSeconds"] > int(environment["BILLSTREAM_GRACE_SECONDS"])
        assert environment["BILLSTREAM_CATALOG"] is None, "the catalog comes from the Secret"
        assert len(environment) == len(container["env"]), "a variable is set twice"


def test_every_variable_is_a_setting() -> None:
    known = {f"BILLSTREAM_{name.upper()}" for name in Settings.model_fields} | {"BILLSTREAM_METRICS_ADDRESS"}
    for _, pod in pods(rendered(EVERYTHING)):
        (container,) = pod["containers"]
        named = {one["name"] for one in container["env"] if one["name"].startswith("BILLSTREAM_")}
        assert named <= known


def test_each_workload_runs_its_command() -> None:
    found = rendered(REQUIRED)
    assert {name: pod["containers"][0]["args"] for name, pod in pods(found)} == {
        "init": ["init", "--aws"],
        "consumer": ["consume"],
        "aggregator": ["aggregate"],
        "maintain": ["maintain", "--once"],
        "sweep": ["sweep"],
    }
    assert found["Deployment", "consumer"]["spec"]["replicas"] == 2
    assert found["Deployment", "aggregator"]["spec"]["strategy"] == {"type": "Recreate"}
    assert found["PodDisruptionBudget", "consumer"]["spec"]["maxUnavailable"] == 1
    for (kind, _), one in rendered(EVERYTHING).items():
        assert kind != "CronJob" or one["spec"]["concurrencyPolicy"] == "Forbid"
    for kind in ("ServiceAccount", "Job"):
        assert "pre-upgrade" in found[kind, "init"]["metadata"]["annotations"]["helm.sh/hook"]
    for name in ("consumer", "aggregator"):
        (container,) = found["Deployment", name]["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "metrics", "containerPort": 9464}]
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_a_backup_is_made_where_one_is_asked_for() -> None:
    found = rendered(EVERYTHING)
    pod = found["CronJob", "backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["backup", "s3://acme-backups/billstream/", "--keep", "30"]
    assert pod["serviceAccountName"] == "costs-backup"
    assert ("ServiceAccount", "backup") not in rendered(REQUIRED)


def test_each_target_has_a_publisher_with_its_secrets() -> None:
    found = rendered(EVERYTHING)
    for name in ("warehouse", "lake-2"):
        one = found["Deployment", f"publisher-{name}"]["spec"]
        (container,) = one["template"]["spec"]["containers"]
        assert container["args"] == ["publish", name, "--follow"]
        assert container["envFrom"] == [{"secretRef": {"name": "targets"}}]
        assert container["ports"] == [{"name": "metrics", "containerPort": 9464}]
        assert one["template"]["spec"]["serviceAccountName"] == "costs-publisher"
        assert one["strategy"] == {"type": "Recreate"}
        assert one["selector"]["matchLabels"]["target"] == name
    assert {"port": 6432, "protocol": "TCP"} in [
        port for rule in found["NetworkPolicy", ""]["spec"]["egress"] for port in rule["ports"]
    ]
    assert "envFrom" not in found["Deployment", "consumer"]["spec"]["template"]["spec"]["containers"][0]
    assert not [name for _, name in rendered(REQUIRED) if "publisher" in name]


def test_keda_scales_by_batches_and_slowly_down() -> None:
    found = rendered(EVERYTHING)
    scaled = found["ScaledObject", "consumer"]["spec"]
    assert "replicas" not in found["Deployment", "consumer"]["spec"], "they would fight over the number"
    assert scaled["scaleTargetRef"]["name"] == found["Deployment", "consumer"]["metadata"]["name"]
    (trigger,) = scaled["triggers"]
    (container,) = found["Deployment", "consumer"]["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert trigger["metadata"]["queueLength"] == environment["BILLSTREAM_BATCH_FILES"] == "200"
    assert trigger["metadata"]["queueURL"] == environment["BILLSTREAM_QUEUE_URL"]
    assert trigger["metadata"]["scaleOnInFlight"] == "true"
    down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert trigger["authenticationRef"]["name"] == found["TriggerAuthentication", "consumer"]["metadata"]["name"]
    assert ("TriggerAuthentication", "consumer") not in rendered(SPARSE)


def test_selectors_find_their_pods(objects: dict[tuple[str, str], Any]) -> None:
    for (kind, name), one in objects.items():
        if kind == "Deployment":
            wanted = one["spec"]["selector"]["matchLabels"]
            assert wanted.items() <= one["spec"]["template"]["metadata"]["labels"].items()
            if budget := objects.get(("PodDisruptionBudget", name)):
                assert budget["spec"]["selector"]["matchLabels"] == wanted
    network = objects["NetworkPolicy", ""]["spec"]
    assert network["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "billstream",
        "app.kubernetes.io/instance": "costs",
    }


def test_the_chart_is_that_of_the_version() -> None:
    version = re.search(r'^version = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert version
    assert chart["version"] == chart["appVersion"] == version[1]
    schema, values = (
        json.loads((CHART / "values.schema.json").read_text()),
        yaml.safe_load((CHART / "values.yaml").read_text()),
    )
    assert set(values) | {"global"} == set(schema["properties"])
