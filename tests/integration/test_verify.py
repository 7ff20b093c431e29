"""Whatever is tampered with, the proof names it, and the repair brings back what the files say."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.cli import wiring
from billstream.cli.verify import Check, Verification, mend, prove, repairs
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent
from tests.e2e.billing import HEADER, BillingFile, billing_file, expected_totals
from tests.integration.operator_support import commands, forget_notifications, put
from tests.servers.aws import AwsEnvironment

if TYPE_CHECKING:
    import duckdb

on_ministack = pytest.mark.parametrize("aws", ["ministack"], indirect=True)
FILES = [billing_file(f"{name}.csv", seed=seed) for seed, name in enumerate(("first", "it's second", "third"))]


@dataclass
class House:
    """A lake with local files in it, aggregated; sound unless a test has just tampered with it."""

    folder: Path
    lake: Lake
    settings: Settings

    def path(self, number: int) -> str:
        return str((self.folder / FILES[number].key).resolve())

    def scope(self, number: int) -> str:
        return f"{FILE_BUCKET}//{self.path(number)}"

    def load_id(self, number: int) -> str:
        rows = self.lake.rows("SELECT load_id FROM active_loads WHERE scope = ?", [self.scope(number)])
        return str(rows[-1][0])

    def deliver(self, number: int, *, force: bool = False) -> None:
        event = ObjectEvent(
            kind=EventKind.CREATED, bucket=FILE_BUCKET, key=self.path(number), event_name="load", force=force
        )
        backfill = wiring.operator_backfill(self.settings, self.lake, Stop(), role="test")
        assert [outcome.label for batch in backfill.run([event]) for outcome in batch] == ["loaded"]

    def meddle(self, sql: str, *claims: Claim) -> None:
        def write(con: "duckdb.DuckDBPyConnection") -> None:
            con.execute(sql)

        self.lake.commit(write, claims=claims, author="test", message="meddle")

    def misclaim(self, number: int, load_id: str | None) -> None:
        """Have the catalog hold another load than the ledger."""
        key = scope_id(self.scope(number))
        held = self.lake.processed_keys([key])[key]
        wrong = ProcessedKey(scope_id=key, entry_id="0" * 32, state="loaded", load_id=load_id)
        # Without a change there is no snapshot, and so no commit.
        junk = "INSERT INTO rejected_rows BY NAME SELECT '' AS entry_id, '' AS scope, '' AS reason"
        self.meddle(junk, Claim(wrong, held.entry_id))

    def prove(self) -> Verification:
        return prove(self.lake, wiring.interest(self.settings))

    def mend(self, proof: Verification) -> Verification:
        backfill = wiring.operator_backfill(self.settings, self.lake, Stop(), role="verify")
        return mend(proof, repairs(self.lake, backfill, "verify@test"), self.prove)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests: each leaves it as sound as it was, or has failed."""
    folder = tmp_path_factory.mktemp("house")
    settings = Settings(home=folder / "home", threads=1)
    with Lake.open(settings, create=True) as lake:
        house = House(folder, lake, settings)
        for number, file in enumerate(FILES):
            (folder / file.key).write_bytes(file.body)
            house.deliver(number)
        refresh_once(lake)
        assert house.prove().agrees
        yield house


def a_row_comes_twice(house: House) -> None:
    house.meddle(f"INSERT INTO charges SELECT * FROM charges WHERE load_id = '{house.load_id(1)}' LIMIT 1")


def a_row_is_lost(house: House) -> None:
    load = house.load_id(1)
    house.meddle(
        f"DELETE FROM charges WHERE load_id = '{load}' AND billed_cost = "
        f"(SELECT max(billed_cost) FROM charges WHERE load_id = '{load}')"
    )


def all_rows_are_lost(house: House) -> None:
    house.meddle(f"DELETE FROM charges WHERE load_id = '{house.load_id(1)}'")


