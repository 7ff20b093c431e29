"""A copy in each kind of catalog does the same: of two processes one is first, and of a dead one nothing is left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from pyiceberg.catalog import load_catalog

from billstream.aggregator.refresh import refresh_once
from billstream.common.errors import Misconfigured, ServiceUnavailable, WriteConflict
from billstream.common.lake import Lake
from billstream.publishing import goal
from billstream.publishing.config import IcebergPlace
from billstream.publishing.follower import publish_once
from billstream.publishing.iceberg import expiry
from billstream.publishing.iceberg.target import TABLES, IcebergTarget
from tests.integration.aggregator_support import NOW, new_lake
from tests.integration.maintenance_support import load
from tests.servers.aws import AwsEnvironment
from tests.servers.ministack import running_glue
from tests.servers.postgres import PostgresServer


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as made:
        yield made


def keeps_the_contract(lake: Lake, place: IcebergPlace) -> None:
    """Publish what changes, with another process beside it, and expire what is old."""
    target, other = (IcebergTarget("target", place, lake=lake) for _ in range(2))
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    assert target.watermark() is None
    assert publish_once(lake, target).change.reason == goal.FIRST
    since = other.watermark()
    load(lake, "b", 2, replaces="a")
    newest = refresh_once(lake, now=NOW).snapshot_id
    changing = other.changing(since, goal.read_goal(lake).watermark)
    changing.__enter__()
    assert publish_once(lake, target).change.reason is None
    with pytest.raises(WriteConflict, match="another process was first"):
        changing.__exit__(None, None, None)
    mark = other.watermark()
    assert mark is not None
    assert mark.snapshot_id == newest
    assert not publish_once(lake, other).changed
    catalog = load_catalog("billstream", **place.properties())
    charges = catalog.load_table(("billstream", "charges"))
    found = charges.scan(selected_fields=("load_id", "billed_cost")).to_arrow().to_pylist()
    expected = lake.rows("SELECT load_id, billed_cost FROM charges")
    assert sorted((row["load_id"], row["billed_cost"]) for row in found) == sorted(expected)
    for name in TABLES:
        table = catalog.load_table(("billstream", name))
        assert len(table.snapshots()) == 2
        expiry.expire(table, timedelta(days=7), datetime.now(UTC) + timedelta(days=9))
        assert table.refresh().snapshots() == [table.current_snapshot()]
    load(lake, "c", 1)
    refresh_once(lake, now=NOW)
    assert publish_once(lake, other).change.reason is None
    assert charges.refresh().scan().to_arrow().num_rows == 3
    catalog.close()
    target.close()
    other.close()


@pytest.mark.skipif(find_spec("psycopg") is None, reason="psycopg is not installed; run `make setup-dev`")
def test_a_catalog_may_be_in_postgresql(
    lake: Lake, tmp_path: Path, postgres: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    monkeypatch.setenv("CATALOG_URL", url)
    catalog = {"type": "sql", "uri_from": "CATALOG_URL", "warehouse": f"file://{tmp_path}/warehouse"}
    place = IcebergPlace(kind="iceberg", catalog=catalog)
    keeps_the_contract(lake, place)

    target = IcebergTarget("target", place, lake=lake)
    assert target.watermark() is not None
    postgres.stop()
    with pytest.raises(ServiceUnavailable, match=r"does not answer\. It is tried again") as gone:
        target.watermark()
    assert "SELECT" not in str(gone.value)
    postgres.start()
    assert target.watermark() is not None
    target.close()

    password = url.split(":")[2].partition("@")[0]
    wrong = {url.replace(password, "another-password"): "refuses the user or the password"}
    wrong[url.replace("/test_", "/no_test_")] = "no such database"
    for value, why in wrong.items():
        monkeypatch.setenv("CATALOG_URL", value)
        refused = IcebergTarget("target", place, lake=lake)
        with pytest.raises(Misconfigured, match=why) as error:
            refused.watermark()
        assert "of CATALOG_URL" in str(error.value)
        assert "another-password" not in str(error.value)


def test_a_driver_that_is_missing_is_named(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_URL", "postgresql+pg8000://user:a-password@localhost/db")
    catalog = {"type": "sql", "uri_from": "CATALOG_URL", "warehouse": f"file://{tmp_path}/warehouse"}
    target = IcebergTarget("target", IcebergPlace(kind="iceberg", catalog=catalog), lake=lake)
    with pytest.raises(Misconfigured, match="No module named 'pg8000'") as error:
        target.watermark()
    assert "a-password" not in str(error.value)


def test_a_catalog_may_be_glue(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator of Glue, which refuses a change of a version that is not the newest, as Glue does."""
    with running_glue() as url:
        aws = AwsEnvironment("ministack", url)
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.s3.create_bucket(Bucket=aws.bucket)
        place = IcebergPlace(kind="iceberg", catalog={"type": "glue", "warehouse": f"s3://{aws.bucket}/iceberg"})
        keeps_the_contract(lake, place)
        target = IcebergTarget("gone", place, lake=lake)
        assert target.watermark() is not None
    with pytest.raises(ServiceUnavailable, match="Could not connect"):
        target.watermark()
