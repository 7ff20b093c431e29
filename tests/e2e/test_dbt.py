"""The dbt project of examples/dbt on a lake that changes: its marts are the sums of the files that are active."""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from tests.e2e.commands import REPOSITORY, SECONDS, Billstream
from tests.servers.aws import AwsEnvironment
from tests.servers.postgres import PostgresServer

DBT = REPOSITORY / ".venv-dbt" / "bin" / "dbt"
MISSING = "no dbt: `make setup-dbt` makes .venv-dbt"
HEADER = (
    "ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,BillingPeriodEnd,BillingCurrency,BilledCost,EffectiveCost,"
    "ListCost,ChargeCategory,ProviderName,ServiceName,ConsumedQuantity,ConsumedUnit,CommitmentDiscountId,"
    "CommitmentDiscountStatus,Tags"
)
EVERY_DAY = "Every day of costs_by_team is computed"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DBT.exists(), reason=MISSING)]


@dataclass(frozen=True)
class Charge:
    """One line of a file."""

    day: int
    cost: str
    team: str | None = None
    service: str = "Compute"
    category: str = "Usage"
    commitment: str = ""
    status: str = ""
    currency: str = "USD"
    hours: int = 24  # that it lasts

    @property
    def line(self) -> str:
        start = f"2026-03-{self.day:02}T00:00:00Z"
        end = f"2026-03-{self.day + self.hours // 24:02}T00:00:00Z"
        quantity = "2.5,Hours" if self.category == "Usage" else ","
        tags = f'"{{""team"": ""{self.team}""}}"' if self.team else ""
        effective = "0" if self.category == "Purchase" else self.cost
        return (
            f"{start},{end},2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,{self.currency},{self.cost},{effective},"
            f"{Decimal(self.cost) * 2:f},{self.category},Cloud,{self.service},{quantity},{self.commitment},"
            f"{self.status},{tags}"
        )


Files = dict[str, list[Charge]]