def one_cost_is_off_by_the_last_decimal(house: House) -> None:
    load = house.load_id(1)
    house.meddle(
        f"UPDATE charges SET billed_cost = billed_cost + 0.000000000000000001 WHERE load_id = '{load}' "
        f"AND billed_cost = (SELECT max(billed_cost) FROM charges WHERE load_id = '{load}')"
    )


def costs_change_their_currency(house: House) -> None:
    house.meddle(
        f"UPDATE charges SET billing_currency = 'GBP' WHERE load_id = '{house.load_id(1)}' AND billing_currency = 'EUR'"
    )


def rows_of_an_unknown_load_come(house: House) -> None:
    house.meddle(
        f"INSERT INTO charges SELECT * REPLACE ('unknown' AS load_id) FROM charges WHERE load_id = '{house.load_id(1)}'"
    )


def rows_of_a_replaced_load_come_back(house: House) -> None:
    old = house.load_id(1)
    house.deliver(1, force=True)
    house.meddle(
        f"INSERT INTO charges SELECT * REPLACE ('{old}' AS load_id) FROM charges WHERE load_id = '{house.load_id(1)}'"
    )


def the_catalog_forgets_a_load(house: House) -> None:
    house.misclaim(1, None)


def the_catalog_holds_a_replaced_load(house: House) -> None:
    old = house.load_id(1)
    house.deliver(1, force=True)
    house.misclaim(1, old)


def the_catalog_holds_an_unknown_load(house: House) -> None:
    house.misclaim(1, "unknown")


def the_ledger_has_two_loads_in_force(house: House) -> None:
    old = house.load_id(1)
    house.deliver(1, force=True)
    house.meddle(f"UPDATE ledger SET previous_load_id = NULL WHERE previous_load_id = '{old}'")


def the_ledger_loses_its_newest_line(house: House) -> None:
    house.deliver(1, force=True)
    newest = house.lake.rows("SELECT max(entry_id) FROM ledger")[0][0]
    house.meddle(f"DELETE FROM ledger WHERE entry_id = '{newest}'")


@pytest.mark.parametrize(
    ("tamper", "check", "told"),
    [
        (a_row_comes_twice, Check.CHARGES, "charges holds 21 rows, the ledger says 20"),
        (a_row_is_lost, Check.CHARGES, "charges holds 19 rows, the ledger says 20; the billed costs in"),
        (all_rows_are_lost, Check.CHARGES, "charges holds 0 rows, the ledger says 20"),
        (one_cost_is_off_by_the_last_decimal, Check.CHARGES, "000001, the ledger says"),
        (costs_change_their_currency, Check.CHARGES, "the billed costs in GBP add up to"),
        (rows_of_an_unknown_load_come, Check.CHARGES, "20 rows of a load that the ledger does not know (unknown)"),
        (rows_of_a_replaced_load_come_back, Check.CHARGES, "20 rows of a load that is not active"),
        (the_catalog_forgets_a_load, Check.CLAIMS, ", the catalog has none"),
        (the_catalog_holds_a_replaced_load, Check.CLAIMS, "the ledger has the active load"),
        (
            the_catalog_holds_an_unknown_load,
            Check.CLAIMS,
            "load unknown is active in the catalog, but the ledger has no entry of it",
        ),
        (the_ledger_has_two_loads_in_force, Check.CLAIMS, " and "),
        (the_ledger_loses_its_newest_line, Check.CLAIMS, "but the ledger has no entry of it"),
    ],
)
def test_tampering_is_found_and_mended(house: House, tamper: Callable[[House], None], check: Check, told: str) -> None:
    tamper(house)

    proof = house.prove()

    [finding] = [one for one in proof.findings if one.check is check and told in one.problem]
    assert finding.scope == (None if "(unknown)" in told else house.scope(1))
    assert {one.scope for one in proof.findings} <= {None, house.scope(1)}, "an untouched file is blamed"
    assert house.mend(proof).findings == ()
    _as_the_files_say(house.lake, FILES)
    assert house.lake.rows("SELECT count(*) FROM active_loads") == [(3,)]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "UPDATE daily_costs SET billed_cost = billed_cost + 1 WHERE billing_currency = 'EUR'",
            "and should be",
        ),
        ("DELETE FROM region_costs WHERE region_id = 'region-1'", "the group is missing, but it has charges"),
        (
            "INSERT INTO user_costs SELECT * REPLACE ('nobody' AS x_user_id) FROM user_costs LIMIT 1",
            "a row too many: no charges account for it",
        ),
    ],
)
def test_aggregates_that_are_not_the_sum_of_the_charges_are_found_and_mended(house: House, sql: str, told: str) -> None:
    house.meddle(sql)

    proof = house.prove()

    assert proof.findings
    assert {finding.check for finding in proof.findings} == {Check.AGGREGATES}
    assert all(told in finding.problem for finding in proof.findings)
    assert house.mend(proof).agrees


