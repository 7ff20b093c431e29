"""`billstream publish` as its users run it: a service that follows, and what the other commands say of it."""

import json
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.billing import billing_file
from tests.e2e.commands import Billstream
from tests.integration.publish_support import Warehouse
from tests.servers.postgres import PostgresServer

PATIENCE = 120.0


@pytest.mark.slow
def test_a_target_is_followed_by_a_service(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    warehouse = Warehouse(postgres, postgres_url)
    file = tmp_path / "targets.toml"
    file.write_text('[target.wh]\nkind = "postgres"\nurl_from = "BILLSTREAM_WAREHOUSE"\n')
    variables = {
        "BILLSTREAM_WAREHOUSE": postgres_url,
        "BILLSTREAM_TARGETS": str(file),
        "BILLSTREAM_METRICS_ADDRESS": "127.0.0.1:0",
    }
    billstream = Billstream(tmp_path / "home", variables)
    billstream.run("init")
    assert "no aggregates yet" in billstream.run("publish", "wh", expect=75)
    started = time.time()
    service = billstream.start("publish", "wh", "--follow")
    try:
        for number in range(2):
            bill = tmp_path / f"{number}.csv"
            bill.write_bytes(billing_file(f"{number}.csv", seed=number, rows=20).body)
            billstream.run("load", str(bill))
            billstream.run("aggregate", "--once")
            (mark,) = billstream.sql("SELECT snapshot_id FROM watermark")
            deadline = time.monotonic() + PATIENCE
            there = "SELECT to_regclass('billstream.watermark') IS NOT NULL"
            while warehouse.value(there) == "f" or not warehouse.rows("SELECT * FROM billstream.watermark"):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            while warehouse.snapshot() < mark["snapshot_id"]:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert warehouse.contradictions() == []
        (count,) = billstream.sql("SELECT count(*) AS rows FROM charges")
        assert warehouse.value("SELECT count(*) FROM billstream.charges") == str(count["rows"])
        assert_metrics(metrics_of((billstream.home / "publish.log").read_text()), rows=count["rows"], since=started)
    finally:
        service.send_signal(signal.SIGTERM)
        service.communicate(timeout=PATIENCE)
    log = (billstream.home / "publish.log").read_text()
    assert service.returncode == 0, log
    assert "target_published" in log
    assert "setting_unknown" not in log
    password = postgres_url.split(":")[2].split("@", maxsplit=1)[0]
    assert password not in log
    assert json.loads(billstream.run("publish", "wh", "--json"))["changed"] is False
    (listed,) = json.loads(billstream.run("publish", "list", "--json"))
    assert (listed["name"], listed["state"], listed["lag_loads"], listed["in_file"]) == ("wh", "current", 0, True)
    assert "target wh" in billstream.run("verify")
    assert [one["name"] for one in json.loads(billstream.run("status", "--json"))["targets"]] == ["wh"]
    assert "keeps nothing for wh" in billstream.run("publish", "remove", "wh")
    assert "no target 'wh' that was published to" in billstream.run("publish", "remove", "wh", expect=2)
    assert "up to date" in billstream.run("publish", "wh")
    assert "up to date" in billstream.run("publish", "wh", "--dry-run")
    postgres.stop()
    assert "target wh: reading the watermark: the target postgresql://" in billstream.run("publish", "wh", expect=75)


def metrics_of(log: str) -> dict[str, float]:
    """What the service whose log this is exports, by name and labels as Prometheus writes them."""
    (served,) = [json.loads(line) for line in log.splitlines() if "metrics_served" in line]
    with urllib.request.urlopen(f"http://{served['address']}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def assert_metrics(metrics: dict[str, float], *, rows: int, since: float) -> None:
    """Both rounds that changed the target were counted, and it was known to be up to date since then."""
    assert metrics['billstream_publishes_total{result="replaced"}'] == 1
    assert metrics['billstream_publishes_total{result="changed"}'] >= 1
    assert metrics["billstream_published_rows_total"] > rows
    assert metrics['billstream_publish_seconds_bucket{le="+Inf"}'] >= 2
    assert since < metrics["billstream_target_true_as_of_timestamp_seconds"] < time.time()
