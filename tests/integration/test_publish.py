"""A copy in PostgreSQL, or in Iceberg, equals the lake, to the last decimal, whatever happened in between."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.verify import verify
from billstream.common.errors import Misconfigured, Retryable, ServiceUnavailable, WriteConflict
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.publishing import goal
from billstream.publishing.follower import foresee, publish_once
from billstream.publishing.lag import read_lags
from billstream.publishing.proof import prove_copy
from billstream.publishing.registry import forget, read_followers
from tests.integration.aggregator_support import NOW, Row, commit_load, new_lake, remove_load
from tests.integration.iceberg_support import Lakehouse
from tests.integration.maintenance_support import KEEP_NONE, load, maintained, snapshots
from tests.integration.publish_support import Warehouse, load_odd_days, modelled, target_of
from tests.servers.postgres import PostgresServer
from tests.servers.relay import running_relay

MONTH = timedelta(days=30)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as made:
        yield made


@pytest.fixture
def warehouse(postgres: PostgresServer, postgres_url: str) -> Warehouse:
    return Warehouse(postgres, postgres_url)


Copy = Warehouse | Lakehouse


@pytest.fixture(params=["postgres", "iceberg"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Copy:
    if request.param == "iceberg":
        return Lakehouse(tmp_path / "lakehouse")
    return Warehouse(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_url"))


def some_rows(chance: random.Random) -> list[Row]:
    """Charges of two months with whatever may be missing, and with texts that somebody else wrote."""
    names = [None, "", "chat", "o'hara; --", 'é|"\\u0000\n', "a\0b", "{}"]
    amounts = [None, Decimal("0.000000000000000001"), Decimal("-98765432109876.123456789012345678"), Decimal(7)]
    tags = [None, {}, {"team": "a"}, {"a\0b": 'x"\\', "é": "", "\n": "{}"}]
    return [
        Row(
            datetime(2026, 1, 28, 23, 30, tzinfo=UTC) + timedelta(days=chance.randrange(8)),
            chance.choice([None, "USD", "EUR"]),
            x_user_id=chance.choice([None, "u1"]),
            service_name=chance.choice(names),
            region_id=chance.choice([None, "eu"]),
            billed_cost=chance.choice(amounts),
            effective_cost=chance.choice(amounts),
            consumed_quantity=chance.choice(amounts),
            consumed_unit=chance.choice([None, "Tokens", 'T"\0']),
            tags=chance.choice(tags),
        )
        for _ in range(chance.randrange(1, 7))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_target_has_what_the_lake_has(lake: Lake, copy: Copy, seed: int) -> None:
    """Random histories; the model shares no code with what is tested, and the sums are PostgreSQL's own."""
    chance = random.Random(seed)  # noqa: S311 - a history that can be played again
    active: dict[str, tuple[str, list[Row]]] = {}
    reasons = set()
    with copy.target(lake) as target:
        for number in range(22):
            step = chance.choice(
                ["load", "load", "load", "remove", "maintain", "refresh", "publish", "publish", "away"]
            )
            key = chance.choice(["one", "two", "three"])
            if step == "load":
                name, rows = f"load-{number}", some_rows(chance)
                commit_load(lake, name, rows, replaces=active[key][0] if key in active else None, scope=f"s3://b/{key}")
                active[key] = (name, rows)
            elif step == "remove" and key in active:
                remove_load(lake, active.pop(key)[0], scope=f"s3://b/{key}")
            elif step == "maintain":
                maintained(lake, KEEP_NONE)
            elif step == "away":
                maintained(lake, replace(KEEP_NONE, wait=timedelta(0)))
            elif step == "refresh":
                chance.choice([refresh_once, refresh_once, rebuild])(lake, now=NOW + timedelta(minutes=number))
            elif step == "publish":
                refresh_once(lake, now=NOW + timedelta(minutes=number))
                done = publish_once(lake, target)
                reasons.add(done.change.reason)
                assert copy.charges() == modelled(active.values())
                assert copy.contradictions() == []
                proof = prove_copy(lake, target)
                assert (proof.differences, proof.uncompared, len(proof.snapshots)) == ((), None, 1)
                assert not publish_once(lake, target).changed
    assert None in reasons