def test_a_lake_that_is_ahead_of_its_aggregates_is_no_finding_but_is_told(house: House) -> None:
    house.deliver(0, force=True)
    proof = house.prove()
    assert proof.agrees
    assert proof.as_json()["aggregates"]["changes_behind"] == 1
    rebuild(house.lake)


def test_aggregates_that_cannot_be_compared_any_more_are_rebuilt(house: House) -> None:
    house.deliver(0, force=True)
    [(behind,)] = house.lake.rows("SELECT snapshot_id FROM watermark")
    house.lake.rows(f"CALL ducklake_expire_snapshots('lake', versions => [{behind}])")
    proof = house.prove()
    assert [(finding.check, "has been expired" in finding.problem) for finding in proof.findings] == [
        (Check.AGGREGATES, True)
    ]
    assert house.mend(proof).agrees


def test_what_others_commit_meanwhile_is_no_finding(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the proof's look at the newest snapshot and its look at the catalog, another load is committed."""
    first_look = house.lake.snapshot_id

    def look_and_be_overtaken() -> int:
        snapshot_id = first_look()
        monkeypatch.setattr(house.lake, "snapshot_id", first_look)
        house.deliver(2, force=True)
        return snapshot_id

    monkeypatch.setattr(house.lake, "snapshot_id", look_and_be_overtaken)
    proof = house.prove()
    assert proof.proof.snapshot_id < first_look()
    assert proof.findings == ()


def test_a_load_whose_file_is_gone_is_not_made_worse(house: House) -> None:
    a_row_is_lost(house)
    path = Path(house.path(1))
    body = path.read_bytes()
    path.unlink()
    before = house.lake.rows("SELECT count(*) FROM charges")

    proof = house.mend(house.prove())

    assert [finding.scope for finding in proof.findings] == [house.scope(1)]
    assert house.lake.rows("SELECT count(*) FROM charges") == before
    path.write_bytes(body)
    assert house.mend(proof).agrees


def test_one_load_with_no_rows_and_one_without_currency_agree(house: House) -> None:
    empty = house.folder / "empty.csv"
    empty.write_text(f"{HEADER}\n")
    without = house.folder / "without.csv"
    without.write_text(f"{HEADER}\n2026-01-01T00:00:00Z,,1.5,1.5,2,Service 1,region-1,user1\n")
    backfill = wiring.operator_backfill(house.settings, house.lake, Stop(), role="test")
    for kind, label in ((EventKind.CREATED, "loaded"), (EventKind.REMOVED, "removed")):
        if kind is EventKind.REMOVED:
            empty.unlink()
            without.unlink()
        events = [
            ObjectEvent(kind=kind, bucket=FILE_BUCKET, key=str(path), event_name="load") for path in (empty, without)
        ]
        assert [outcome.label for batch in backfill.run(events) for outcome in batch] == [label, label]
        assert house.prove().agrees


@on_ministack
def test_the_bucket_is_compared_and_the_command_mends_it(
    aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with commands(tmp_path, monkeypatch, aws.environment()) as billstream:
        put(aws, *FILES)
        forget_notifications(aws)
        billstream.run("sweep")
        assert "bucket and ledger agree" in billstream.run("verify", "--s3")
        restated, new = billing_file(FILES[0].key, seed=7), billing_file("new.csv", seed=8)
        put(aws, restated, new)
        aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
        billstream.meddle("DELETE FROM charges WHERE billing_currency = 'EUR'")

        billstream.run("verify", expect=1)
        found = billstream.json("verify", "--s3", expect=1)

        assert not found["agrees"]
        told = {(one["check"], (one["file"] or "").rpartition("/")[2]) for one in found["findings"]}
        names = {file.key for file in FILES}
        assert told == {("charges", name) for name in names} | {
            ("bucket", restated.key),
            ("bucket", new.key),
            ("bucket", FILES[1].key),
        }
        mended = billstream.run("verify", "--s3", "--repair", expect=1)
        assert "it is in the bucket" in mended
        assert "billstream sweep --retract-gone" in mended
        assert f"s3://{aws.bucket}/{FILES[1].key}" in str(billstream.rows("SELECT scope FROM active_loads"))
        billstream.run("sweep", "--retract-gone", "--max-share", "0.5")
        billstream.run("rebuild")
        _as_the_files_say(billstream.lake, [restated, FILES[2], new])
        assert billstream.json("verify", "--s3")["findings"] == []


@on_ministack
def test_a_load_that_only_the_catalog_knows_is_found_in_the_bucket(
    aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with commands(tmp_path, monkeypatch, aws.environment()) as billstream:
        put(aws, FILES[0])
        forget_notifications(aws)
        billstream.run("sweep")
        billstream.meddle("DELETE FROM ledger")

        blind = billstream.run("verify", "--repair", expect=1)

        assert "`billstream verify --s3` looks for it" in blind
        assert billstream.totals() == expected_totals(FILES[:1]), "rows that the catalog has in force were deleted"
        billstream.run("verify", "--s3", "--repair")
        _as_the_files_say(billstream.lake, FILES[:1])


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_a_claim_that_is_lost_from_the_catalog_is_made_again(
    catalog: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A row is taken out of the catalog's own table, behind the back of the guard."""
    url = request.getfixturevalue("postgres_url") if catalog == "postgres" else None
    settings = Settings(home=tmp_path / "home", threads=1, **({"catalog": url} if url else {}))
    file = tmp_path / "a.csv"
    file.write_bytes(FILES[0].body)
    event = ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(file), event_name="load")
    with Lake.open(settings, create=True) as lake:
        list(wiring.operator_backfill(settings, lake, Stop(), role="test").run([event]))
    if catalog == "postgres":
        server = request.getfixturevalue("postgres")
        server.execute("DELETE FROM processed_key", str(url).rpartition("/")[2])
    else:
        with sqlite3.connect(settings.catalog_url) as con:
            con.execute("DELETE FROM processed_key")
        con.close()
    with Lake.open(settings) as lake:
        proof = prove(lake, wiring.interest(settings))
        assert [finding.check for finding in proof.findings] == [Check.CLAIMS]
        backfill = wiring.operator_backfill(settings, lake, Stop(), role="verify")
        assert mend(
            proof, repairs(lake, backfill, "verify@test"), lambda: prove(lake, wiring.interest(settings))
        ).agrees
        again = [outcome for batch in backfill.run([event]) for outcome in batch]
        assert [outcome.label for outcome in again] == ["duplicate"]


def _as_the_files_say(lake: Lake, files: list[BillingFile]) -> None:
    rows = lake.rows("SELECT billing_currency, sum(billed_cost) FROM charges GROUP BY ALL")
    assert dict(rows) == expected_totals(files)
    rows = lake.rows("SELECT billing_currency, sum(billed_cost) FROM daily_costs GROUP BY ALL")
    assert dict(rows) == expected_totals(files)
