"""The catalog database goes away: before, in and after a commit, and once with nothing but the reply lost."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from billstream.aggregator.verify import verify
from billstream.common import retries
from billstream.common.errors import CatalogUnavailable, Fatal
from billstream.common.exits import ExitCode
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import literal
from billstream.common.lake.guard import scope_id
from billstream.common.scratch import MARKER, own_folder
from billstream.common.settings import Settings
from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE, until
from tests.servers.aws import AwsEnvironment
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.servers.relay import Relay, running_relay
from tests.worlds import World, billed, charged, new_world

if TYPE_CHECKING:
    import duckdb

STAYS = billing_file("stays.csv", seed=0)
REPLACED = billing_file("replaced.csv", seed=1)
RETRACTED = billing_file("retracted.csv", seed=2)
REPLACEMENT = billing_file("replaced.csv", seed=3, rows=31)
NEW = billing_file("new.csv", seed=4)
BEFORE = [STAYS, REPLACED, RETRACTED]  # one Parquet file, of which only a part will go
AFTER = [STAYS, REPLACEMENT, NEW]


@pytest.fixture
def relay(postgres_url: str) -> Iterator[Relay]:
    """A way to the catalog that can be cut."""
    with running_relay(postgres_url) as relay:
        yield relay


@pytest.fixture
def world(aws: AwsEnvironment, proxy: Proxy, tmp_path: Path, postgres_url: str, relay: Relay) -> Iterator[World]:
    """A fleet's lake, its catalog by way of the relay."""
    with new_world(tmp_path / "home", aws, relay.url(postgres_url), AWS_ENDPOINT_URL=proxy.endpoint_url) as world:
        yield world


def change_everything(world: World) -> None:
    """One batch that replaces, retracts and loads, so that there are files which only the commit knows."""
    world.put(*BEFORE)
    world.drain()
    world.put(REPLACEMENT, NEW)
    world.remove(RETRACTED)


@pytest.mark.parametrize("end", [PostgresServer.stop, PostgresServer.kill])
def test_a_server_that_goes_away_in_a_commit_is_waited_for(
    world: World, proxy: Proxy, relay: Relay, postgres: PostgresServer, end: Callable[[PostgresServer], None]
) -> None:
    change_everything(world)
    relay.call_before_commit(partial(end, postgres))

    consumer = world.start("consume", "--drain")
    until(lambda: world.events("consumer_waiting"), "the consumer does not say that it waits")
    received = proxy.seen["ReceiveMessage"]
    until(lambda: len(world.events("consumer_waiting")) > 1, "the consumer does not go on waiting")
    assert not postgres.running
    assert consumer.poll() is None
    assert proxy.seen["ReceiveMessage"] == received, "each receive brings a message nearer to the dead-letter queue"
    postgres.start()
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 0, world.log()
    assert all("the catalog" in str(line["reason"]) for line in world.events("consumer_waiting"))
    assert len(world.events("lake_reconnected")) == 1
    world.assert_holds(AFTER)


def test_a_commit_whose_reply_is_lost_counts_once_and_loses_no_file(world: World, relay: Relay) -> None:
    change_everything(world)
    relay.lose_reply()

    consumer = world.start("consume", "--drain")
    consumer.communicate(timeout=PATIENCE)

    assert consumer.returncode == 0, world.log()
    assert relay.lost == 1
    (waiting,) = world.events("consumer_waiting")
    assert "the catalog" in str(waiting["reason"])
    assert world.events("object_loaded") == [], "the ledger, not the reply, told that it was done"
    world.assert_holds(AFTER)


def test_a_refresh_whose_reply_is_lost_leaves_aggregates_that_can_be_read(world: World, relay: Relay) -> None:
    change_everything(world)
    world.drain()
    relay.lose_reply()

    said = world.billstream.run("aggregate", "--once", expect=ExitCode.TRY_AGAIN)

    assert relay.lost == 1
    assert "the catalog" in said
    assert world.lake.rows("SELECT count(*) FROM watermark") == [(1,)]
    assert verify(world.lake) == []
    assert "aggregates are up to date" in world.billstream.run("aggregate", "--once")
    world.assert_holds(AFTER)


def test_a_consumer_whose_commit_hangs_can_be_ended(world: World, relay: Relay) -> None:
    change_everything(world)
    hanging, over = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        over.wait(PATIENCE)

    relay.call_before_commit(hang)
    consumer = world.start("consume", "--drain", BILLSTREAM_GRACE_SECONDS="0.5")
    assert hanging.wait(PATIENCE), world.log()

    consumer.terminate()

    assert consumer.wait(timeout=PATIENCE) == 0
    assert len(world.events("batch_abandoned")) == 1
    over.set()
    assert charged(world.lake) == billed(BEFORE)
    world.drain()
    world.assert_holds(AFTER)


def test_a_consumer_that_cannot_find_its_catalog_can_be_ended(world: World, postgres: PostgresServer) -> None:
    postgres.stop()
    consumer = world.start("consume", BILLSTREAM_GRACE_SECONDS="0.5")
    until(lambda: world.events("dependency_awaited"), "the consumer does not say that it waits")

    consumer.terminate()

    assert consumer.wait(timeout=PATIENCE) == 0
    postgres.start()


