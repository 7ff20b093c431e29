"""The CloudFormation template without AWS: cfn-lint accepts it, and it keeps the product's own rules."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from billstream.common.settings import Settings
from billstream.consumer.provision.buckets import EVENTS
from billstream.consumer.provision.policies import STATEMENT_ID
from billstream.consumer.provision.queues import MINIMUM
from tests.deploy.template import ROLES, TEMPLATE, policies, read_template

TERRAFORM = TEMPLATE.parents[1] / "terraform"
MOST_BYTES = 51_200  # of a template that is sent as it is, and not by way of a bucket


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


def test_cfn_lint_finds_nothing() -> None:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed")
    lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(lint), "--format", "json", "--non-zero-exit-code", "informational"]
    done = subprocess.run(
        [*command, str(TEMPLATE)], capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
    )
    assert json.loads(done.stdout or "[]") == [], done.stdout
    assert done.returncode == 0, done.stderr


def test_the_queues_are_what_init_makes(template: dict[str, Any]) -> None:
    for name in ("Queue", "DeadLetterQueue"):
        properties = template["Resources"][name]["Properties"]
        assert {key: properties[key] for key in MINIMUM} == MINIMUM
        assert "KmsMasterKeyId" in properties
    events = template["Resources"]["Billing"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert sorted(entry["Event"] for entry in events) == sorted(EVENTS)
    ours = template["Resources"]["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert ours["Sid"] == STATEMENT_ID
    assert template["Parameters"]["MaxReceives"]["Default"] == Settings.model_fields["max_receives"].default


def test_what_holds_data_outlives_the_stack(template: dict[str, Any]) -> None:
    for name in ("Billing", "Lake", "Key", "DeadLetterQueue"):
        assert template["Resources"][name]["DeletionPolicy"] == "Retain"
        assert template["Resources"][name]["UpdateReplacePolicy"] == "Retain"
    for name in ("Billing", "Lake"):
        properties = template["Resources"][name]["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_every_role_has_its_policy_and_nothing_else(template: dict[str, Any]) -> None:
    for role in ROLES:
        properties = template["Resources"][f"{role.capitalize()}Role"]["Properties"]
        assert properties["ManagedPolicyArns"] == [{"Ref": f"{role.capitalize()}Policy"}]
        assert "Policies" not in properties
    for policy in policies():
        assert set(policy.not_observed) <= {action for action, _ in policy.granted()}
        everywhere = {action for action, resource in policy.granted() if resource == "*"}
        assert everywhere <= {"cloudwatch:GetMetricStatistics"}, "it takes no resource; every other action does"


def test_the_outputs_are_settings(template: dict[str, Any]) -> None:
    told = template["Outputs"]["Environment"]["Value"]["Fn::Sub"]
    names = [line.partition("=")[0] for line in told.splitlines()]
    known = {f"BILLSTREAM_{name.upper()}" for name in Settings.model_fields}
    assert set(names) - known == {"AWS_REGION"}


def test_it_is_small_enough_to_be_sent_as_it_is() -> None:
    assert len(TEMPLATE.read_bytes()) < MOST_BYTES


def test_terraform_makes_the_stack_and_nothing_beside_it(template: dict[str, Any]) -> None:
    text = "\n".join(file.read_text() for file in sorted(TERRAFORM.glob("*.tf")))
    assert re.findall(r'^resource "(\w+)"', text, re.MULTILINE) == ["aws_cloudformation_stack"]
    (body,) = re.findall(r'file\("\$\{path\.module\}/(.+)"\)', text)
    assert (TERRAFORM / body).resolve() == TEMPLATE
    given = set(re.findall(r"^ +(\w+) += var\.\w+$", text, re.MULTILINE)) - {"name"}
    required = {name for name, one in template["Parameters"].items() if "Default" not in one}
    assert required <= given <= set(template["Parameters"])
    assert set(re.findall(r'outputs\["(\w+)"\]', text)) <= set(template["Outputs"])
    used, made = set(re.findall(r"\bvar\.(\w+)", text)), set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert used == made
