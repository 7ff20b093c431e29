"""A lake is saved by the commands while two consumers write, restored elsewhere, and proved; on both catalogs."""

import json
import os
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.crash.killing import die
from tests.e2e.billing import billing_file, expected_totals
from tests.e2e.commands import Billstream
from tests.faults.waiting import PATIENCE
from tests.servers.aws import aws_environment
from tests.servers.postgres import PostgresServer
from tests.worlds import Totals, World, new_world

FILES = 40


def at_snapshot(world: World, snapshot: int) -> Totals:
    sql = "SELECT billing_currency, sum(billed_cost) FROM charges AT (VERSION => $1) GROUP BY ALL"
    return {currency: Decimal(cost) for currency, cost in world.lake.rows(sql, [snapshot])}


def save_while_consumers_write(world: World, place: str) -> int:
    """The snapshot of a backup that began when some files were loaded, and ended when not all were."""
    for number in range(FILES):
        world.put(billing_file(f"b/{number}.csv", seed=number))
    consumers = [world.start("consume", "--drain", BILLSTREAM_BATCH_FILES="1") for _ in range(2)]
    deadline = time.monotonic() + PATIENCE
    while world.lake.rows("SELECT count(*) FROM ledger") < [(4,)]:
        assert time.monotonic() < deadline, world.log()
        time.sleep(0.05)
    backup = world.start("backup", place, "--json")
    said, _ = backup.communicate(timeout=PATIENCE)
    assert backup.returncode == 0, world.log("backup")
    for consumer in consumers:
        consumer.communicate(timeout=PATIENCE)
        assert consumer.returncode == 0, world.log()
    return int(json.loads(said)["snapshot_id"])


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
        assert during != whole, "the backup came after the last commit, so nothing was proved"
        elsewhere = {"BILLSTREAM_HOME": str(tmp_path / "new"), "BILLSTREAM_CATALOG": "", "BILLSTREAM_DATA_PATH": ""}
        if catalog:
            elsewhere |= {"BILLSTREAM_CATALOG": url, "BILLSTREAM_DATA_PATH": f"s3://{aws.new_bucket()}/there/"}
        restored = Billstream(tmp_path / "new", {**world.billstream.environment, **elsewhere})
        said = json.loads(restored.run("restore", place, "--json"))
        assert said["verification"]["agrees"] is True
        assert restored.totals("charges") == during
        if catalog:
            assert secrets_in(catalog, aws.s3, place) == []
            assert "There is a lake at" in restored.run("restore", place, expect=78)

        # What came since is in the bucket: the restored lake catches up, exactly once.
        restored.run("sweep")
        assert restored.totals("charges") == whole
        assert json.loads(restored.run("verify", "--s3", "--json"))["agrees"] is True
        if not catalog:
            assert_a_killed_backup_leaves_the_former(world, place, tmp_path)
            assert_the_doctor_reports(restored, world)
            assert_a_lost_lake_comes_from_its_bucket(restored, tmp_path, whole)


def secrets_in(catalog: str, s3: object, place: str) -> list[str]:
    """The objects of a backup that have the password of the catalog."""
    password = catalog.partition("@")[0].rpartition(":")[2].encode()
    bucket = place.removeprefix("s3://").partition("/")[0]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]  # type: ignore[attr-defined]
    assert len(keys) > 5
    return [key for key in keys if password in s3.get_object(Bucket=bucket, Key=key)["Body"].read()]  # type: ignore[attr-defined]


def assert_a_killed_backup_leaves_the_former(world: World, place: str, folder: Path) -> None:
    manifests = sorted(Path(place, "manifests").iterdir())
    for point in ("after backup_files", "before backup_manifest"):
        die(world, point, "backup", place)
        assert sorted(Path(place, "manifests").iterdir()) == manifests, point
    world.billstream.run("restore", place, "--to", str(folder / "trial"))
    # The next one clears away what the killed ones left, and is whole.
    world.billstream.run("backup", place, "--keep", "1")
    assert len(list(Path(place, "manifests").iterdir())) == len(list(Path(place, "catalogs").iterdir())) == 1
    world.billstream.run("restore", place, "--to", str(folder / "trial 2"))


def assert_the_doctor_reports(lake: Billstream, world: World) -> None:
    report = json.loads(lake.run("doctor", "--json"))
    checks = {check["name"]: check for check in report["checks"]}
    assert {"versions", "settings", "lake", "lake size", "ledger", "quarantine", "queue", "dead letters", "clock"} <= (
        checks.keys()
    )
    assert checks["ledger"]["details"] == {"loaded": FILES}
    assert checks["lake size"]["details"]["tables"][0]["files"] > 0
    assert report["verdict"] == "warn"  # never refreshed

    # Everything is broken: it says so, and does not break.
    broken = replace(
        lake,
        environment={
            **lake.environment,
            "BILLSTREAM_CATALOG": "postgresql://me:s3cretword@127.0.0.1:1/none",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "BILLSTREAM_SPOOL_DIR": "/proc/none",
            "BILLSTREAM_BUKET": "x",
        },
    )
    said = broken.run("doctor", "--output", str(world.home / "report.json"), expect=1)
    text = (world.home / "report.json").read_text()
    assert "s3cretword" not in said + text
    verdicts = {check["name"]: check["verdict"] for check in json.loads(text)["checks"]}
    assert verdicts["lake"] == verdicts["queue"] == "fail"
    assert verdicts["ledger"] == "unknown"
    assert verdicts["versions"] == "ok"
    assert verdicts["settings"] == "warn"
    assert (world.home / "report.json").stat().st_mode & 0o077 == 0
    wrong = replace(lake, environment={**lake.environment, "BILLSTREAM_POLL_SECONDS": "never"})
    assert "BILLSTREAM_POLL_SECONDS" in wrong.run("doctor", expect=1)


def assert_a_lost_lake_comes_from_its_bucket(lake: Billstream, folder: Path, whole: Totals) -> None:
    anew = replace(
        lake, home=folder / "anew", environment={**lake.environment, "BILLSTREAM_HOME": str(folder / "anew")}
    )
    anew.run("init", "--from-bucket")
    assert anew.totals("charges") == whole
    assert (folder / "anew" / "insights" / "insights.json").exists()
