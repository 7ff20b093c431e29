"""The CloudFormation template, deployed on an emulator that checks every call against the policies it made.

Each process runs as a user with nothing but the policy of its role, so a missing permission fails the test; and what
was asked for is compared with what is granted, so a superfluous one does, too.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.deploy.template import ROLES, TEMPLATE, Policy, policies
from tests.e2e.billing import HEADER
from tests.e2e.commands import Billstream
from tests.servers.guarded import Asked, GuardedEmulator, running_guarded_emulator

SECONDS = 850  # less than the time-out of a test
BUDGETS = """
[[budget]]
name = "all"
currency = "EUR"
amount = "1"
alerts = [ { at = 1, of = "actual" } ]
"""
PARAMETERS = {"Name": "kit", "BillingBucket": "kit-bills", "LakeBucket": "kit-lake", "RequireTls": "no"}


@dataclass
class Kit:
    """A stack on the emulator, and users with one policy of it each."""

    emulator: GuardedEmulator
    folder: Path
    keys: dict[str, str] = field(default_factory=dict)  # the role of an access key
    outputs: dict[str, str] = field(default_factory=dict)

    @cached_property
    def root(self) -> boto3.Session:
        return boto3.Session("test", "test", region_name="eu-west-1")

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's
        return self.root.client(service, endpoint_url=self.emulator.endpoint_url)  # type: ignore[call-overload]

    def deploy(self, **parameters: str) -> dict[str, str]:
        """Make a stack; return its outputs."""
        cloudformation = self.client("cloudformation")
        wanted = PARAMETERS | parameters
        cloudformation.create_stack(
            StackName=wanted["Name"],
            TemplateBody=TEMPLATE.read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.items()],
        )
        deadline = time.monotonic() + SECONDS
        while True:
            (stack,) = cloudformation.describe_stacks(StackName=wanted["Name"])["Stacks"]
            if stack["StackStatus"] == "CREATE_COMPLETE":
                return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
            assert stack["StackStatus"] == "CREATE_IN_PROGRESS", self.failures(wanted["Name"])
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def failures(self, name: str) -> list[str]:
        """What went wrong with a stack."""
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        told = ((event["LogicalResourceId"], event.get("ResourceStatusReason", "")) for event in events)
        return [f"{resource}: {reason}" for resource, reason in told if reason]

    def user(self, role: str) -> dict[str, str]:
        """The credentials of a user that has the policy of a role and nothing else."""
        iam = self.client("iam")
        iam.create_user(UserName=role)
        iam.attach_user_policy(UserName=role, PolicyArn=self.outputs[f"{role.capitalize()}Policy"])
        key = iam.create_access_key(UserName=role)["AccessKey"]
        self.keys[key["AccessKeyId"]] = role
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def billstream(self, role: str, **more: str) -> Billstream:
        """The commands, as this role, in the environment that the stack tells."""
        told = dict(line.split("=", 1) for line in self.outputs["Environment"].splitlines())
        where = {"AWS_ENDPOINT_URL": self.emulator.endpoint_url, "BILLSTREAM_HOME": str(self.folder)}
        files = {"BILLSTREAM_BUDGETS": str(self.folder / "budgets.toml"), "BILLSTREAM_ALERTS": str(self.alerts)}
        return Billstream(self.folder, told | where | files | self.credentials[role] | more)

    @cached_property
    def credentials(self) -> dict[str, dict[str, str]]:
        return {role: self.user(role) for role in ROLES}

    @property
    def alerts(self) -> Path:
        return self.folder / "alerts.toml"

    def asked(self, role: str) -> list[Asked]:
        return [one for one in self.emulator.asked() if self.keys.get(one.key) == role]

    def put(self, key: str, cost: str) -> None:
        line = f"{datetime.now(UTC):%Y-%m-%d}T00:00:00Z,EUR,{cost},{cost},{cost},Compute,eu-west-1,ann@example.com"
        self.client("s3").put_object(Bucket="kit-bills", Key=key, Body=f"{HEADER}\n{line}\n".encode())

    def until(self, role: str, *wanted: str) -> None:
        """Wait until a role has asked for these actions."""
        deadline = time.monotonic() + SECONDS
        while not set(wanted) <= {one.action for one in self.asked(role)}:
            assert time.monotonic() < deadline, sorted({(one.action, one.denied) for one in self.asked(role)})
            time.sleep(0.1)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with running_guarded_emulator() as emulator:
        kit = Kit(emulator, tmp_path_factory.mktemp("kit"))
        topic = kit.client("sns").create_topic(Name="costs")["TopicArn"]
        (kit.folder / "budgets.toml").write_text(BUDGETS)
        kit.alerts.write_text(f'[sink.topic]\nkind = "sns"\ntopic = "{topic}"\n')
        kit.client("s3").create_bucket(
            Bucket="kit-backups", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        kit.outputs = kit.deploy(AlertTopicArn=topic, BackupBucket="kit-backups")
        yield kit


def free_address() -> str:
    """An address where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


def running(kit: Kit, role: str, command: str, wait: Callable[[], None], **more: str) -> None:
    """Run a service until it has done something, and stop it as a service manager does."""
    process = kit.billstream(role, **more).start(command)
    try:
        wait()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0, (kit.folder / f"{command}.log").read_text()


def test_the_stack_is_what_init_would_make(kit: Kit) -> None:
    told = kit.billstream("init").run("init", "--aws")
    assert "made" not in told, told
    assert "updated" not in told, told


