"""A publisher that dies before and after each of its steps: nothing is lost and nothing is doubled."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billstream.aggregator.refresh import refresh_once
from billstream.common.failpoints import LAST_WORDS
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.publishing import goal
from billstream.publishing.iceberg.expiry import cleaned
from billstream.publishing.iceberg.target import TABLES
from billstream.publishing.registry import read_followers
from tests.e2e.commands import Billstream
from tests.integration.aggregator_support import NOW
from tests.integration.iceberg_support import Lakehouse, needed
from tests.integration.maintenance_support import load, maintained
from tests.integration.publish_support import Warehouse
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.slow

POINTS = (
    "before publish prepare",
    "after publish prepare",
    "before publish stage",
    "after publish stage #3",
    "before publish commit",
    "after publish commit",
    "after publish",
    "before publish record",
    "after publish record",
)
BEFORE_THE_COMMIT = POINTS[:5]

ICEBERG_POINTS = {
    "before publish prepare": 0,
    "after publish prepare": 0,
    "after publish stage": 0,
    "before publish commit": 0,
    "after publish commit": 1,
    "after publish stage #3": 1,
    "before publish commit #3": 2,
    "after publish commit #4": 4,
    "after publish commit #5": 5,
    "after publish": 5,
    "before publish record": 5,
}
"""Points, and the number of tables that are committed by then."""

EXPIRY_POINTS = (
    "before publish expire",
    "after publish expire",
    "after publish clean",
    "after publish expire #3",
    "before publish clean #5",
)


@pytest.fixture
def billstream(tmp_path: Path, postgres_url: str) -> Billstream:
    file = tmp_path / "targets.toml"
    file.write_text('[target.warehouse]\nkind = "postgres"\nurl_from = "WAREHOUSE_URL"\n')
    environment = {"WAREHOUSE_URL": postgres_url, "BILLSTREAM_TARGETS": str(file), "BILLSTREAM_THREADS": "1"}
    return Billstream(tmp_path / "home", environment)


@pytest.mark.parametrize("point", POINTS)
def test_a_publisher_that_dies_goes_on(
    billstream: Billstream, postgres: PostgresServer, postgres_url: str, point: str
) -> None:
    warehouse = Warehouse(postgres, postgres_url)
    with Lake.open(Settings(home=billstream.home, threads=1), create=True) as lake:
        load(lake, "a", 3)
        load(lake, "b", 40)
        refresh_once(lake, now=NOW)
    first = point.endswith("prepare")  # nothing is prepared later
    if not first:
        assert "first copy" in billstream.run("publish", "warehouse")
    before = {} if first else warehouse.charges()
    with Lake.open(Settings(home=billstream.home, threads=1)) as lake:
        load(lake, "c", 2, replaces="a")
        load(lake, "d", 3)
        newest = refresh_once(lake, now=NOW.replace(hour=13)).snapshot_id

    died = Billstream(billstream.home, {**billstream.environment, "BILLSTREAM_CRASH_AT": point})
    output = died.run("publish", "warehouse", expect=-9)
    assert output.splitlines()[-1] == LAST_WORDS + point

    if first:
        there = "SELECT to_regclass('billstream.charges') IS NOT NULL"
        assert warehouse.value(there) == ("f" if point.startswith("before") else "t")
    elif point in BEFORE_THE_COMMIT:
        assert warehouse.charges() == before
    else:
        assert warehouse.snapshot() == newest
        assert warehouse.contradictions() == []
    # Upkeep between the death and the next run takes nothing away that it needs.
    with Lake.open(Settings(home=billstream.home, threads=1)) as lake:
        maintained(lake)
        kept = read_followers(lake)[0].snapshot_id
    said = billstream.run("publish", "warehouse", "--json")
    assert (goal.FIRST in said) is first
    assert goal.EXPIRED not in said
    assert warehouse.snapshot() >= newest >= kept
    assert warehouse.contradictions() == []
    assert warehouse.value("SELECT count(*), count(DISTINCT load_id) FROM billstream.charges") == "45|3"
    assert list((billstream.home / "spool").rglob("*.parquet")) == []


@pytest.mark.parametrize(("point", "committed"), ICEBERG_POINTS.items())
def test_iceberg_tables_of_a_publisher_that_died_come_together_again(
    tmp_path: Path, point: str, committed: int
) -> None:
    house = Lakehouse(tmp_path / "lakehouse")
    file = tmp_path / "targets.toml"
    file.write_text(house.toml())
    billstream = Billstream(tmp_path / "home", {"BILLSTREAM_TARGETS": str(file), "BILLSTREAM_THREADS": "1"})
    with Lake.open(Settings(home=billstream.home, threads=1), create=True) as lake:
        load(lake, "a", 3)
        load(lake, "b", 40)
        refresh_once(lake, now=NOW)
    first = point.endswith("prepare")
    if not first:
        assert "first copy" in billstream.run("publish", "lakehouse")
    with Lake.open(Settings(home=billstream.home, threads=1)) as lake:
        load(lake, "c", 2, replaces="a")
        load(lake, "d", 3)
        newest = refresh_once(lake, now=NOW.replace(hour=13)).snapshot_id

    died = Billstream(billstream.home, {**billstream.environment, "BILLSTREAM_CRASH_AT": point})
    assert died.run("publish", "lakehouse", expect=-9).splitlines()[-1] == LAST_WORDS + point

    if point == "before publish prepare":
        assert not house.tables()
    else:
        assert [mark == newest for mark in house.snapshots()] == [place < committed for place in range(5)]
    with Lake.open(Settings(home=billstream.home, threads=1)) as lake:
        load(lake, "e", 1, replaces="d")  # takes days away from what the dead process has published
        newest = refresh_once(lake, now=NOW.replace(hour=14)).snapshot_id
        maintained(lake)
    said = billstream.run("publish", "lakehouse", "--json")
    assert (goal.FIRST in said) is first
    assert goal.EXPIRED not in said
    assert house.snapshot() >= newest
    assert house.contradictions() == []
    assert house.rows("SELECT count(*), count(DISTINCT load_id) FROM billstream.charges") == [(43, 3)]
    assert list((billstream.home / "spool").rglob("*.parquet")) == []


@pytest.mark.parametrize("point", EXPIRY_POINTS)
def test_old_snapshots_and_their_files_go_after_a_death(tmp_path: Path, point: str) -> None:
    house = Lakehouse(tmp_path / "lakehouse")
    file = tmp_path / "targets.toml"
    file.write_text(house.toml())
    billstream = Billstream(tmp_path / "home", {"BILLSTREAM_TARGETS": str(file), "BILLSTREAM_THREADS": "1"})

    def loaded(load_id: str, rows: int, replaces: str | None = None) -> int:
        with Lake.open(Settings(home=billstream.home, threads=1), create=True) as lake:
            load(lake, load_id, rows, replaces=replaces)
            return refresh_once(lake, now=NOW).snapshot_id

    def dies(point: str) -> None:
        dying = Billstream(billstream.home, {**billstream.environment, "BILLSTREAM_CRASH_AT": point})
        assert dying.run("publish", "lakehouse", expect=-9).splitlines()[-1] == LAST_WORDS + point

    loaded("a", 40)
    billstream.run("publish", "lakehouse")
    loaded("b", 3, replaces="a")
    dies("before publish commit")  # leaves files that no snapshot will name
    billstream.run("publish", "lakehouse")
    old = {name: house.files(name) for name in TABLES}
    assert old["charges"] > needed(house.table("charges"))
    house.grow_older(timedelta(days=9))
    for name in TABLES:  # the files that are old were looked for a moment ago, so that only the expiry can name them
        with house.table(name).transaction() as transaction:
            transaction.set_properties(cleaned(datetime.now(UTC)))

    newest = loaded("c", 3, replaces="b")
    dies(point)
    assert house.snapshot() == newest
    assert house.contradictions() == []
    assert any(house.files(name) & old[name] for name in TABLES)

    newest = loaded("d", 2)
    billstream.run("publish", "lakehouse")
    assert house.snapshot() == newest
    assert house.contradictions() == []
    assert house.rows("SELECT load_id, count(*) FROM billstream.charges GROUP BY ALL ORDER BY ALL") == [
        ("c", 3),
        ("d", 2),
    ]
    for name in TABLES:
        table = house.table(name)
        assert [table.scan(snapshot_id=one.snapshot_id).to_arrow().num_rows > 0 for one in table.snapshots()] == [
            True
        ] * 2
        assert house.files(name) == needed(table)
        assert not house.files(name) & old[name]