def test_the_catalog_of_a_fleet_and_its_copy_share_a_database(warehouse: Warehouse, tmp_path: Path) -> None:
    """DuckLake's tables are in `public`, whatever the user's own schema is called."""
    with Lake.open(Settings(home=tmp_path, catalog=SecretStr(warehouse.url), threads=1), create=True) as lake:
        load(lake, "a", 40)
        load(lake, "b", 3)
        refresh_once(lake, now=NOW)
        with target_of(lake, warehouse.url) as target:
            assert publish_once(lake, target).change.reason == goal.FIRST
            load(lake, "c", 2, replaces="b")
            refresh_once(lake, now=NOW + MONTH)
            held = warehouse.snapshot()
            maintained(lake)
            assert snapshots(lake)[0] == held
            done = publish_once(lake, target)
            assert (done.change.reason, done.change.days["charges"]) == (None, 3)
            assert [one.state for one in read_lags(lake, now=datetime.now(UTC), wait=MONTH)] == ["current"]
        assert {key[0] for key in warehouse.charges()} == {"a", "c"}
        assert warehouse.contradictions() == []
        assert verify(lake) == []


def test_only_the_days_that_have_changed_are_replaced(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 40)
    load(lake, "b", 3)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        assert publish_once(lake, target).change.reason == goal.FIRST
        before = warehouse.rows("SELECT charge_day, xmin::text AS writer FROM billstream.charges ORDER BY 1")
        load(lake, "c", 2, replaces="b")
        refresh_once(lake, now=NOW + MONTH)
        done = publish_once(lake, target)
    assert done.change.days == {"charges": 3, "daily_costs": 3, "user_costs": 3, "service_costs": 3, "region_costs": 3}
    after = warehouse.rows("SELECT charge_day, xmin::text AS writer FROM billstream.charges ORDER BY 1")
    same = [row for row in after if row in before]
    assert {row["charge_day"] for row in after if row not in before} == {"2025-07-01", "2025-07-02", "2025-07-03"}
    assert len(same) == 37
    assert warehouse.contradictions() == []


def test_rows_that_maintenance_moves_change_no_day(lake: Lake, copy: Copy) -> None:
    for number in range(6):
        load(lake, f"load-{number}", 4)
    refresh_once(lake, now=NOW)
    with copy.target(lake) as target:
        publish_once(lake, target)
        for number in range(5):
            remove_load(lake, f"load-{number}")
        refresh_once(lake, now=NOW)
        publish_once(lake, target)
        steps = {type(done.step).__name__ for _ in range(3) for done in maintained(lake).done}
        refresh_once(lake, now=NOW)
        rebuild(lake, now=NOW + MONTH)  # every group of the aggregates goes and comes again
        done = publish_once(lake, target)
    assert "Renew" in steps
    assert (done.rows, set(done.change.days.values())) == (0, {0})
    assert copy.contradictions() == []


