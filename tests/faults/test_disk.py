"""A disk is full: nothing is lost or taken for poison, the log says it, and work goes on when there is room."""

import gzip
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.common.errors import NoRoom
from billstream.common.scratch import needing_room
from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.servers.aws import AwsEnvironment
from tests.servers.disks import SmallDisk, small_disk
from tests.servers.proxy import Exchange, Proxy, Rule
from tests.worlds import World, new_world

FILES = [billing_file(f"{number}.csv", seed=number, rows=200) for number in range(4)]
PLACES = {
    "spool": ("BILLSTREAM_SPOOL_DIR", "spool"),
    "data": ("BILLSTREAM_DATA_PATH", "data"),
    "catalog": ("BILLSTREAM_CATALOG", "catalog.sqlite"),
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture(params=PLACES.values(), ids=list(PLACES))
def world(
    request: pytest.FixtureRequest, aws: AwsEnvironment, proxy: Proxy, tmp_path: Path, disk: SmallDisk
) -> Iterator[World]:
    """A lake with one of its parts on the small disk."""
    variable, name = request.param
    environment = {variable: str(disk.folder / name), "AWS_ENDPOINT_URL": proxy.endpoint_url}
    with new_world(tmp_path / "home", aws, **environment) as world:
        yield world


def test_a_disk_that_is_full_all_of_a_sudden_is_waited_for(world: World, proxy: Proxy, disk: SmallDisk) -> None:
    world.put(*FILES)

    def fill(exchange: Exchange) -> None:
        disk.fill()
        exchange.reply(exchange.forward())

    filled = proxy.inject(Rule("GetObject", fill, 1))

    consumer = world.start("consume", "--drain")
    until(lambda: world.events("consumer_waiting") or consumer.poll() is not None, "the consumer says nothing")
    assert consumer.poll() is None, world.log()
    assert filled.injected == 1
    disk.make_room()
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 0, world.log()
    assert all("the disk is full" in str(line["reason"]) for line in world.events("consumer_waiting"))
    world.assert_holds(FILES)
    assert world.lake.rows("SELECT DISTINCT state FROM ledger") == [("loaded",)]
    assert orphans(world) == []


def test_an_object_that_outgrows_the_disk_of_the_spool_stops_no_other(
    aws: AwsEnvironment, tmp_path: Path, disk: SmallDisk
) -> None:
    """A few kilobytes that decompress to more than the disk holds: no wait makes room for them."""
    bomb = gzip.compress(FILES[0].body + FILES[0].lines[-1].encode() * 100_000)
    assert len(bomb) < 100_000
    with new_world(tmp_path / "home", aws, BILLSTREAM_SPOOL_DIR=str(disk.folder / "spool")) as world:
        aws.s3.put_object(Bucket=aws.bucket, Key="bomb.csv.gz", Body=bomb)
        world.put(*FILES)
        world.drain()
        ((key, reason),) = world.lake.rows("SELECT key, reason FROM ledger WHERE state = 'quarantined'")
        assert key == "bomb.csv.gz"
        assert "BILLSTREAM_SPOOL_DIR" in reason
        assert "billstream quarantine reload" in reason
        world.assert_holds(FILES)
        assert orphans(world) == []
        assert not [path for path in disk.folder.rglob("*.text") if path.is_file()]


def orphans(world: World) -> list[object]:
    return world.lake.rows("FROM ducklake_delete_orphaned_files('lake', dry_run => true, cleanup_all => true)")  # type: ignore[return-value]


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(NoRoom, match="the disk is full"), needing_room("writing"):
            (tmp_path / "large").write_bytes(b"\0" * 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
