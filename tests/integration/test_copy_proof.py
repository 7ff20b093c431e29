"""A copy that is not what the lake was is found and named, whoever made it so; one that is, is not."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from billstream.aggregator.refresh import refresh_once
from billstream.common.errors import Misconfigured, ServiceUnavailable
from billstream.common.exits import ExitCode
from billstream.common.lake import Lake
from billstream.publishing import proof
from billstream.publishing.config import IcebergPlace
from billstream.publishing.follower import publish_once
from billstream.publishing.iceberg.target import IcebergTarget
from billstream.publishing.proof import CopyProof, Difference, prove_copy
from billstream.publishing.tables import read_tables
from tests.integration.aggregator_support import NOW, Row, commit_load, new_lake, remove_load
from tests.integration.iceberg_support import Lakehouse
from tests.integration.intake_support import bill
from tests.integration.maintenance_support import KEEP_NONE, load, maintained
from tests.integration.operator_support import Commands, commands
from tests.integration.publish_support import Warehouse, load_odd_days, target_of
from tests.integration.test_publish import some_rows
from tests.servers.aws import AwsEnvironment
from tests.servers.postgres import PostgresServer

TABLES = ("charges", "daily_costs", "user_costs", "service_costs", "region_costs")
JULY = [crc32(b"a") + day for day in range(31)]
"""The costs of the charges that `load` makes in the first month."""

Copy = Warehouse | Lakehouse
Tags = dict[str, str] | None


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as made:
        yield made


@pytest.fixture
def warehouse(postgres: PostgresServer, postgres_url: str) -> Warehouse:
    return Warehouse(postgres, postgres_url)


@pytest.fixture
def house(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path / "lakehouse")


@pytest.fixture(params=["warehouse", "house"])
def copy(request: pytest.FixtureRequest) -> Copy:
    made: Copy = request.getfixturevalue(request.param)
    return made


def published(lake: Lake, copy: Copy) -> CopyProof:
    refresh_once(lake, now=NOW)
    with copy.target(lake) as target:
        publish_once(lake, target)
    return proved(lake, copy)


def proved(lake: Lake, copy: Copy) -> CopyProof:
    with copy.target(lake) as target:
        return prove_copy(lake, target)


def agrees(found: CopyProof) -> bool:
    assert found.snapshots
    return (found.differences, found.uncompared) == ((), None)


def test_a_copy_agrees_whatever_became_of_the_lake(lake: Lake, copy: Copy) -> None:
    assert proved(lake, copy) == CopyProof()
    for number in range(8):
        commit_load(lake, f"some-{number}", some_rows(random.Random(number)), scope=f"s3://b/{number}")  # noqa: S311
    load(lake, "a", 40)
    load_odd_days(lake)
    assert proved(lake, copy) == CopyProof()
    assert agrees(published(lake, copy))
    remove_load(lake, "some-1")
    load(lake, "b", 3, replaces="a")
    found = published(lake, copy)
    assert agrees(found)
    ((charges,),) = lake.rows("SELECT count(*) FROM charges")
    ((sums,),) = lake.rows(f"SELECT {' + '.join(f'(SELECT count(*) FROM {name})' for name in TABLES[1:])}")
    assert found.rows == charges + sums > 50
    # What the lake has since then is not the copy's; and upkeep keeps what the copy is compared with.
    load(lake, "c", 70)
    refresh_once(lake, now=NOW + timedelta(days=1))
    maintained(lake, KEEP_NONE)
    assert proved(lake, copy) == found


def test_tables_without_rows_agree(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 1)
    assert published(lake, copy).rows == 5
    remove_load(lake, "a")
    found = published(lake, copy)
    assert agrees(found)
    assert found.rows == 0
    copy.spoil("daily_costs", "INSERT INTO billstream.daily_costs (charge_day, charge_rows) VALUES ('2025-07-01', 1)")
    assert [one.problem for one in proved(lake, copy).differences] == ["1 row of a month of which the lake has none"]


OTHER_VALUES = "rows and sums are right, and values of some row are not"
COST = f"the sum of billed_cost is {{}} and should be {sum(JULY)}"
MORE = "UPDATE billstream.charges SET billed_cost = billed_cost + 0.000000000000000001"
SWAP = "UPDATE billstream.charges SET billed_cost = {} - billed_cost WHERE charge_day IN ('2025-07-01', '2025-07-02')"


@pytest.mark.parametrize(
    ("table", "sql", "problem"),
    [
        (
            "charges",
            "DELETE FROM billstream.charges WHERE charge_day = '2025-07-02'",
            f"rows are 30 and should be 31; {COST.format(sum(JULY) - JULY[1])}",
        ),
        (
            "charges",
            "INSERT INTO billstream.charges SELECT * FROM billstream.charges WHERE charge_day = '2025-07-03'",
            f"rows are 32 and should be 31; {COST.format(sum(JULY) + JULY[2])}",
        ),
        (
            "charges",
            f"{MORE} WHERE charge_day = '2025-07-03'",
            COST.format(f"{sum(JULY)}.000000000000000001"),
        ),
        ("charges", SWAP.format(JULY[0] + JULY[1]), OTHER_VALUES),
        (
            "charges",
            "UPDATE billstream.charges SET service_name = NULL, region_id = service_name",
            OTHER_VALUES,
        ),
        (
            "charges",
            "UPDATE billstream.charges SET billed_cost = NULL",
            COST.format("nothing"),
        ),
        (
            "charges",
            "UPDATE billstream.charges SET charge_period_start = charge_period_start + INTERVAL '0.000001 second'",
            OTHER_VALUES,
        ),
        (
            "charges",
            "DELETE FROM billstream.charges WHERE charge_day < '2025-08-01'",
            "the month is missing, which has 31 rows",
        ),
        (
            "service_costs",
            "UPDATE billstream.service_costs SET billed_rows = 2 WHERE charge_day = '2025-07-02'",
            "the sum of billed_rows is 32 and should be 31",
        ),
    ],
)
def test_what_somebody_changes_is_found_and_named(lake: Lake, copy: Copy, table: str, sql: str, problem: str) -> None:
    load(lake, "a", 31)
    assert agrees(published(lake, copy))
    copy.spoil(table, sql)
    (found,) = proved(lake, copy).differences
    assert found == Difference(f"{table}, 2025-07", problem)


def test_other_tags_are_found(lake: Lake, copy: Copy) -> None:
    pairs: list[tuple[Tags, Tags]] = [
        ({"k": "v"}, {"k": "w"}),
        ({"k": "v"}, {"l": "v"}),
        ({"k": "v"}, {"k": "v", "l": ""}),
        ({"k": "v\x1dl\x1cw"}, {"k": "v", "l": "w"}),
        ({}, None),
        (None, {}),
        ({"k": ""}, {}),
    ]
    rows = [Row(NOW, service_name=str(number), tags=tags) for number, (tags, _) in enumerate(pairs)]
    commit_load(lake, "a", rows, scope="s3://b/a")
    assert agrees(published(lake, copy))
    update = "UPDATE billstream.charges SET tags = {} WHERE service_name = '{}'"
    for number, (tags, others) in enumerate(pairs):
        copy.spoil("charges", update.format(map_of(copy, others), number))
        assert proved(lake, copy).differences == (Difference("charges, 2025-07", OTHER_VALUES),), (tags, others)
        copy.spoil("charges", update.format(map_of(copy, tags), number))
        assert agrees(proved(lake, copy)), tags
    copy.spoil("charges", update.format(map_of(copy, {"k": None}), len(pairs) - 1))  # where there is an empty text
    assert proved(lake, copy).differences == (Difference("charges, 2025-07", OTHER_VALUES),)


def test_quantities_by_unit_are_compared(lake: Lake, copy: Copy) -> None:
    commit_load(lake, "a", [Row(NOW, consumed_quantity=Decimal("0.1"), consumed_unit="GB")], scope="s3://b/a")
    assert agrees(published(lake, copy))
    value = map_of(copy, {"GB": Decimal("0.100000000000000001")})
    copy.spoil("daily_costs", f"UPDATE billstream.daily_costs SET consumed_quantity = {value}")
    assert proved(lake, copy).differences == (Difference("daily_costs, 2025-07", OTHER_VALUES),)


def map_of(copy: Copy, entries: Mapping[str, Any] | None) -> str:
    """A map as SQL of the copy's kind."""
    if entries is None:
        return "NULL"
    if isinstance(copy, Warehouse):
        pairs = [
            f"{json.dumps(key)}: {value if isinstance(value, Decimal) else json.dumps(value)}"
            for key, value in entries.items()
        ]
        return f"'{{{', '.join(pairs)}}}'::jsonb"
    return f"MAP {{{', '.join(f'{key!a}: {literal(value)}' for key, value in entries.items())}}}"


