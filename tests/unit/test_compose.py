"""`docker-compose.yml` and the image it builds say what they must, as far as no container engine is needed to tell."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = (REPOSITORY / "deploy" / "Dockerfile").read_text()
OURS = ("init", "consumer", "aggregator")
READER = "reader"
PINNED = re.compile(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*")
SECRET = re.compile("PASSWORD|SECRET|TOKEN|CREDENTIAL|ACCESS_KEY", re.IGNORECASE)
OF_LOCALSTACK = "test"  # what LocalStack accepts from anybody
WITHOUT_DEFAULT = re.compile(r"\$\{BILLSTREAM_(POSTGRES|READER)_PASSWORD:\?set a password\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    validator(schema, format_checker=jsonschema.FormatChecker()).validate(compose)


def test_the_validator_would_object_to_a_misspelt_key(compose: dict[str, Any]) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    consumer = compose["services"]["consumer"] | {"depend_on": ["init"]}
    with pytest.raises(jsonschema.ValidationError, match="depend_on"):
        jsonschema.validate(compose | {"services": {"consumer": consumer}}, schema)


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values()]
    images += re.findall(r"^ARG BASE_IMAGE=(\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == len(compose["services"]) + 1
    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_every_stage_is_built_on_the_pinned_base() -> None:
    assert {line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM ")} == {"${BASE_IMAGE}"}


def test_the_image_is_tagged_with_the_version(compose: dict[str, Any]) -> None:
    version = re.search(r'^version = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert compose["services"]["consumer"]["image"] == f"billstream:{version[1]}"


def test_no_password_has_a_default(compose: dict[str, Any]) -> None:
    values = {
        value
        for service in compose["services"].values()
        for name, value in service["environment"].items()
        if SECRET.search(name)
    }
    assert [value for value in values - {OF_LOCALSTACK} if not WITHOUT_DEFAULT.fullmatch(value)] == []
    passwords = {
        value.rpartition("@")[0].partition("://")[2].partition(":")[2]
        for service in compose["services"].values()
        for value in service["environment"].values()
        if "@" in value
    }
    assert len(passwords) == 2
    assert [password for password in passwords if not WITHOUT_DEFAULT.fullmatch(password)] == []
    assert not SECRET.search(DOCKERFILE)


def test_all_our_services_are_one_image_in_one_environment(compose: dict[str, Any]) -> None:
    services = [compose["services"][name] for name in OURS]
    for key in ("image", "build", "environment"):
        assert all(service[key] == services[0][key] for service in services)
    assert [service["command"] for service in services] == [["init", "--aws"], ["consume"], ["aggregate"]]


def test_the_reader_differs_in_its_role_only(compose: dict[str, Any]) -> None:
    reader, consumer = compose["services"][READER], compose["services"]["consumer"]
    assert reader["profiles"] == ["reader"]
    different = reader["environment"].items() ^ consumer["environment"].items()
    assert {name for name, _ in different} == {"BILLSTREAM_CATALOG"}
    assert reader["environment"]["BILLSTREAM_CATALOG"].startswith("postgresql://billstream_reader:")


def test_our_containers_write_only_where_they_must_and_have_limits(compose: dict[str, Any]) -> None:
    for name in (*OURS, READER):
        service = compose["services"][name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert [place.partition(":")[0] for place in service["tmpfs"]] == ["/tmp"]  # noqa: S108 - of the container
        assert service["pids_limit"] <= 512
        assert service["mem_limit"] == "4g"


def test_the_consumer_scales(compose: dict[str, Any]) -> None:
    consumer = compose["services"]["consumer"]
    assert consumer.keys().isdisjoint({"container_name", "ports", "hostname", "volumes"})
    assert consumer["depends_on"]["init"]["condition"] == "service_completed_successfully"


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_servers_are_waited_for_until_they_are_healthy(compose: dict[str, Any]) -> None:
    for name, dependency in compose["services"]["init"]["depends_on"].items():
        assert dependency["condition"] == "service_healthy"
        assert "healthcheck" in compose["services"][name]


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])}
    assert used == set(compose["volumes"])


def test_the_volumes_belong_to_the_user_of_the_image(compose: dict[str, Any]) -> None:
    """A new volume gets the owner of the folder under it in the image; one that the image lacks belongs to root."""
    final_stage = DOCKERFILE.rpartition("FROM ")[2].replace("\\\n", " ")
    made = {
        folder: (owner, mode)
        for owner, mode, folder in re.findall(
            r"install --directory --owner=(\w+) --group=\w+ --mode=(\d+) +(\S+)", final_stage
        )
    }
    mounted = {volume.split(":")[1] for name in OURS for volume in compose["services"][name].get("volumes", [])}
    for folder in {"/var/lib/billstream", *mounted}:
        assert made[folder][0] == "billstream"
    assert {folder: mode for folder, (_, mode) in made.items()} == {
        "/var/lib/billstream": "0700",
        "/var/lib/billstream/insights": "0755",
    }


def test_the_image_runs_unprivileged_and_stops_on_sigterm() -> None:
    final_stage = DOCKERFILE.rpartition("FROM ")[2]
    for line in ("USER 10001:10001", "STOPSIGNAL SIGTERM", 'ENTRYPOINT ["billstream"]', "VOLUME /var/lib/billstream"):
        assert line in final_stage.splitlines()
