"""A lake is saved by the commands while two consumers write, restored elsewhere, and proved; on both catalogs."""

import json
import os
import time
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.aggregator.refresh import refresh_once
from billstream.backups.restoring import restore
from billstream.cli import verify, wiring
from billstream.common.errors import Misconfigured
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.sweep import reconcile
from tests.crash.killing import die
from tests.e2e.billing import billing_file, expected_totals
from tests.e2e.commands import Billstream
from tests.faults.waiting import PATIENCE, until
from tests.servers.aws import aws_environment
from tests.servers.postgres import PostgresServer
from tests.worlds import Totals, World, new_world, totals


def at_snapshot(world: World, snapshot: int) -> Totals:
    sql = "SELECT billing_currency, sum(billed_cost) FROM charges AT (VERSION => $1) GROUP BY ALL"
    return {currency: Decimal(cost) for currency, cost in world.lake.rows(sql, [snapshot])}


def charged(settings: Settings) -> Totals:
    with Lake.open(settings, read_only=True) as lake:
        return totals(lake, "charges")


def save_while_consumers_write(world: World, place: str) -> int:
    """The snapshot of a backup. Files come for as long as it works, and consumers commit them; some come after it."""
    numbers = count()

    def put() -> None:
        number = next(numbers)
        world.put(billing_file(f"b/{number}.csv", seed=number, rows=5))

    def loaded() -> int:
        return int(world.lake.rows("SELECT count(*) FROM ledger")[0][0])

    consumers = [world.start("consume", BILLSTREAM_BATCH_FILES="1", BILLSTREAM_POLL_SECONDS="1") for _ in range(2)]
    for _ in range(6):
        put()
    until(lambda: loaded() >= 4, "the consumers load nothing")
    backup, before = world.start("backup", place, "--json"), loaded()
    while backup.poll() is None:
        put()
        time.sleep(1)
    assert backup.returncode == 0, world.log("backup")
    assert loaded() > before, "nothing was committed while the backup was made, so nothing was proved"
    for _ in range(2):
        put()
    until(lambda: world.depth() == 0, "the consumers do not load the rest")
    for consumer in consumers:
        consumer.terminate()
        consumer.communicate(timeout=PATIENCE)
        assert consumer.returncode == 0, world.log()
    assert backup.stdout is not None
    return int(json.loads(backup.stdout.read())["snapshot_id"])


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_backup_during_writes_is_restored_to_the_last_decimal(
    kind: str, request: pytest.FixtureRequest, ministack_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, url = None, ""
    if kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")
        catalog, url = request.getfixturevalue("postgres_url"), server.create_database()
    with aws_environment("ministack", ministack_url) as aws, new_world(tmp_path / "home", aws, catalog) as world:
        place = f"s3://{aws.new_bucket()}/backups" if catalog else str(tmp_path / "backups")

        snapshot = save_while_consumers_write(world, place)

        whole = expected_totals([file for files in world.put_so_far.values() for file in files])
        during = at_snapshot(world, snapshot)
        assert during != whole
        new = Settings(home=tmp_path / "new", threads=1)
        if catalog:
            new = new.model_copy(update={"catalog": SecretStr(url), "data_path": f"s3://{aws.new_bucket()}/there/"})
            restore(new, place)
            assert secrets_in(catalog, aws.s3, place) == []
            with pytest.raises(Misconfigured, match="There is a lake at"):
                restore(new, place)
        else:
            said = json.loads(world.billstream.run("restore", place, "--to", str(new.home), "--json"))
            assert said["verification"]["agrees"] is True
        assert charged(new) == during

        # What came since is in the bucket: the restored lake catches up, exactly once.
        catch_up(new)
        assert charged(new) == whole
        if not catalog:
            assert_a_killed_backup_leaves_the_former(world, place, tmp_path, during)
            assert_a_lost_lake_comes_from_its_bucket(world.billstream, tmp_path, whole)


def catch_up(settings: Settings) -> None:
    """Sweep the buckets, and prove lake and buckets."""
    with Lake.open(settings) as lake:
        for sweep in wiring.sweeps(settings, lake, Stop()):
            reconcile(sweep, wiring.operator_backfill(settings, lake, Stop(), role="sweep"))
        refresh_once(lake)
        proof = verify.prove(lake, wiring.interest(settings), wiring.buckets(settings))
    assert proof.findings == ()


def secrets_in(catalog: str, s3: object, place: str) -> list[str]:
    """The objects of a backup that have the password of the catalog."""
    password = catalog.partition("@")[0].rpartition(":")[2].encode()
    bucket = place.removeprefix("s3://").partition("/")[0]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]  # type: ignore[attr-defined]
    assert len(keys) > 5
    return [key for key in keys if password in s3.get_object(Bucket=bucket, Key=key)["Body"].read()]  # type: ignore[attr-defined]


def assert_a_killed_backup_leaves_the_former(world: World, place: str, folder: Path, during: Totals) -> None:
    manifests = sorted(Path(place, "manifests").iterdir())
    die(world, "before backup_manifest", "backup", place)
    assert len(list(Path(place, "catalogs").iterdir())) == 2, "the new catalog is there, and does not count"
    assert sorted(Path(place, "manifests").iterdir()) == manifests
    trial = Settings(home=folder / "trial", catalog=None, data_path=None, threads=1)
    restore(trial, place)
    assert charged(trial) == during
    # The next one clears away what the killed one left, and is whole.
    world.billstream.run("backup", place, "--keep", "1")
    assert len(list(Path(place, "manifests").iterdir())) == len(list(Path(place, "catalogs").iterdir())) == 1


def assert_a_lost_lake_comes_from_its_bucket(lake: Billstream, folder: Path, whole: Totals) -> None:
    anew = replace(
        lake, home=folder / "anew", environment={**lake.environment, "BILLSTREAM_HOME": str(folder / "anew")}
    )
    anew.run("init", "--from-bucket")
    assert charged(Settings(home=folder / "anew", threads=1)) == whole
    assert (folder / "anew" / "insights" / "insights.json").exists()