def literal(value: str | Decimal | None) -> str:
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else f"{value}"


def test_many_months_are_counted_and_not_named(lake: Lake, copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MOST_DIFFERENCES", 2)
    load(lake, "a", 100)  # July to October
    published(lake, copy)
    copy.spoil("charges", "DELETE FROM billstream.charges")
    *named, counted = proved(lake, copy).differences
    assert [one.place for one in named] == ["charges, 2025-07", "charges, 2025-08"]
    assert counted == Difference("charges", "2 more months with differences")


def test_a_number_that_no_sum_of_the_lake_could_have_is_told(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 1)
    published(lake, warehouse)
    warehouse.run("UPDATE billstream.charges SET billed_cost = 'NaN'")
    (found,) = proved(lake, warehouse).differences
    assert found.problem == f"the sum of billed_cost is NaN and should be {JULY[0]}"


def test_large_amounts_of_a_copy_have_a_sum(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 5)
    published(lake, copy)
    copy.spoil("charges", "UPDATE billstream.charges SET billed_cost = 99999999999999999999.999999999999999999")
    (found,) = proved(lake, copy).differences
    assert found.problem.startswith("the sum of billed_cost is 499999999999999999999.999999999999999995 and")


def test_a_table_or_a_column_that_is_gone_is_named(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 1)
    published(lake, warehouse)
    warehouse.run(
        "DROP TABLE billstream.user_costs; ALTER TABLE billstream.charges DROP COLUMN tags, DROP COLUMN sku_id"
    )
    assert proved(lake, warehouse).differences == (
        Difference("charges", "the table lacks sku_id, tags"),
        Difference("user_costs", "the table is missing"),
    )
    with warehouse.target(lake) as target:
        publish_once(lake, target, anew=True)
    assert agrees(proved(lake, warehouse))


def test_a_table_of_iceberg_that_is_gone_is_named(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 1)
    published(lake, house)
    house.drop("user_costs")
    assert proved(lake, house).differences == (Difference("user_costs", "the table is missing"),)
    assert agrees(published(lake, house))


def test_a_file_of_the_copy_that_is_lost_is_named(lake: Lake, house: Lakehouse) -> None:
    load(lake, "a", 1)
    published(lake, house)
    uris = [next(iter(house.table(name).scan().plan_files())).file.file_path for name in TABLES]
    lost, other, rotten = (Path(uri.removeprefix("file://")) for uri in uris[:3])
    lost.unlink()
    other.write_bytes(b"no Parquet")
    rotten.write_bytes(b"PAR1" + bytes(100) + rotten.read_bytes()[104:])
    found = proved(lake, house).differences
    assert [one.place for one in found] == list(TABLES[:3])
    for uri, one in zip(uris, found, strict=False):
        assert one.problem.startswith(f"{uri} cannot be read: ")
    with house.target(lake) as target:
        publish_once(lake, target, anew=True)
    assert agrees(proved(lake, house))


def test_a_table_that_was_rolled_back_differs(lake: Lake, house: Lakehouse) -> None:
    """Its properties still name the newer state, and readers are told to compare these."""
    load(lake, "a", 1)
    published(lake, house)
    load(lake, "b", 1)
    published(lake, house)
    table = house.table("charges")
    table.manage_snapshots().set_current_snapshot(table.snapshots()[0].snapshot_id).commit()
    (found,) = proved(lake, house).differences
    assert found.place == "charges, 2025-07"
    assert found.problem.startswith("rows are 1 and should be 2; ")
    assert agrees(published(lake, house))


def test_tables_of_two_states_are_each_compared_with_their_own(
    lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a publisher died between the commits of two tables."""
    load(lake, "a", 3)
    (first,) = published(lake, house).snapshots
    load(lake, "b", 3, replaces="a")
    newest = refresh_once(lake, now=NOW).snapshot_id
    commit = SqlCatalog.commit_table

    def cut_off(self: SqlCatalog, table: Table, *rest: Any) -> Any:  # noqa: ANN401
        if table.name()[-1] == "user_costs":
            raise OSError("connection reset")
        return commit(self, table, *rest)

    monkeypatch.setattr(SqlCatalog, "commit_table", cut_off)
    with house.target(lake) as target, pytest.raises(ServiceUnavailable):
        publish_once(lake, target)
    assert [mark == newest for mark in house.snapshots()] == [True, True, False, False, False]
    found = proved(lake, house)
    assert agrees(found)
    assert found.snapshots == (first, newest)


def test_a_first_copy_that_is_not_complete_is_none(
    lake: Lake, house: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    monkeypatch.setattr(SqlCatalog, "commit_table", lost)
    with house.target(lake) as target, pytest.raises(ServiceUnavailable):
        publish_once(lake, target)
    assert house.tables() == sorted(TABLES)
    assert proved(lake, house) == CopyProof()


def lost(*_: Any) -> Any:  # noqa: ANN401 - a method of a catalog
    raise OSError("connection reset")


def test_a_snapshot_that_has_been_expired_is_said(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 3)
    (first,) = published(lake, copy).snapshots
    grown(lake)
    maintained(lake, replace(KEEP_NONE, wait=timedelta(0)))
    assert proved(lake, copy) == CopyProof(
        (first,), uncompared=f"snapshot {first}, which it is a copy of, has been expired"
    )
    assert agrees(published(lake, copy))


def test_a_snapshot_that_is_expired_meanwhile_is_said(lake: Lake, copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process publishes, and upkeep lets go of what the copy was compared with."""
    load(lake, "a", 3)
    (first,) = published(lake, copy).snapshots
    grown(lake)

    def read(*which: Any) -> Any:  # noqa: ANN401
        found = read_tables(*which)
        maintained(lake, replace(KEEP_NONE, wait=timedelta(0)))
        return found

    monkeypatch.setattr("billstream.publishing.proof.read_tables", read)
    assert proved(lake, copy).uncompared == f"snapshot {first}, which it is a copy of, has been expired"


def test_a_copy_that_goes_on_meanwhile_is_compared_as_it_was(
    lake: Lake, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lake, "a", 3)
    before = published(lake, copy)
    grown(lake)

    def read(*which: Any) -> Any:  # noqa: ANN401
        with copy.target(lake) as another:
            publish_once(lake, another)
        return read_tables(*which)

    monkeypatch.setattr("billstream.publishing.proof.read_tables", read)
    assert proved(lake, copy) == before
    assert agrees(before)
    assert copy.snapshot() > before.snapshots[0]
    after = proved(lake, copy)
    assert agrees(after)
    assert after.snapshots == (copy.snapshot(),)


def grown(lake: Lake) -> None:
    """The lake goes on, with a change of every table."""
    load(lake, "b", 3, replaces="a")
    refresh_once(lake, now=NOW + timedelta(days=1))
    load(lake, "c", 3, replaces="b")
    refresh_once(lake, now=NOW + timedelta(days=2))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("read_time = read_time + interval '1 second'", "the lake was restored"),
        ("read_at = read_at + 1000", "the lake was restored"),
        ("layout = 'of an older version'", "it was made with other tables or columns"),
    ],
)
def test_what_there_is_nothing_to_compare_with_is_said(
    lake: Lake, warehouse: Warehouse, change: str, reason: str
) -> None:
    load(lake, "a", 3)
    published(lake, warehouse)
    warehouse.run(f"UPDATE billstream.watermark SET {change}")
    found = proved(lake, warehouse)
    assert found.uncompared is not None
    assert found.uncompared.startswith(reason)
    assert agrees(published(lake, warehouse))


