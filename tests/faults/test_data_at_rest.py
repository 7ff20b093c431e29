"""Data files that rot, shrink or vanish while nobody looks: the proof names them, the repair loads their objects again.

A lake of local files, three loads in each data file; whatever is done to a file of the lake, the billing files stay.
"""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from billstream.aggregator.refresh import refresh_once
from billstream.cli import wiring
from billstream.cli.query import read_only
from billstream.cli.verify import Check, Verification, mend, prove, repairs
from billstream.common.errors import BillstreamError, DataDamaged, Fatal
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent
from billstream.consumer.verify import prove as charges_proof
from tests.e2e.billing import BillingFile, billing_file, expected_totals
from tests.servers.postgres import PostgresServer

FLIPS = int(os.environ.get("BILLSTREAM_TEST_FLIPS", "20"))  # 1500 take some minutes
WHAT_TO_DO = "billstream verify --repair"


@dataclass
class Lakeside:
    """A lake with nine billing files in three data files, and aggregates of them."""

    folder: Path
    settings: Settings
    lake: Lake
    files: dict[str, BillingFile] = field(default_factory=dict)

    def path(self, name: str) -> str:
        return str((self.folder / name).resolve())

    def scope(self, name: str) -> str:
        return f"{FILE_BUCKET}//{self.path(name)}"

    def load(self, *files: BillingFile, force: bool = False) -> None:
        events = []
        for file in files:
            self.files[file.key] = file
            (self.folder / file.key).write_bytes(file.body)
            events.append(
                ObjectEvent(
                    kind=EventKind.CREATED, bucket=FILE_BUCKET, key=self.path(file.key), event_name="load", force=force
                )
            )
        self.run(events, "loaded")

    def remove(self, name: str) -> None:
        del self.files[name]
        (self.folder / name).unlink()
        event = ObjectEvent(kind=EventKind.REMOVED, bucket=FILE_BUCKET, key=self.path(name), event_name="load")
        self.run([event], "removed")

    def run(self, events: list[ObjectEvent], label: str) -> None:
        backfill = wiring.operator_backfill(self.settings, self.lake, Stop(), role="test")
        assert {outcome.label for batch in backfill.run(events) for outcome in batch} == {label}

    def meddle(self, *statements: str) -> None:
        """Change rows behind the ledger."""

        def write(con: duckdb.DuckDBPyConnection) -> None:
            for statement in statements:
                con.execute(statement)

        self.lake.commit(write, claims=[], author="test", message="meddle")

    def data_file(self, table: str = "charges", number: int = 1) -> Path:
        """A data file of a table: the one in the middle of three has the files d, e and f."""
        return Path(
            self.lake.rows(f"SELECT data_file FROM ducklake_list_files('lake', '{table}') ORDER BY ALL")[number][0]
        )

    def prove(self) -> Verification:
        return prove(self.lake, wiring.interest(self.settings))

    def repair(self) -> Verification:
        backfill = wiring.operator_backfill(self.settings, self.lake, Stop(), role="verify")
        return mend(self.prove(), repairs(self.lake, backfill, "verify@test"), self.prove)

    def is_right(self) -> None:
        """Charges and aggregates are what the billing files say, to the last decimal, and all agrees."""
        assert self.prove().findings == ()
        expected = expected_totals(list(self.files.values()))
        for table in ("charges", "daily_costs", "region_costs"):
            for cost, factor in (("billed_cost", 1), ("effective_cost", 1), ("list_cost", 2)):
                rows = self.lake.rows(f"SELECT billing_currency, sum({cost}) FROM {table} GROUP BY ALL")
                assert dict(rows) == {currency: total * factor for currency, total in expected.items()}, (table, cost)


def make(folder: Path, catalog: SecretStr | None = None) -> Lakeside:
    settings = Settings(home=folder / "home", threads=1, catalog=catalog)
    made = Lakeside(folder, settings, Lake.open(settings, create=True))
    for number, names in enumerate(("abc", "def", "ghi")):
        made.load(*(billing_file(f"{name}.csv", seed=number * 3 + place) for place, name in enumerate(names)))
    refresh_once(made.lake)
    return made