def test_snapshots_are_kept_for_a_target_and_not_for_ever(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with copy.target(lake) as target:
        publish_once(lake, target)
        held = copy.snapshot()
        for number in range(3):
            load(lake, f"more-{number}", 2, replaces="a" if number == 1 else None)
            refresh_once(lake, now=NOW + timedelta(minutes=number))
        maintained(lake)
        assert snapshots(lake)[0] == held
        assert publish_once(lake, target).change.reason is None
        assert copy.contradictions() == []

        load(lake, "late", 2, replaces="more-1")
        refresh_once(lake, now=NOW + timedelta(hours=1))
        load(lake, "later", 2, replaces="more-0")
        refresh_once(lake, now=NOW + timedelta(hours=2))
        away = replace(KEEP_NONE, wait=timedelta(minutes=30))  # `maintained` looks from an hour later
        maintained(lake, away)
        assert snapshots(lake)[0] > copy.snapshot()
        assert publish_once(lake, target).change.reason == goal.EXPIRED
        assert copy.contradictions() == []
        assert read_followers(lake)[0].snapshot_id == copy.snapshot()
        assert publish_once(lake, target).changed is False


def test_a_dry_run_writes_nothing(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    newest = lake.snapshot_id()
    with target_of(lake, warehouse.url) as target:
        assert foresee(lake, target).reason == goal.FIRST
        assert warehouse.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'billstream'") == "0"
        publish_once(lake, target)
        assert lake.snapshot_id() > newest
        load(lake, "b", 2)
        refresh_once(lake, now=NOW + MONTH)
        newest, mark = lake.snapshot_id(), warehouse.snapshot()
        assert foresee(lake, target).days["charges"] == 2
        assert (lake.snapshot_id(), warehouse.snapshot()) == (newest, mark)


def test_what_the_aggregates_lack_is_not_published(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 3)
    with copy.target(lake) as target:
        with pytest.raises(Retryable, match="no aggregates yet"):
            publish_once(lake, target)
        refresh_once(lake, now=NOW)
        load(lake, "b", 3)
        publish_once(lake, target)
        assert {key[0] for key in copy.charges()} == {"a"}
        assert copy.contradictions() == []


def test_two_processes_take_turns(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with copy.target(lake) as one, copy.target(lake) as other:
        stale = one.watermark()
        publish_once(lake, other)
        mark = other.watermark()
        assert mark is not None
        with pytest.raises(WriteConflict), one.changing(stale, mark):
            pytest.fail("the other was first")
        assert not publish_once(lake, one).changed
    assert copy.contradictions() == []


def test_another_lake_is_refused(lake: Lake, copy: Copy, tmp_path: Path) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with copy.target(lake) as target:
        publish_once(lake, target)
    with new_lake(tmp_path / "other") as second:
        load(second, "b", 1)
        refresh_once(second, now=NOW)
        with (
            copy.target(second) as target,
            pytest.raises(Misconfigured, match="copy of another lake"),
        ):
            publish_once(second, target)
    assert {key[0] for key in copy.charges()} == {"a"}


def test_a_lake_that_was_restored_is_copied_anew(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        publish_once(lake, target)
        warehouse.run("UPDATE billstream.watermark SET read_time = read_time + interval '1 second'")
        assert publish_once(lake, target).change.reason == goal.OTHER_HISTORY
        warehouse.run("UPDATE billstream.watermark SET read_at = read_at + 1000")
        assert publish_once(lake, target).change.reason == goal.OTHER_HISTORY
        warehouse.run("UPDATE billstream.watermark SET layout = 'old'; ALTER TABLE billstream.charges DROP COLUMN tags")
        assert publish_once(lake, target).change.reason == goal.OTHER_LAYOUT
    assert warehouse.contradictions() == []
    assert "tags" in warehouse.rows("SELECT * FROM billstream.charges LIMIT 1")[0]


def test_tables_of_others_stay_as_they_are(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    warehouse.run("CREATE SCHEMA billstream; CREATE TABLE billstream.charges (mine int)")
    with target_of(lake, warehouse.url) as target, pytest.raises(Misconfigured, match="billstream did not make"):
        publish_once(lake, target)
    assert warehouse.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'billstream'") == [
        {"table_name": "charges"}
    ]


def test_a_role_may_read_and_nothing_else(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url, readers="bill_readers") as target:
        with pytest.raises(Misconfigured, match="has no role bill_readers"):
            publish_once(lake, target)
        warehouse.run("CREATE ROLE bill_readers LOGIN PASSWORD 'secret'")
        try:
            publish_once(lake, target)
            server, database = warehouse.server, warehouse.database
            count = "SELECT count(*) FROM billstream.charges"
            assert server.execute(count, database, "bill_readers", "secret") == "3"
            with pytest.raises(RuntimeError, match="permission denied"):
                server.execute("DELETE FROM billstream.charges", database, "bill_readers", "secret")
        finally:
            warehouse.run("DROP OWNED BY bill_readers; DROP ROLE bill_readers")


def test_a_privilege_that_is_missing_is_named(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 1)
    refresh_once(lake, now=NOW)
    warehouse.run("CREATE ROLE stranger LOGIN PASSWORD 'verysecret'")
    try:
        url = warehouse.server.url(warehouse.database, "stranger", "verysecret")
        with target_of(lake, url) as target, pytest.raises(Misconfigured, match="WAREHOUSE_URL lacks a privilege"):
            publish_once(lake, target)
        wrong = warehouse.server.url(warehouse.database, "stranger", "anothersecret")
        with target_of(lake, wrong) as target, pytest.raises(Misconfigured) as refused:
            publish_once(lake, target)
        assert "anothersecret" not in str(refused.value)
        assert "WAREHOUSE_URL" in str(refused.value)
    finally:
        warehouse.run("DROP OWNED BY stranger; DROP ROLE stranger")


def test_a_server_that_is_away_is_waited_for(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        publish_once(lake, target)
        warehouse.server.kill()
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            publish_once(lake, target)
        warehouse.server.start()
        load(lake, "b", 3)
        refresh_once(lake, now=NOW + MONTH)
        assert publish_once(lake, target).changed
    assert warehouse.contradictions() == []


@pytest.mark.parametrize("moment", ["reply", "COMMIT", "FROM STDIN", "DELETE FROM", "LOCK TABLE", "BEGIN"])
def test_a_connection_that_is_lost_loses_nothing(lake: Lake, warehouse: Warehouse, moment: str) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with running_relay(warehouse.url) as relay, target_of(lake, relay.url(warehouse.url)) as target:
        publish_once(lake, target)
        load(lake, "b", 3, replaces="a")
        newest = refresh_once(lake, now=NOW + MONTH).snapshot_id
        before = warehouse.charges()
        if moment == "reply":
            relay.lose_reply()
        else:
            relay.cut_at(moment)
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            publish_once(lake, target)
        assert (relay.lost if moment == "reply" else relay.mend()) == 1
        assert (warehouse.snapshot() == newest) is (moment == "reply")
        assert (warehouse.charges() == before) is (moment != "reply")
        assert publish_once(lake, target).changed is (moment != "reply")
    assert warehouse.snapshot() == newest
    assert {key[0] for key in warehouse.charges()} == {"b"}
    assert warehouse.contradictions() == []


def test_timescaledb_keeps_the_charges_where_it_is_installed(lake: Lake, warehouse: Warehouse) -> None:
    """With a stand-in for the extension, which records what it is told."""
    warehouse.run(
        "SET allow_system_table_mods = on; "
        "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) "
        "VALUES (99999, 'timescaledb', 10, 'public'::regnamespace, false, '2'); "
        "CREATE TABLE told (relation text, of text, every interval); "
        "CREATE FUNCTION create_hypertable(relation regclass, time_column_name name, chunk_time_interval interval) "
        "RETURNS void LANGUAGE sql AS 'INSERT INTO told VALUES ($1::text, $2::text, $3)'"
    )
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        publish_once(lake, target)
        publish_once(lake, target, anew=True)
    # The user's own name is in the search path, so the schema is left out.
    assert warehouse.value("SELECT * FROM told") == "charges|charge_day|1 mon"
    assert warehouse.value("SELECT relkind FROM pg_class WHERE oid = 'billstream.charges'::regclass") == "r"
    assert warehouse.contradictions() == []


def test_what_the_lake_says_of_its_targets(lake: Lake, warehouse: Warehouse) -> None:
    wait = timedelta(days=30)
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        publish_once(lake, target)
        (lag,) = read_lags(lake, now=datetime.now(UTC), wait=wait)
        assert (lag.name, lag.kind, lag.state, lag.lag_loads) == ("warehouse", "postgres", "current", 0)
        assert "@127.0.0.1" in lag.place
        assert warehouse.url.split(":")[2].split("@")[0] not in lag.place  # the password
        commit_load(lake, "b", [Row(NOW)], scope="s3://b/b", at=NOW + timedelta(minutes=5))
        (lag,) = read_lags(lake, now=NOW + timedelta(minutes=6), wait=wait)
        assert (lag.state, lag.lag_loads, lag.lag_seconds) == ("current", 1, 60.0)
        refresh_once(lake, now=NOW + MONTH)
        assert [one.state for one in read_lags(lake, now=datetime.now(UTC), wait=wait)] == ["behind"]
        later = datetime.now(UTC) + timedelta(days=31)
        assert [one.state for one in read_lags(lake, now=later, wait=wait)] == ["away"]
        forget(lake, "warehouse")
        assert read_followers(lake) == []
        assert publish_once(lake, target).change.reason is None
        assert len(read_followers(lake)) == 1


def test_days_beyond_the_calendar_are_copied_too(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 1)
    load_odd_days(lake)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        publish_once(lake, target)
        assert warehouse.contradictions() == []
        assert warehouse.value("SELECT count(*) FROM billstream.charges WHERE load_id = 'odd'") == "4"
        remove_load(lake, "odd")
        refresh_once(lake, now=NOW + MONTH)
        publish_once(lake, target)
    assert warehouse.value("SELECT count(*) FROM billstream.charges") == "1"
    assert warehouse.contradictions() == []


def test_tables_and_columns_have_their_comments(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 1)
    refresh_once(lake, now=NOW)
    with target_of(lake, warehouse.url) as target:
        publish_once(lake, target)
    lacking = (
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 "
        "WHERE c.relnamespace = 'billstream'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
        "AND col_description(c.oid, a.attnum) IS NULL AND NOT a.attisdropped"
    )
    assert warehouse.rows(lacking) == []
    kinds = "SELECT data_type FROM information_schema.columns WHERE table_schema = 'billstream' AND column_name = "
    assert warehouse.value(f"{kinds} 'tags'").splitlines()[0] == "jsonb"
    assert warehouse.value("SELECT relkind FROM pg_class WHERE oid = 'billstream.charges'::regclass") == "p"
