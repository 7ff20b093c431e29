"""What only a copy in Iceberg has: snapshots of its own that go, writers beside us, other catalogs, and readers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from billstream.aggregator.refresh import refresh_once
from billstream.common.errors import Misconfigured, ServiceUnavailable, WriteConflict
from billstream.common.lake import Lake
from billstream.publishing import goal
from billstream.publishing.config import IcebergPlace
from billstream.publishing.follower import publish_once
from billstream.publishing.iceberg import expiry
from billstream.publishing.iceberg.marks import read_state
from billstream.publishing.iceberg.target import TABLES, IcebergTarget
from billstream.publishing.lag import read_lags
from tests.integration.aggregator_support import NOW, Row, commit_load, new_lake, remove_load
from tests.integration.iceberg_support import Lakehouse, needed
from tests.integration.maintenance_support import load
from tests.integration.publish_support import load_odd_days
from tests.servers import engines
from tests.servers.aws import AwsEnvironment
from tests.servers.iceberg_rest import TOKEN, rest_catalog

DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as made:
        yield made


@pytest.fixture
def house(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path / "lakehouse")


def changed(lake: Lake, target: IcebergTarget, name: str, days: int = 3, replaces: str | None = None) -> None:
    """Load a file, refresh, and publish the changes."""
    load(lake, name, days, replaces=replaces)
    refresh_once(lake, now=NOW)
    assert publish_once(lake, target).change.reason is None


def test_each_commit_is_one_snapshot_that_names_the_lakes(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 40)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        changed(lake, target, "b", 2, replaces="a")
    for name in TABLES:
        table = house.table(name)
        assert [len(table.snapshots()), len(table.history())] == [2, 2]
        current = table.current_snapshot()
        assert current is not None
        assert current.summary is not None
        kept = {key: value for key, value in table.properties.items() if key in current.summary.additional_properties}
        assert len(kept) == 6
        assert kept["billstream.snapshot-id"] == str(house.snapshot())
        assert all(current.summary.additional_properties[key] == value for key, value in kept.items())
        assert [field.transform.__class__.__name__ for field in table.spec().fields] == ["MonthTransform"]


def test_only_files_with_changed_days_are_written_anew(
    lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billstream.publishing.iceberg.change.SMALL_FILE_BYTES", 0)
    load(lake, "a", 70)  # July to September
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        before = {task.file.file_path for task in house.table("charges").scan().plan_files()}
        changed(lake, target, "b", 2)
        after = {task.file.file_path for task in house.table("charges").scan().plan_files()}
    assert len(before) == 3
    assert len(before & after) == 2
    assert house.contradictions() == []


def test_small_files_of_a_month_become_one(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        for number in range(4):
            changed(lake, target, f"more-{number}", 2)
    for name in TABLES:
        assert len(list(house.table(name).scan().plan_files())) <= 2
    assert house.contradictions() == []


def test_manifests_without_files_are_left_behind(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        for number in range(3):
            changed(lake, target, f"more-{number}", 2)
    for name in TABLES:
        table = house.table(name)
        # What the last commit added, and what it removed.
        assert [len(one.manifests(table.io)) for one in table.snapshots()] == [1, 2, 2, 2]
    assert house.contradictions() == []


def test_many_changes_make_few_manifests(lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change adds a file, and none is written anew: without merging there is a manifest for each of them."""
    monkeypatch.setattr("billstream.publishing.iceberg.change.SMALL_FILE_BYTES", 0)
    monkeypatch.setattr("billstream.publishing.iceberg.overwrite.MERGED_FROM", 3)
    with house.target(lake) as target:
        for month in range(1, 6):
            day = datetime(2026, month, 10, tzinfo=UTC)
            commit_load(lake, f"m{month}", [Row(day, billed_cost=Decimal(month))], scope=f"s3://b/m{month}")
            refresh_once(lake, now=NOW)
            publish_once(lake, target)
    for name in TABLES:
        table = house.table(name)
        assert [len(one.manifests(table.io)) for one in table.snapshots()] == [1, 2, 1, 2, 1]
        rows = [table.scan(snapshot_id=one.snapshot_id).to_arrow().num_rows for one in table.snapshots()]
        assert rows == [1, 2, 3, 4, 5]
        # Files keep the sequence number of the change that added them, and only the last change's are new in it.
        entries = table.inspect.entries().to_pylist()
        assert sorted((one["sequence_number"], one["status"]) for one in entries) == [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 0),
            (5, 1),
        ]
    assert house.contradictions() == []