@pytest.fixture(scope="module")
def kept(no_file_is_remembered: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakeside]:  # noqa: ARG001
    """A lake that is made once; each test finds it as it was made, in the same folder."""
    yield from _kept(make(tmp_path_factory.mktemp("sqlite")))


@pytest.fixture(scope="module")
def kept_on_postgres(
    no_file_is_remembered: None,  # noqa: ARG001
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lakeside]:
    postgres.start()
    url = postgres.create_database()
    yield from _kept(make(tmp_path_factory.mktemp("postgres"), SecretStr(url)))
    postgres.drop_database(url)


def _kept(made: Lakeside) -> Iterator[Lakeside]:
    made.lake.close()
    shutil.copytree(made.folder, f"{made.folder}.kept")
    yield made


def again(kept: Lakeside, catalog: SecretStr | None = None) -> Lakeside:
    shutil.rmtree(kept.folder)
    shutil.copytree(f"{kept.folder}.kept", kept.folder)
    settings = Settings(home=kept.settings.home, threads=1, catalog=catalog)
    return Lakeside(kept.folder, settings, Lake.open(settings), dict(kept.files))


@pytest.fixture
def on_sqlite(kept: Lakeside) -> Iterator[Lakeside]:
    with (found := again(kept)).lake:
        yield found


@pytest.fixture
def on_postgres(kept_on_postgres: Lakeside, postgres: PostgresServer) -> Iterator[Lakeside]:
    url = kept_on_postgres.settings.catalog_url
    postgres.execute(f"CREATE DATABASE again TEMPLATE {url.rpartition('/')[2]}")
    with (found := again(kept_on_postgres, SecretStr(postgres.url("again")))).lake:
        yield found
    postgres.drop_database(postgres.url("again"))


@pytest.fixture(params=["sqlite", "postgres"])
def lakeside(request: pytest.FixtureRequest) -> Lakeside:
    found: Lakeside = request.getfixturevalue(f"on_{request.param}")
    return found