def test_init_connects_a_bucket_that_exists(kit: Kit) -> None:
    before = kit.client("s3").get_bucket_notification_configuration(Bucket="kit-bills")["QueueConfigurations"]
    kit.client("s3").put_bucket_notification_configuration(Bucket="kit-bills", NotificationConfiguration={})
    dead_letters = kit.outputs["DeadLetterQueueUrl"]
    kit.client("sqs").set_queue_attributes(QueueUrl=dead_letters, Attributes={"VisibilityTimeout": "30"})
    told = kit.billstream("init", BILLSTREAM_MAX_RECEIVES="5").run("init", "--aws")
    assert told.count("made") + told.count("updated") == 3, told
    (entry,) = kit.client("s3").get_bucket_notification_configuration(Bucket="kit-bills")["QueueConfigurations"]
    assert set(entry["Events"]) == {event for one in before for event in one["Events"]}

    # And a stack leaves such a bucket alone.
    outputs = kit.deploy(Name="old", BillingBucket="old-bills", LakeBucket="old-lake", CreateBillingBucket="no")
    assert "BILLSTREAM_BUCKET=old-bills" in outputs["Environment"]
    assert "old-bills" not in {bucket["Name"] for bucket in kit.client("s3").list_buckets()["Buckets"]}


def test_every_process_works_with_the_policy_of_its_role(kit: Kit) -> None:
    sqs = kit.client("sqs")
    queue = {"QueueUrl": kit.outputs["QueueUrl"]}
    # Messages are extended at a third of the time-out, so that a batch that stays open for seconds shows it.
    sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "3"})
    for number in range(3):
        kit.put(f"year=2026/{number}.csv", f"{number}.25")
    kit.client("s3").delete_object(Bucket="kit-bills", Key="year=2026/0.csv")
    running(
        kit,
        "consumer",
        "consume",
        lambda: kit.until("consumer", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "s3:ListBucket"),
        BILLSTREAM_BATCH_SECONDS="4",
        BILLSTREAM_SWEEP_SECONDS="6",
        BILLSTREAM_METRICS_ADDRESS=free_address(),
    )
    running(
        kit,
        "aggregator",
        "aggregate",
        lambda: kit.until("aggregator", "sns:Publish", "s3:PutObject", "cloudwatch:GetMetricStatistics"),
        BILLSTREAM_METRICS_ADDRESS=free_address(),
    )

    operator = kit.billstream("operator")
    sqs.send_message(QueueUrl=kit.outputs["DeadLetterQueueUrl"], MessageBody="no notification")
    operator.run("status")
    operator.run("dlq")
    operator.run("redrive")
    sqs.send_message(QueueUrl=kit.outputs["DeadLetterQueueUrl"], MessageBody="no notification")
    operator.run("redrive", "--limit", "1")
    operator.run("replay", "--via-queue")
    operator.run("replay", "--force")
    operator.run("verify", "--s3")
    operator.run("rebuild")
    operator.run("alerts", "test", "topic")
    operator.run("doctor", "--output", str(kit.folder / "report.json"))

    place = "s3://kit-backups/billstream/"
    for _ in range(2):  # the second one removes the first
        kit.billstream("backup").run("backup", place, "--keep", "1")
    operator.run("restore", place, "--to", str(kit.folder / "trial"))

    [told] = kit.billstream("reader").sql("SELECT sum(billed_cost) AS cost FROM charges")
    assert Decimal(told["cost"]) == Decimal("3.5")

    upkeep = kit.billstream("maintain")
    upkeep.run("maintain", "--once")
    upkeep.run("maintain", "--orphans")
    steps = subprocess.run(
        [sys.executable, "-m", "tests.deploy.maintaining"],
        env=upkeep.env(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert {"Merge", "Expire", "CleanUp"} <= set(steps.stdout.split("\n")[-2].split()), steps.stdout

    # In this test and not in one of its own: workers of a test run share no emulator.
    wrong = {policy.role: differences(kit, policy) for policy in policies()}
    assert {role: found for role, found in wrong.items() if found} == {}


def differences(kit: Kit, policy: Policy) -> list[str]:
    """Where what a role is granted and what its processes asked for are not the same."""
    asked = kit.asked(policy.role)
    granted = {(action, actual(resource)) for action, resource in policy.granted()}

    def covers(grant: tuple[str, str], one: Asked) -> bool:
        return grant[0] == one.action and fnmatchcase(one.resource, grant[1])

    unused = [grant for grant in granted if not any(covers(grant, one) for one in asked)]
    foreign = {one.action for one in asked if not any(covers(grant, one) for grant in granted)}
    return [
        *(f"denied: {one.action} {one.resource}" for one in asked if one.denied),
        *(f"granted and not used: {grant}" for grant in sorted(unused) if grant[0] not in policy.not_observed),
        *(f"not granted: {action}" for action in sorted(foreign)),
    ]


def actual(resource: str) -> str:
    """The resource of the stack that a placeholder stands for."""
    for placeholder, name in {
        "<billing bucket>": "kit-bills",
        "<lake bucket>": "kit-lake",
        "<backup bucket>": "kit-backups",
        "<region>:<account>:billstream": "eu-west-1:000000000000:kit",
        "<alert topic arn>": "arn:aws:sns:eu-west-1:000000000000:costs",
    }.items():
        resource = resource.replace(placeholder, name)
    return resource
