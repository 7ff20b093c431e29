"""Exports in a bucket of S3 whose keys are unusual: told by the queue, listed by a sweep, fetched by their keys."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.intake_support import bill
from tests.integration.operator_support import Commands, commands, forget_notifications
from tests.integration.test_runs import run_of
from tests.servers.aws import AwsEnvironment

pytestmark = pytest.mark.parametrize("aws", ["ministack"], indirect=True)
REPORT = "/cur/20260901-20261001"
RUNS = "cost/daily/20260301-20260331"


@pytest.fixture
def billstream(aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    with commands(tmp_path, monkeypatch, aws.environment()) as made:
        yield made


def test_a_report_without_a_prefix_and_runs_are_consumed_and_swept(aws: AwsEnvironment, billstream: Commands) -> None:
    def put(key: str, text: str) -> None:
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=text.encode())

    put(f"{REPORT}/cur-00001.csv", bill("5 USD"))
    put(f"{REPORT}/cur-Manifest.json", json.dumps({"reportKeys": [f"{REPORT}/cur-00001.csv"]}))
    put(f"{RUNS}/daily_00000001.csv", run_of("01 1"))
    billstream.run("consume", "--drain")
    assert billstream.totals() == {"USD": Decimal(5), "EUR": Decimal(1)}

    put(f"{RUNS}/daily_00000002.csv", run_of("01 1", "02 2"))
    put(f"{REPORT}/cur-00001.csv", bill("7 USD"))
    put(f"{REPORT}/cur-Manifest.json", json.dumps({"reportKeys": [f"{REPORT}/cur-00001.csv"], "assemblyId": "2"}))
    forget_notifications(aws)
    billstream.run("sweep")

    assert billstream.totals() == {"USD": Decimal(7), "EUR": Decimal(3)}
    assert "Nothing to do" in billstream.run("sweep")
    billstream.run("verify", "--s3")
    billstream.run("replay", "--force")
    assert billstream.totals() == {"USD": Decimal(7), "EUR": Decimal(3)}
    billstream.run("verify", "--s3")