def test_old_snapshots_go_with_their_files(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        for number in range(3):
            changed(lake, target, f"more-{number}", 2, replaces=f"more-{number - 1}" if number else None)
        everything, charges = house.files(), house.charges()
        table = house.table("charges")
        assert expiry.expire(table, 7 * DAY, datetime.now(UTC) + 6 * DAY) == 0
        assert house.files() == everything
        removed = expiry.expire(table, 7 * DAY, datetime.now(UTC) + 9 * DAY)
        assert removed == len(everything) - len(house.files()) > 0
        assert len(house.table("charges").snapshots()) == 1
        assert house.charges() == charges
        left = house.files()
        assert left == expiry._files(table.io, house.table("charges").snapshots())
        changed(lake, target, "late", 2)  # goes on, as the current snapshot has the watermark
    assert house.contradictions() == []


def test_of_two_processes_one_expires(lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        changed(lake, target, "b", 2, replaces="a")
    table, others, later = house.table("charges"), house.table("charges"), datetime.now(UTC) + 9 * DAY
    commit = SqlCatalog.commit_table

    def second(self: SqlCatalog, *rest: Any) -> Any:  # noqa: ANN401
        monkeypatch.setattr(SqlCatalog, "commit_table", commit)
        assert expiry.expire(others, DAY, later) > 0
        return commit(self, *rest)

    monkeypatch.setattr(SqlCatalog, "commit_table", second)
    with pytest.raises(CommitFailedException, match="another process has removed the snapshots"):
        expiry.expire(table, DAY, later)
    assert house.files() == needed(house.table("charges"))


def test_a_follower_at_work_keeps_few_snapshots(lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MOST_SNAPSHOTS", 3)
    monkeypatch.setattr(expiry, "LEAST_AGE", timedelta(0))
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        for number in range(5):
            changed(lake, target, f"more-{number}", 1)
    assert [len(house.table(name).snapshots()) for name in TABLES] == [3] * 5
    assert house.contradictions() == []


def test_a_tag_of_the_owner_keeps_its_snapshot(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        table = house.table("charges")
        snapshot = table.current_snapshot()
        assert snapshot is not None
        table.manage_snapshots().create_tag(snapshot.snapshot_id, "closed").commit()
        changed(lake, target, "b", 2, replaces="a")
        expiry.expire(house.table("charges"), DAY, datetime.now(UTC) + 9 * DAY)
    assert house.table("charges").scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows == 3


def test_what_others_write_is_made_good(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        before = house.charges()
        house.table("charges").delete("load_id = 'a'")
        assert house.charges() != before
        assert publish_once(lake, target).change.reason == goal.FIRST
    assert house.charges() == before
    assert house.contradictions() == []


def test_a_table_that_was_rolled_back_takes_the_others_with_it(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        first = house.snapshot()
        changed(lake, target, "b", 2, replaces="a")
        table = house.table("daily_costs")
        table.manage_snapshots().set_current_snapshot(table.snapshots()[0].snapshot_id).commit()
        mark = target.watermark()
        assert mark is not None
        assert mark.snapshot_id == first
        done = publish_once(lake, target)
        assert (done.changed, done.change.reason) == (True, None)
    assert house.snapshot() > first
    assert house.contradictions() == []


def test_of_two_processes_one_is_first(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as one, house.target(lake) as other:
        publish_once(lake, one)
        since = one.watermark()
        load(lake, "b", 3, replaces="a")
        refresh_once(lake, now=NOW)
        new = goal.read_goal(lake).watermark
        before = house.files()
        changing = one.changing(since, new)
        changing.__enter__()
        publish_once(lake, other)
        published = house.charges()
        with pytest.raises(WriteConflict, match="another process was first"):
            changing.__exit__(None, None, None)
        assert house.charges() == published
        assert len(house.table("charges").snapshots()) == 2
        assert not publish_once(lake, one).changed
    assert house.files() > before
    assert house.contradictions() == []


@pytest.mark.parametrize("lost", ["reply", "refusal"])
def test_a_commit_whose_outcome_is_unknown_loses_nothing(
    lake: Lake, house: Lakehouse, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Glue or a proxy does it: the commit is made, and the answer is lost, or says that it was refused."""
    commit = SqlCatalog.commit_table
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        load(lake, "b", 3, replaces="a")
        newest = refresh_once(lake, now=NOW).snapshot_id
        failed = list[bool]()

        def landed(self: SqlCatalog, table: Table, *rest: Any) -> Any:  # noqa: ANN401
            answer = commit(self, table, *rest)
            if table.name()[-1] == "user_costs" and not failed:
                failed.append(True)
                raise CommitFailedException("refused") if lost == "refusal" else OSError("connection reset")
            return answer

        monkeypatch.setattr(SqlCatalog, "commit_table", landed)
        if lost == "reply":
            with pytest.raises(ServiceUnavailable, match="does not answer"):
                publish_once(lake, target)
            assert [mark == newest for mark in house.snapshots()] == [True, True, True, False, False]
            assert publish_once(lake, target).change.reason is None
        else:
            assert publish_once(lake, target).changed
    assert failed
    assert house.snapshot() == newest
    assert {key[0] for key in house.charges()} == {"b"}
    assert house.contradictions() == []


def test_tables_of_others_stay_as_they_are(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    catalog = SqlCatalog("billstream", **house.catalog)
    catalog.create_namespace("billstream")
    catalog.create_table(("billstream", "daily_costs"), pa.schema([("mine", pa.int32())]))
    catalog.close()
    with house.target(lake) as target, pytest.raises(Misconfigured, match="daily_costs that billstream did not make"):
        publish_once(lake, target)
    assert house.tables() == ["daily_costs"]


def test_new_columns_come_with_everything(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        with house.table("charges").update_schema() as update:
            update.delete_column("tags")
        wanted = goal.read_goal(lake)
        mark = target.watermark()
        assert mark is not None
        with target.changing(mark, replace(wanted.watermark, layout="of an older version")):
            pass
        assert publish_once(lake, target).change.reason == goal.OTHER_LAYOUT
    assert "tags" in house.table("charges").schema().column_names
    assert house.contradictions() == []


def test_days_beyond_the_calendar_have_no_day(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 1)
    load_odd_days(lake)
    refresh_once(lake, now=NOW)
    odd = "SELECT charge_day::VARCHAR, charge_period_start::VARCHAR FROM billstream.charges WHERE load_id = 'odd'"
    with house.target(lake) as target:
        publish_once(lake, target)
        assert sorted(house.rows(odd), key=str) == [
            ("0099-01-01", "0099-01-01 00:00:00+00"),
            (None, "9999-12-31 00:00:00+00"),
            (None, None),
            (None, None),
        ]
        assert house.rows("SELECT sum(billed_cost) FROM billstream.daily_costs WHERE charge_day IS NULL") == [(3,)]
        remove_load(lake, "odd")
        refresh_once(lake, now=NOW + DAY)
        publish_once(lake, target)
    assert house.rows("SELECT count(*) FROM billstream.charges") == [(1,)]
    assert house.contradictions() == []


def test_columns_have_exact_types_and_comments(lake: Lake, house: Lakehouse) -> None:
    commit_load(lake, "a", [Row(NOW, service_name="a\0b", tags={"k\0": "v"})], scope="s3://b/a")
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        (lag,) = read_lags(lake, now=datetime.now(UTC), wait=30 * DAY)
    assert (lag.kind, lag.state) == ("iceberg", "current")
    for name in TABLES:
        table = house.table(name)
        assert table.properties["comment"]
        assert [field.name for field in table.schema().fields if not field.doc] == []
    kinds = {field.name: str(field.field_type) for field in house.table("daily_costs").schema().fields}
    assert kinds["consumed_quantity"] == "map<string, decimal(38, 18)>"
    assert kinds["billed_cost"] == "decimal(38, 18)"
    assert house.rows("SELECT service_name, map_keys(tags) FROM billstream.charges") == [("a\0b", ["k\0"])]


def test_polars_reads_it_to_the_last_decimal(lake: Lake, house: Lakehouse) -> None:
    amounts = [Decimal("-98765432109876.123456789012345678"), Decimal("0.000000000000000001"), None]
    commit_load(lake, "a", [Row(NOW, billed_cost=amount) for amount in amounts], scope="s3://b/a")
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        changed(lake, target, "b", 2)
        remove_load(lake, "b")
        refresh_once(lake, now=NOW)
        publish_once(lake, target)
    charges = pl.scan_iceberg(house.table("charges")).filter(pl.col("load_id") == "a").collect()
    assert sorted(charges["billed_cost"].to_list(), key=str) == sorted(amounts, key=str)
    daily = pl.scan_iceberg(house.table("daily_costs").metadata_location)
    total = daily.filter(pl.col("charge_day") == NOW.date()).collect()["billed_cost"].sum()
    assert total == Decimal("-98765432109876.123456789012345677")


@pytest.mark.skipif(not engines.installed(), reason=engines.MISSING)
def test_daft_reads_it_to_the_last_decimal(lake: Lake, house: Lakehouse) -> None:
    amounts = [Decimal("-98765432109876.123456789012345678"), Decimal("0.000000000000000001"), None]
    commit_load(lake, "a", [Row(NOW, billed_cost=amount) for amount in amounts], scope="s3://b/a")
    load(lake, "b", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        changed(lake, target, "c", 1, replaces="b")
    for name in TABLES:
        columns = ["charge_day", "billing_currency", "billed_cost"]
        found = engines.read_by_daft(house.table(name).metadata_location, columns)
        ours = house.rows(f"SELECT {', '.join(f'{column}::VARCHAR' for column in columns)} FROM billstream.{name}")
        assert ours
        assert sorted(found, key=str) == sorted(ours, key=str)


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_warehouse_may_be_a_bucket(
    lake: Lake, tmp_path: Path, aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    warehouse = f"s3://{aws.bucket}/iceberg"
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": warehouse}
    target = IcebergTarget("bucket", IcebergPlace(kind="iceberg", catalog=catalog), lake=lake)
    load(lake, "a", 40)
    refresh_once(lake, now=NOW)
    publish_once(lake, target)
    changed(lake, target, "b", 2, replaces="a")
    catalog_of_others = load_catalog("billstream", **target._place.properties())
    tables = [catalog_of_others.load_table(("billstream", name)) for name in TABLES]
    assert tables[0].scan().to_arrow().num_rows == 2
    assert read_state([table.metadata for table in tables]).watermark == target.watermark()
    target.close()
    catalog_of_others.close()


def test_a_bucket_that_is_not_there_is_named(
    lake: Lake, tmp_path: Path, ministack_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in AwsEnvironment("ministack", ministack_url).environment().items():
        monkeypatch.setenv(name, value)
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": "s3://no-such-bucket-here/x"}
    target = IcebergTarget("bucket", IcebergPlace(kind="iceberg", catalog=catalog), lake=lake)
    load(lake, "a", 1)
    refresh_once(lake, now=NOW)
    with pytest.raises(Misconfigured, match="that they exist"):
        publish_once(lake, target)
    target.close()


def test_a_catalog_may_be_a_rest_service(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for one, written after Iceberg's specification."""
    monkeypatch.setenv("ICE_TOKEN", "a-wrong-token")
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with rest_catalog(tmp_path) as url:
        place = IcebergPlace(kind="iceberg", catalog={"type": "rest", "uri": url, "token_from": "ICE_TOKEN"})
        refused = IcebergTarget("rest", place, lake=lake)
        with pytest.raises(Misconfigured, match=r"refuses; nothing was changed") as error:
            publish_once(lake, refused)
        assert "a-wrong-token" not in str(error.value)
        monkeypatch.setenv("ICE_TOKEN", TOKEN)
        target, other = (IcebergTarget("rest", place, lake=lake) for _ in range(2))
        assert publish_once(lake, target).change.reason == goal.FIRST
        since = other.watermark()
        load(lake, "b", 2, replaces="a")
        refresh_once(lake, now=NOW)
        changing = other.changing(since, goal.read_goal(lake).watermark)
        changing.__enter__()
        assert publish_once(lake, target).change.reason is None
        with pytest.raises(WriteConflict, match="another process was first"):
            changing.__exit__(None, None, None)
        charges = load_catalog("rest", **place.properties()).load_table("billstream.charges")
        assert charges.scan().to_arrow()["load_id"].to_pylist() == ["b", "b"]
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        publish_once(lake, target)