def lost(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def foreign(path: Path) -> None:
    shutil.copy(next(other for other in path.parent.iterdir() if other != path), path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [empty, cut, foreign, a_folder]


def reads(lake: Lake) -> None:
    read_only(lake, "SELECT sum(list_cost), count(charge_description) FROM charges")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_data_file_is_named_and_its_objects_are_loaded_again(
    damage: Callable[[Path], None], on_sqlite: Lakeside
) -> None:
    _named_and_loaded_again(damage, on_sqlite)


def test_a_lost_data_file_is_named_and_its_objects_are_loaded_again_on_either_catalog(lakeside: Lakeside) -> None:
    _named_and_loaded_again(lost, lakeside)


def _named_and_loaded_again(damage: Callable[[Path], None], lakeside: Lakeside) -> None:
    path = lakeside.data_file()
    damage(path)

    if damage is not foreign:  # it can be read, but it is another file
        with pytest.raises(DataDamaged, match=WHAT_TO_DO):
            reads(lakeside.lake)
    proof = lakeside.prove()

    [of_file] = [finding for finding in proof.findings if finding.damaged]
    assert str(path) in of_file.problem
    assert {finding.scope for finding in proof.findings if finding.scope} == {
        lakeside.scope(name) for name in ("d.csv", "e.csv", "f.csv")
    }
    assert {finding.check for finding in proof.findings} == {Check.CHARGES}
    assert all(str(path) in finding.problem for finding in proof.findings)
    assert lakeside.repair().findings == ()
    lakeside.is_right()
    refresh_once(lakeside.lake)
    lakeside.is_right()


def test_a_restatement_and_a_removal_commit_although_their_old_rows_are_lost(lakeside: Lakeside) -> None:
    """While other loads have rows in the lost file it stays, so that nobody takes the rest for the whole."""
    path = lakeside.data_file()
    kept = path.rename(f"{path}.kept")

    lakeside.load(billing_file("d.csv", seed=20), billing_file("j.csv", seed=21))
    lakeside.remove("e.csv")
    with pytest.raises(DataDamaged):
        reads(lakeside.lake)
    lakeside.load(billing_file("f.csv", seed=22))

    kept.rename(path)  # the last active load is replaced: the file is of no use any more, even if it comes back
    refresh_once(lakeside.lake)
    lakeside.is_right()


def test_no_aggregate_counts_rows_that_could_not_be_deleted_beside_the_new_ones(on_sqlite: Lakeside) -> None:
    before = on_sqlite.lake.rows("FROM daily_costs ORDER BY ALL")
    cut(on_sqlite.data_file())
    on_sqlite.load(billing_file("d.csv", seed=60))  # e and f are still in the file
    for _ in range(2):
        with pytest.raises(DataDamaged, match=WHAT_TO_DO):
            refresh_once(on_sqlite.lake)
        on_sqlite.load(billing_file("j.csv", seed=61), force=True)
    assert on_sqlite.lake.rows("FROM daily_costs ORDER BY ALL") == before

    assert on_sqlite.repair().findings == ()
    on_sqlite.is_right()
    on_sqlite.load(billing_file("e.csv", seed=62))
    refresh_once(on_sqlite.lake)
    on_sqlite.is_right()


def test_old_rows_in_a_file_that_comes_back_are_found_and_retracted(on_sqlite: Lakeside) -> None:
    path = on_sqlite.data_file()
    kept = path.rename(f"{path}.kept")
    on_sqlite.load(billing_file("d.csv", seed=60))
    kept.rename(path)
    with pytest.raises(DataDamaged, match=WHAT_TO_DO):
        refresh_once(on_sqlite.lake)
    [finding] = on_sqlite.prove().findings
    assert "of a load that is not active" in finding.problem
    assert on_sqlite.repair().findings == ()
    on_sqlite.is_right()


def test_the_aggregator_goes_on_when_the_rows_that_went_are_lost(on_sqlite: Lakeside) -> None:
    on_sqlite.data_file().unlink()
    on_sqlite.load(*(billing_file(f"{name}.csv", seed=number) for number, name in enumerate("def", 30)))
    refresh_once(on_sqlite.lake)
    [(kind, reason)] = on_sqlite.lake.rows("SELECT kind, reason FROM watermark")
    assert (kind, reason) == ("rebuild", "a data file with changed charges cannot be read")
    on_sqlite.is_right()


def test_what_is_neither_in_the_lake_nor_in_the_bucket_is_told_and_never_dropped_in_silence(
    on_sqlite: Lakeside,
) -> None:
    on_sqlite.data_file().unlink()
    (on_sqlite.folder / "e.csv").unlink()

    proof = on_sqlite.repair()

    [finding] = proof.findings
    assert finding.scope == on_sqlite.scope("e.csv")
    assert "charges holds 0 rows, the ledger says 20" in finding.problem
    reads(on_sqlite.lake)
    (on_sqlite.folder / "e.csv").write_bytes(on_sqlite.files["e.csv"].body)
    assert on_sqlite.repair().findings == ()
    on_sqlite.is_right()


def test_a_lost_file_of_deleted_rows_counts_as_the_loss_of_its_data_file(lakeside: Lakeside) -> None:
    lakeside.load(billing_file("d.csv", seed=40))
    deleted = "SELECT delete_file FROM ducklake_list_files('lake', 'charges') WHERE delete_file IS NOT NULL"
    [(path,)] = lakeside.lake.rows(deleted)
    Path(path).unlink()
    with pytest.raises(DataDamaged, match=WHAT_TO_DO):
        reads(lakeside.lake)
    assert lakeside.repair().findings == ()
    lakeside.is_right()


def test_a_lost_file_of_the_aggregates_is_made_again(on_sqlite: Lakeside) -> None:
    path = on_sqlite.data_file("daily_costs", 0)
    path.unlink()
    proof = on_sqlite.prove()
    assert {finding.check for finding in proof.findings} == {Check.AGGREGATES}
    assert str(path) in proof.findings[0].problem
    assert on_sqlite.repair().findings == ()
    on_sqlite.is_right()


def test_a_data_path_without_any_of_its_files_is_not_taken_for_lost_files(on_sqlite: Lakeside) -> None:
    data = on_sqlite.settings.home / "data"
    data.rename(data.with_name("unmounted"))
    with pytest.raises(Fatal, match=r"None of the .* can be read .* nothing was changed"):
        on_sqlite.repair()
    shutil.rmtree(data, ignore_errors=True)
    data.with_name("unmounted").rename(data)
    on_sqlite.is_right()


# -- the hash of the rows -----------------------------------------------------------------------------------


def test_each_flipped_bit_that_changes_a_value_is_found_and_the_right_file_is_blamed(on_sqlite: Lakeside) -> None:
    """A flip is of a value if a plain reader of the file gets anything else; this reader is not the product's."""
    path = on_sqlite.data_file()
    good, ours = path.read_bytes(), {on_sqlite.scope(name) for name in ("d.csv", "e.csv", "f.csv")}
    truth = _values(path)
    source, seen = random.Random(9), {"same": 0, "unreadable": 0, "changed": 0}  # noqa: S311 - no secret hangs on it
    for _ in range(FLIPS):
        place, bit = source.randrange(4, len(good) - 8), source.randrange(8)
        flipped = bytearray(good)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        values = _values(path)
        kind = "unreadable" if values is None else "same" if values == truth else "changed"
        seen[kind] += 1
        findings = charges_proof(on_sqlite.lake, wiring.interest(on_sqlite.settings)).findings
        where = f"byte {place}, bit {bit}: {findings}"
        if kind != "same":
            assert findings, where
        assert {finding.scope for finding in findings if finding.scope} <= ours, where
        assert {finding.check for finding in findings} <= {Check.CHARGES}, where
        assert all(str(path) in finding.problem for finding in findings), where
    assert seen["changed"] >= FLIPS / 20, f"the fault did not happen: {seen}"
    path.write_bytes(good)
    on_sqlite.is_right()


def test_flipped_values_are_repaired_to_the_last_decimal(on_sqlite: Lakeside) -> None:
    source = random.Random(3)  # noqa: S311 - no secret hangs on it
    repaired = 0
    while repaired < max(1, FLIPS // 50):
        path = on_sqlite.data_file(number=0)
        good, truth = path.read_bytes(), _values(path)
        flipped = bytearray(good)
        flipped[source.randrange(4, len(good) - 8)] ^= 1 << source.randrange(8)
        path.write_bytes(flipped)
        if _values(path) in {None, truth}:
            path.write_bytes(good)
            continue
        assert on_sqlite.repair().findings == ()
        on_sqlite.is_right()
        repaired += 1


def _values(path: Path) -> str | None:
    """Every value of a Parquet file, in an order of its own; None if it cannot be read."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        try:
            return "\n".join(sorted(str(row) for row in con.execute("FROM read_parquet(?)", [str(path)]).fetchall()))
        except (duckdb.Error, ValueError):
            return None


CHANGES = [
    ("list_cost = list_cost + 0.000000000000000001", "the list costs in"),
    ("effective_cost = effective_cost - 1", "the effective costs in"),
    ("contracted_cost = 1", "the contracted costs in"),
    ("service_name = 'Another'", "the values of its rows are not those that were loaded"),
    ("tags = MAP {'team': 'x'}", "the values of its rows"),  # a column that the file does not have
    ("charge_period_start = charge_period_start + INTERVAL 1 SECOND", "the values of its rows"),
]


def test_every_value_that_changes_behind_the_ledger_is_found(on_sqlite: Lakeside) -> None:
    scope = on_sqlite.scope("e.csv")
    for change, told in CHANGES:
        on_sqlite.meddle(
            f"UPDATE charges SET {change} WHERE load_id = (SELECT load_id FROM active_loads WHERE scope = '{scope}')"
        )
        [finding] = on_sqlite.prove().findings
        assert (finding.scope, told in finding.problem) == (scope, True), finding
        on_sqlite.load(on_sqlite.files["e.csv"], force=True)
    assert on_sqlite.repair().agrees
    on_sqlite.is_right()


def test_the_hash_survives_maintenance(on_sqlite: Lakeside) -> None:
    on_sqlite.load(billing_file("d.csv", seed=50))
    before = len(on_sqlite.lake.rows("FROM ducklake_list_files('lake', 'charges')"))
    on_sqlite.lake.rows("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)")
    on_sqlite.lake.rows("CALL ducklake_merge_adjacent_files('lake')")
    assert len(on_sqlite.lake.rows("FROM ducklake_list_files('lake', 'charges')")) < before
    refresh_once(on_sqlite.lake)
    on_sqlite.is_right()


def test_a_load_without_a_hash_of_this_version_is_compared_by_its_sums(on_sqlite: Lakeside) -> None:
    """Loads from before have none of the newer columns; those of another DuckDB have a hash that means nothing here."""

    on_sqlite.meddle(
        "UPDATE ledger SET rows_hash = replace(rows_hash, 'duckdb-', 'duckdb-0') WHERE key LIKE '%d.csv'",
        "UPDATE ledger SET rows_hash = NULL, effective_totals = NULL, list_totals = NULL, contracted_totals = NULL "
        "WHERE key LIKE '%e.csv'",
    )
    proof = on_sqlite.prove()
    assert proof.findings == ()
    assert proof.proof.unhashed == 2
    on_sqlite.meddle("UPDATE charges SET list_cost = 0, billed_cost = 7")
    problems = {Path(f.scope or "").name: f.problem for f in on_sqlite.prove().findings}
    assert "list costs" in problems["d.csv"]
    assert "list costs" not in problems["e.csv"]
    assert "billed costs" in problems["e.csv"]


# -- the catalog --------------------------------------------------------------------------------------------


def header_overwritten(body: bytes) -> bytes:
    return b"\x5a" * 200 + body[200:]


def pages_overwritten(body: bytes) -> bytes:
    return body[:8192] + b"\x5a" * 40_960 + body[8192 + 40_960 :]


def half_of_it(body: bytes) -> bytes:
    return body[: len(body) // 2]


def another_text(body: bytes) -> bytes:  # noqa: ARG001 - the form of the others
    return b"hello world\n" * 100


def nothing(body: bytes) -> bytes:  # noqa: ARG001 - the form of the others
    return b""


@pytest.mark.parametrize(
    "damage", [header_overwritten, pages_overwritten, half_of_it, another_text, nothing], ids=lambda one: one.__name__
)
def test_a_damaged_catalog_file_says_restore_or_rebuild(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, threads=1)
    Lake.open(settings, create=True).close()
    catalog = Path(settings.catalog_url)
    catalog.write_bytes(damage(catalog.read_bytes()))
    with pytest.raises(Fatal, match=r"estore.* a backup.*billstream init.*billstream sweep"):
        Lake.open(settings)


@pytest.mark.parametrize("table", ["ducklake_data_file", "ducklake_snapshot", "ducklake_table", "processed_key"])
def test_a_table_that_the_catalog_has_lost_says_restore_or_rebuild(
    table: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url")
    settings = Settings(home=tmp_path, threads=1, catalog=SecretStr(url))
    Lake.open(settings, create=True).close()
    request.getfixturevalue("postgres").execute(f"DROP TABLE {table} CASCADE", url.rpartition("/")[2])

    def use() -> None:
        with Lake.open(settings) as lake:
            lake.processed_keys(["0" * 64])
            lake.rows("SELECT count(*) FROM charges")

    with pytest.raises(BillstreamError, match=r"estore.* a backup.*billstream init.*billstream sweep") as told:
        use()
    assert isinstance(told.value, Fatal)