@dataclass
class Project:
    """A copy of the project, beside a lake that consumers fill from a bucket."""

    folder: Path
    billstream: Billstream
    aws: AwsEnvironment
    target: str
    environment: Mapping[str, str]
    postgres: PostgresServer
    database: str = ""

    def load(self, changed: Files, removed: Iterable[str] = ()) -> None:
        """Put files, remove others, and let a consumer take what it is told."""
        for key, charges in changed.items():
            body = "\n".join([HEADER, *(charge.line for charge in charges), ""]).encode()
            self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=body)
        for key in removed:
            self.aws.s3.delete_object(Bucket=self.aws.bucket, Key=key)
        self.billstream.run("consume", "--drain")

    def dbt(self, *arguments: str, expect: int = 0) -> str:
        """Run dbt in the project; what it printed."""
        done = subprocess.run(
            [DBT, "--no-use-colors", *arguments, "--target", self.target],
            cwd=self.folder,
            # Without PYTHONPATH: packages of billstream's environment are none of dbt's.
            env={**self.billstream.env(), "PYTHONPATH": "", "DO_NOT_TRACK": "1", **self.environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def failures(self) -> set[str]:
        """The tests that failed in the last run, by their names."""
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        return {one["unique_id"].split(".")[2] for one in results if one["status"] in {"fail", "error"}}

    def snapshot(self) -> int:
        """The newest snapshot of the lake."""
        return int(self.billstream.sql("SELECT max(snapshot_id) AS newest FROM lake.snapshots()")[0]["newest"])

    def rows(self, columns: str, mart: str) -> set[tuple[str, ...]]:
        """The rows of a mart as texts, with an empty one for NULL."""
        texts = ", ".join(f"coalesce(CAST({column} AS TEXT), '')" for column in columns.split(", "))
        query = f"SELECT {texts} FROM {mart}"
        if self.database:
            return {tuple(line.split("|")) for line in self.postgres.execute(query, self.database).splitlines()}
        with duckdb.connect(self.folder / "marts.duckdb", read_only=True) as con:
            return set(con.execute(query).fetchall())


@pytest.fixture(params=["duckdb", "postgres"])
def project(
    request: pytest.FixtureRequest, postgres: PostgresServer, postgres_url: str, aws: AwsEnvironment, tmp_path: Path
) -> Iterator[Project]:
    """On one host, and with catalog and marts in PostgreSQL and the data in S3."""
    copytree(REPOSITORY / "examples" / "dbt", tmp_path / "dbt")
    lake, environment, database = dict(aws.environment()), dict[str, str](), ""
    if request.param == "postgres":
        lake |= {"BILLSTREAM_CATALOG": postgres_url, "BILLSTREAM_DATA_PATH": f"s3://{aws.new_bucket()}/lake/"}
        parts = urlsplit(postgres.create_database())
        database = parts.path.lstrip("/")
        environment["PGPASSWORD"] = str(parts.password)
        environment["BILLSTREAM_MARTS"] = (
            f"host={parts.hostname} port={parts.port} user={parts.username} dbname={database}"
        )
    billstream = Billstream(tmp_path / "home", lake)
    billstream.run("init")
    yield Project(tmp_path / "dbt", billstream, aws, request.param, environment, postgres, database)
    if database:
        postgres.drop_database(f"/{database}")


def exact(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.18f}"


def costs_by_team(files: Files) -> set[tuple[str, ...]]:
    """What the mart has to be: counted here, and not by SQL."""
    sums: dict[tuple[str, ...], list[Decimal]] = defaultdict(list)
    for charge in (charge for charges in files.values() for charge in charges):
        cell = (f"2026-03-{charge.day:02}", charge.team or "", charge.service, charge.currency)
        sums[cell].append(Decimal(charge.cost))
    return {(*cell, str(len(costs)), exact(sum(costs, Decimal()))) for cell, costs in sums.items()}


def commitments(files: Files) -> set[tuple[str, ...]]:
    sums: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for charge in (charge for charges in files.values() for charge in charges if charge.commitment):
        kind = charge.status or charge.category
        cell = sums[charge.commitment, charge.currency]
        cell[kind] = cell.get(kind, Decimal()) + Decimal(charge.cost)
    return {
        (*cell, *(exact(of.get(kind)) for kind in ("Purchase", "Used", "Unused", "Used")))  # list is twice the cost
        for cell, of in sums.items()
    }


def unit_costs(files: Files) -> set[tuple[str, ...]]:
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for charge in (charge for charges in files.values() for charge in charges if charge.category == "Usage"):
        sums[charge.service, charge.currency].append(Decimal(charge.cost))
    return {
        (*cell, "Hours", exact(sum(costs, Decimal())), exact(len(costs) * Decimal("2.5")))
        for cell, costs in sums.items()
    }


def assert_marts(project: Project, files: Files) -> None:
    by_team = "charge_day, team, service_name, billing_currency, charge_rows, billed_cost"
    assert project.rows(by_team, "costs_by_team") == costs_by_team(files)
    bought = "commitment_discount_id, billing_currency, purchased_cost, used_cost, unused_cost, saved_cost"
    assert project.rows(bought, "commitments") == commitments(files)
    units = "service_name, billing_currency, consumed_unit, effective_cost, consumed_quantity"
    assert project.rows(units, "unit_costs") == unit_costs(files)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_the_marts_follow_the_lake(project: Project) -> None:
    files: Files = {
        "a.csv": [Charge(1, "1.250000000000000001", "red"), Charge(1, "0.1"), Charge(2, "3", "blue", currency="EUR")],
        "b.csv": [Charge(3, "7", "red"), Charge(4, "-2.5", "blue", "Storage")],
        "c.csv": [
            Charge(5, "10", category="Purchase", commitment="plan"),
            Charge(5, "6.000000000000000003", "red", commitment="plan", status="Used"),
            Charge(5, "4", commitment="plan", status="Unused"),
        ],
    }
    project.load(files)
    before = project.snapshot()
    project.dbt("build")
    assert_marts(project, files)
    project.dbt("source", "freshness")
    project.dbt("source", "freshness", "--vars", "{stale_after_hours: 0}", expect=1)
    assert project.snapshot() == before

    # A version that leaves a day and comes to another, a file that goes with all its days, and a new one.
    changed: Files = {
        "a.csv": [Charge(1, "2", "red"), Charge(7, "8")],
        "d.csv": [Charge(3, "1", "red"), Charge(8, "9")],
    }
    project.load(changed, removed=["b.csv"])
    files = {key: charges for key, charges in {**files, **changed}.items() if key != "b.csv"}
    assert EVERY_DAY not in project.dbt("build")
    assert_marts(project, files)
    assert EVERY_DAY not in project.dbt("run", "--select", "costs_by_team")  # nothing has changed
    assert_marts(project, files)

    # The snapshots since the last run are gone, and with them what was deleted.
    project.load({"e.csv": [Charge(9, "5")]}, removed=["d.csv"])
    files = {**files, "e.csv": [Charge(9, "5")]}
    del files["d.csv"]
    short = Billstream(project.billstream.home, {**project.billstream.environment, "BILLSTREAM_KEEP_SNAPSHOTS": "0.01"})
    short.run("aggregate", "--once")
    short.run("maintain", "--once")
    assert EVERY_DAY in project.dbt("run")
    assert_marts(project, files)

    # billstream loads a charge that ends when it begins, and says so; dbt fails, and leaves the marts as they were.
    project.load({"f.csv": [Charge(6, "1", hours=0)]})
    project.dbt("build", expect=1)
    assert project.failures() == {"charge_period_goes_forward"}
    assert_marts(project, files)


def test_the_environment_has_the_engine_of_billstream() -> None:
    python = DBT.with_name("python")
    done = subprocess.run(
        [python, "-c", "import duckdb; print(duckdb.__version__)"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    found: Any = done.stdout.strip()
    assert found == duckdb.__version__