def test_a_damaged_lake_is_told_from_a_damaged_copy(lake: Lake, copy: Copy) -> None:
    load(lake, "a", 3)
    published(lake, copy)
    for (path,) in lake.rows("SELECT data_file FROM ducklake_list_files('lake', 'charges')"):
        Path(path).unlink()
    found = proved(lake, copy)
    assert found.differences == ()
    assert "data file" in (found.uncompared or "")


def test_a_copy_of_another_lake_is_refused(lake: Lake, copy: Copy, tmp_path: Path) -> None:
    load(lake, "a", 3)
    published(lake, copy)
    with new_lake(tmp_path / "other") as other, pytest.raises(Misconfigured, match="a copy of another lake"):
        proved(other, copy)


def test_a_server_that_is_away_is_told(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    published(lake, warehouse)
    warehouse.server.kill()
    with pytest.raises(ServiceUnavailable, match=r"target warehouse: reading the copy: .* does not answer"):
        proved(lake, warehouse)
    warehouse.server.start()
    assert agrees(proved(lake, warehouse))


def test_a_role_that_reads_may_prove(lake: Lake, warehouse: Warehouse) -> None:
    load(lake, "a", 3)
    warehouse.run("CREATE ROLE bill_prover LOGIN PASSWORD 'secret'")
    try:
        refresh_once(lake, now=NOW)
        with target_of(lake, warehouse.url, readers="bill_prover") as target:
            publish_once(lake, target)
        url = warehouse.server.url(warehouse.database, "bill_prover", "secret")
        with target_of(lake, url) as target:
            assert agrees(prove_copy(lake, target))
    finally:
        warehouse.run("DROP OWNED BY bill_prover; DROP ROLE bill_prover")


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_copy_in_a_bucket_is_proved(
    lake: Lake, tmp_path: Path, aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"s3://{aws.bucket}/iceberg"}
    target = IcebergTarget("bucket", IcebergPlace(kind="iceberg", catalog=catalog), lake=lake)
    load(lake, "a", 3)
    refresh_once(lake, now=NOW)
    publish_once(lake, target)
    assert agrees(prove_copy(lake, target))
    for one in aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix="iceberg/billstream/charges/data/")["Contents"]:
        aws.s3.delete_object(Bucket=aws.bucket, Key=one["Key"])
    (found,) = prove_copy(lake, target).differences
    target.close()
    assert found.place == "charges"
    assert ".parquet cannot be read: " in found.problem


