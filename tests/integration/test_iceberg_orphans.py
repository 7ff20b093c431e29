"""Files that a process left behind when it died are removed, and nothing else is: not for any history of the table."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from billstream.aggregator.refresh import refresh_once
from billstream.common.lake import Lake
from billstream.publishing.config import IcebergPlace
from billstream.publishing.follower import publish_once
from billstream.publishing.iceberg import expiry, orphans
from billstream.publishing.iceberg.change import TableChange
from billstream.publishing.iceberg.target import TABLES, IcebergTarget
from tests.integration.aggregator_support import NOW, new_lake
from tests.integration.iceberg_support import DUE, Lakehouse, needed
from tests.integration.maintenance_support import load
from tests.servers.aws import AwsEnvironment

DAY = timedelta(days=1)


class Died(BaseException):
    """The end of a process: nobody tidies up."""


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as made:
        yield made


@pytest.fixture
def house(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path / "lakehouse")


def died(lake: Lake, target: IcebergTarget, commits: int) -> None:
    """Publish with a process that dies before this commit, of the five that it would make."""
    done = list[Table]()
    commit = SqlCatalog.commit_table

    def dying(self: SqlCatalog, table: Table, *rest: Any) -> Any:  # noqa: ANN401
        if len(done) == commits:
            raise Died
        done.append(table)
        return commit(self, table, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlCatalog, "commit_table", dying)
        patch.setattr(TableChange, "discard", lambda _: None)
        with pytest.raises(Died):
            publish_once(lake, target)


def rows_of(table: Table, snapshot_id: int) -> Counter[tuple[Any, ...]]:
    columns = [field.name for field in table.schema().fields if not str(field.field_type).startswith("map")]
    found = table.scan(snapshot_id=snapshot_id, selected_fields=tuple(columns)).to_arrow()
    return Counter(zip(*(column.to_pylist() for column in found.columns), strict=True))


@pytest.mark.parametrize("seed", range(2))
def test_kept_snapshots_keep_every_row_and_dead_processes_leave_no_file(
    lake: Lake, house: Lakehouse, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    monkeypatch.setattr("billstream.publishing.iceberg.change.SMALL_FILE_BYTES", seed * 1024 * 1024)
    monkeypatch.setattr("billstream.publishing.iceberg.overwrite.MERGED_FROM", 2 + seed)
    recorded = dict[tuple[str, int], Counter[tuple[Any, ...]]]()
    loads, left_behind = list[str](), set[str]()
    with house.target(lake) as target:
        for step in range(5):
            replaced = chance.choice([None, *loads])
            load(lake, f"load-{step}", chance.randrange(1, 40), replaces=replaced)
            loads = [one for one in loads if one != replaced] + [f"load-{step}"]
            refresh_once(lake, now=NOW + step * DAY)
            if step:
                before = {file for name in TABLES for file in house.files(name)}
                died(lake, target, chance.randrange(5))
                for table in map(house.table, TABLES):
                    left_behind |= house.files(table.name()[-1]) - needed(table) - before
            publish_once(lake, target)
            for table in map(house.table, (TABLES[0], TABLES[-1])):
                for snapshot in table.snapshots():
                    rows = rows_of(table, snapshot.snapshot_id)
                    assert recorded.setdefault((table.name()[-1], snapshot.snapshot_id), rows) == rows
            house.grow_older(chance.choice([DAY / 4, DAY, 4 * DAY]))
        house.grow_older(4 * DAY)
        load(lake, "last", 2)
        refresh_once(lake, now=NOW + 20 * DAY)
        publish_once(lake, target)
    assert len(left_behind) > 10
    for name in TABLES:
        assert house.files(name) == needed(house.table(name))
        assert not left_behind & house.files(name)
    assert house.contradictions() == []


def test_files_of_others_stay(lake: Lake, house: Lakehouse) -> None:
    """Each of them looks like an orphan in all but one respect."""
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        table = house.table("charges")
        digits = str(table.metadata.table_uuid)[:14]
        rest = str(uuid4())[14:]
        folder = house.folder / "warehouse" / "billstream" / "charges"
        elsewhere = house.folder / "elsewhere"
        elsewhere.mkdir()
        (folder / "linked").symlink_to(elsewhere)
        orphan = [
            folder / "data" / "charge_month=2026-07" / f"00000-0-{digits}{rest}.parquet",
            folder / "metadata" / f"{digits}{rest}-m0.avro",
            folder / "metadata" / f"snap-17-0-{digits}{rest}.avro",
        ]
        others = [
            folder / "README.md",
            folder / "data" / f"00000-0-{uuid4()}.parquet",  # of another table, or another engine
            folder / "metadata" / f"00009-{digits}{rest}.metadata.json",
            folder / "metadata" / f"{digits}{rest}-m0.avro.bak",
            folder.parent / "charges2" / "data" / f"00000-0-{digits}{rest}.parquet",
            elsewhere / f"00000-1-{digits}{rest}.parquet",
        ]
        link = folder / "data" / f"00000-2-{digits}{rest}.parquet"
        link.symlink_to(others[0])
        young = folder / "data" / f"00000-3-{digits}{rest}.parquet"
        for path in (*orphan, *others):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        house.grow_older(4 * DAY)
        os.utime(elsewhere / others[-1].name, (0, 0))
        young.write_text("x")
        load(lake, "b", 3)
        refresh_once(lake, now=NOW)
        publish_once(lake, target)
    assert not any(path.exists() for path in orphan)
    assert all(path.exists() for path in (*others, young))
    assert link.is_symlink()
    assert house.contradictions() == []


def test_the_clock_of_the_storage_counts(lake: Lake, house: Lakehouse) -> None:
    """This host's may be years ahead; what another process is about to commit stays."""
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        load(lake, "b", 3)
        refresh_once(lake, now=NOW)
        died(lake, target, 0)
        publish_once(lake, target)
    table, before = house.table("charges"), house.files()
    assert before > needed(table)
    assert orphans.remove_orphans(table, needed(table), datetime.now(UTC) + 1000 * DAY) == 0
    assert house.files() == before
    # And one that is behind removes nothing either.
    house.grow_older(4 * DAY)
    load(lake, "c", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
    assert house.files() == needed(house.table("charges"))


def test_a_storage_that_cannot_be_listed_is_written_to_all_the_same(
    lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> Iterator[Any]:
        raise OSError("AWS Error ACCESS_DENIED during ListObjectsV2 operation")

    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with house.target(lake) as target:
        publish_once(lake, target)
        house.grow_older(9 * DAY)
        load(lake, "b", 2, replaces="a")
        refresh_once(lake, now=NOW)
        monkeypatch.setattr(orphans, "_files", denied)
        publish_once(lake, target)
    for name in TABLES:
        table = house.table(name)
        assert len(table.snapshots()) == 1
        assert house.files(name) == needed(table)
        assert datetime.fromisoformat(table.properties[DUE]) > datetime.now(UTC)
    assert house.contradictions() == []


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_orphans_in_a_bucket_go(
    lake: Lake, tmp_path: Path, aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(expiry, "CLEANED_EVERY", -DAY)
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"s3://{aws.bucket}/a b/iceberg"}
    target = IcebergTarget("bucket", IcebergPlace(kind="iceberg", catalog=catalog), lake=lake)

    def keys() -> set[str]:
        """The files of charges, but those that list the snapshots, and markers of folders."""
        found = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix="a b/iceberg/billstream/charges/")["Contents"]
        return {one["Key"] for one in found if not one["Key"].endswith((".metadata.json", "/"))}

    def is_used() -> set[str]:
        others = load_catalog("billstream", **target._place.properties())
        used = needed(others.load_table(("billstream", "charges")))
        others.close()
        return {path.removeprefix(f"s3://{aws.bucket}/") for path in used}

    load(lake, "a", 40)
    refresh_once(lake, now=NOW)
    publish_once(lake, target)
    load(lake, "b", 2, replaces="a")
    refresh_once(lake, now=NOW)
    died(lake, target, 0)
    publish_once(lake, target)
    assert keys() > is_used()  # too young
    monkeypatch.setattr(orphans, "LEAST_AGE", -DAY)
    load(lake, "c", 2)
    refresh_once(lake, now=NOW)
    publish_once(lake, target)
    assert keys() == is_used()
    target.close()