def test_an_aggregator_outlives_its_catalog(world: World, postgres: PostgresServer) -> None:
    change_everything(world)
    aggregator = world.start("aggregate", BILLSTREAM_AGGREGATE_SECONDS="0.2")
    until(lambda: world.events("insights_published", "aggregate"), "the aggregator does not work")
    postgres.stop()
    until(lambda: world.events("refresh_postponed", "aggregate"), "the aggregator does not say that it waits")
    postgres.start()
    world.lake.reconnect_if_lost()
    world.drain()
    until(lambda: len(world.events("insights_published", "aggregate")) > 1, "the aggregator does not go on")
    aggregator.terminate()

    assert aggregator.wait(timeout=PATIENCE) == 0, world.log("aggregate")
    assert world.events("lake_reconnected", "aggregate")
    assert verify(world.lake) == []
    assert charged(world.lake) == billed(AFTER)


def test_a_shared_folder_keeps_the_files_of_a_commit_whose_reply_is_lost(
    tmp_path: Path, postgres_url: str, relay: Relay
) -> None:
    settings = Settings(home=tmp_path, catalog=SecretStr(relay.url(postgres_url)), threads=1)
    with Lake.open(settings, create=True) as lake:
        commit_loads(lake, "one", "other")
        relay.lose_reply()
        with pytest.raises(CatalogUnavailable):
            commit_loads(lake, "two", replaces="one")
        assert relay.lost == 1

        lake.reconnect_if_lost()

        assert lake.rows("SELECT load_id, count(*) FROM charges GROUP BY ALL ORDER BY ALL") == [
            ("other", 5),
            ("two", 5),
        ]
        sealed = own_folder(tmp_path / "data" / "sealed")
        assert [path.name for path in sealed.iterdir()] == [MARKER]


REFUSALS = {
    "wrong password": ("postgresql://billstream:nope@{host}/{db}", "the user or the password"),
    "no password": ("postgresql://billstream@{host}/{db}", "the user or the password"),
    "missing database": ("postgresql://{user}@{host}/nosuch", "no such database"),
    "may not log in": ("postgresql://locked:pw@{host}/{db}", "no such user"),
    "may not connect": ("postgresql://stranger:pw@{host}/{db}", "lacks a privilege"),
    "no lake": ("postgresql://{user}@{host}/{db}", "`billstream init`"),
    "no TLS": ("postgresql://{user}@{host}/{db}?sslmode=require", "TLS"),
    "missing certificate": ("postgresql://{user}@{host}/{db}?sslmode=require&sslcert=/nowhere", "TLS"),
    "value of an option": ("postgresql://{user}@{host}/{db}?sslmode=nope", "An option"),
    "setting of the server": ("postgresql://{user}@{host}/{db}?options=-c%20nope%3D1", "An option"),
    "missing service": ("postgresql://{user}@{host}/{db}?service=nope", "An option"),
}
ROLES = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'locked') THEN
        CREATE ROLE locked NOLOGIN PASSWORD 'pw'; CREATE ROLE stranger LOGIN PASSWORD 'pw';
        CREATE ROLE crowded LOGIN PASSWORD 'pw' CONNECTION LIMIT 0;
    END IF;
END $$; REVOKE CONNECT ON DATABASE {db} FROM public; GRANT CONNECT ON DATABASE {db} TO crowded
"""


def test_what_the_server_refuses_for_good_is_told_at_once(
    tmp_path: Path, postgres_url: str, postgres: PostgresServer
) -> None:
    at, _, db = postgres_url.partition("://")[2].rpartition("/")
    user, _, host = at.rpartition("@")
    postgres.execute(ROLES.format(db=db))
    for form, advice in REFUSALS.values():
        settings = Settings(home=tmp_path, catalog=SecretStr(form.format(user=user, host=host, db=db)), threads=1)
        with pytest.raises(Fatal, match=advice):
            retries.patiently(partial(Lake.open, settings))


@pytest.mark.parametrize("form", ["postgresql://crowded:pw@{host}/{db}", "postgresql://nosuch.invalid/{db}"])
def test_a_server_that_is_crowded_or_not_yet_known_is_waited_for(
    tmp_path: Path, postgres_url: str, postgres: PostgresServer, form: str
) -> None:
    host, _, db = postgres_url.rpartition("@")[2].rpartition("/")
    postgres.execute(ROLES.format(db=db))
    settings = Settings(home=tmp_path, catalog=SecretStr(form.format(host=host, db=db)), threads=1)
    with pytest.raises(CatalogUnavailable):
        Lake.open(settings)


def test_the_password_may_come_from_libpqs_own_places(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = postgres_url.partition("@")[0].rpartition(":")[2]
    file = tmp_path / "pass file"
    file.write_text(f"*:*:*:*:{password}\n")
    file.chmod(0o600)
    bare = postgres_url.replace(f":{password}@", "@")

    def opens(url: str) -> bool:
        with Lake.open(Settings(home=tmp_path, catalog=SecretStr(url), threads=1), create=True) as lake:
            return lake.snapshot_id() > 0

    assert opens(f"{bare}?passfile={file}".replace(" ", "%20"))
    monkeypatch.setenv("PGPASSWORD", password)
    assert opens(bare)


def commit_loads(lake: Lake, *loads: str, replaces: str | None = None) -> None:
    """Commit loads in one file, in place of a load that may be a part of another file."""
    path = lake.staging_path("-".join(loads))
    rows = f"SELECT unnest({list(loads)}) AS load_id, now() AS charge_period_start FROM range(5)"
    lake.engine.execute(f"COPY ({rows}) TO {literal(path)} (FORMAT parquet)")

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute("DELETE FROM charges WHERE load_id = ?", [replaces])
        con.execute("CALL ducklake_add_data_files('lake', 'charges', ?, allow_missing => true)", [path])

    claim = Claim(ProcessedKey(scope_id=scope_id("s"), entry_id=loads[0], state="loaded", load_id=loads[0]), replaces)
    lake.commit(write, claims=[claim], author="test", message="loads")