@pytest.fixture
def billstream(
    warehouse: Warehouse, house: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """Commands over a lake with two charges, which is copied to the lakehouse."""
    environment = {
        "BILLSTREAM_TARGETS": str(tmp_path / "targets.toml"),
        "WAREHOUSE_URL": warehouse.url,
        "AWAY_URL": "postgresql://somebody:verysecret@127.0.0.1:1/nowhere",
    }
    (tmp_path / "targets.toml").write_text(targets(house))
    (tmp_path / "bill.csv").write_text(bill("1 USD", "2 USD"))
    with commands(tmp_path / "home", monkeypatch, environment) as made:
        made.run("load", str(tmp_path / "bill.csv"))
        made.run("aggregate", "--once")
        made.run("publish", "lakehouse")
        yield made


def targets(house: Lakehouse, *others: str) -> str:
    """The file of targets: the lakehouse, and databases whose URLs are in variables of their names."""
    tables = [f'[target.{name}]\nkind = "postgres"\nurl_from = "{name.upper()}_URL"\n' for name in others]
    return "\n".join([house.toml(), *tables])


def test_a_target_that_does_not_answer_keeps_no_other_from_being_proved(
    billstream: Commands, house: Lakehouse, tmp_path: Path
) -> None:
    file = tmp_path / "targets.toml"
    file.write_text(targets(house, "warehouse"))
    assert billstream.json("verify")["copies"] is None
    told = billstream.run("verify", "--targets")
    assert "copy in lakehouse: agrees with the lake in 6 rows, at snapshot " in told
    assert "copy in warehouse: none yet; run: billstream publish warehouse" in told

    billstream.run("publish", "warehouse")
    file.write_text(targets(house, "away", "warehouse", "unset"))
    told = billstream.run("verify", "--targets", expect=ExitCode.TRY_AGAIN)
    assert "copy in lakehouse: agrees" in told
    assert "copy in away: not compared. target away: reading the copy: the target postgresql://" in told
    assert "verysecret" not in told
    assert "copy in warehouse: agrees" in told
    assert "copy in unset: not compared. UNSET_URL is not set" in told
    found = billstream.json("verify", "--targets", expect=ExitCode.TRY_AGAIN)
    assert found["agrees"] is True
    assert {one["target"]: one["state"] for one in found["copies"]} == {
        "lakehouse": "agrees",
        "away": "failed",
        "warehouse": "agrees",
        "unset": "failed",
    }
    file.write_text(targets(house, "unset"))
    told = billstream.run("verify", "--targets", expect=ExitCode.CONFIGURATION)
    assert "copy in warehouse: not compared, as the file of BILLSTREAM_TARGETS does not have it" in told


def test_verify_says_what_differs_and_what_to_run(
    billstream: Commands, warehouse: Warehouse, house: Lakehouse, tmp_path: Path
) -> None:
    """A copy that differs counts more than a target that does not answer, and is nothing that --repair repairs."""
    (tmp_path / "targets.toml").write_text(targets(house, "warehouse"))
    billstream.run("publish", "warehouse")
    warehouse.run("UPDATE billstream.daily_costs SET billed_cost = 4")
    (tmp_path / "targets.toml").write_text(targets(house, "away", "warehouse"))
    problem = "warehouse, daily_costs, 2026-03: the sum of billed_cost is 4 and should be 3."
    for words in ((), ("--repair",)):
        told = billstream.run("verify", "--targets", *words, expect=ExitCode.TROUBLE)
        assert f"targets: {problem}\n" in told
        assert "copy in warehouse: differs in 1 place, at snapshot " in told
        assert "run: billstream publish warehouse --anew" in told
        assert "aggregates and charges agree" in told
        assert "could not be repaired" not in told
        assert "verify --repair" not in told
    billstream.meddle("UPDATE daily_costs SET billed_cost = 5")
    told = billstream.run("verify", "--targets", "--repair", expect=ExitCode.TROUBLE)
    assert "aggregates and charges agree" in told
    assert f"targets: {problem}\n" in told
    found = billstream.json("verify", "--targets", expect=ExitCode.TROUBLE)
    assert [(one["check"], one["problem"], one["cure"]) for one in found["findings"]] == [
        ("targets", problem, "publish")
    ]
    billstream.run("publish", "warehouse", "--anew")
    (tmp_path / "targets.toml").write_text(targets(house, "warehouse"))
    assert billstream.json("verify", "--targets")["agrees"] is True


def test_verify_says_where_there_is_nothing_to_compare(
    billstream: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bill.csv").write_text(bill("1 USD", "3 USD"))
    billstream.run("load", str(tmp_path / "bill.csv"))
    billstream.run("aggregate", "--once")
    maintained(billstream.lake, replace(KEEP_NONE, wait=timedelta(0)))
    told = billstream.run("verify", "--targets", expect=ExitCode.TROUBLE)
    assert "targets: lakehouse cannot be compared: snapshot " in told
    assert "run: billstream publish lakehouse --anew" in told
    (tmp_path / "targets.toml").write_text("")
    assert "The file of BILLSTREAM_TARGETS has no target." in billstream.run("verify", "--targets")
    monkeypatch.delenv("BILLSTREAM_TARGETS")
    assert "BILLSTREAM_TARGETS is not set" in billstream.run("verify", "--targets", expect=1)
