"""The FOCUS export: what is written is what the lake has, and an empty lake that loads it has the same."""

import csv
import errno
import hashlib
import json
import random
import stat
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from pydantic import SecretStr

from billstream.common.errors import Fatal, Misconfigured, NoRoom
from billstream.common.lake import Lake
from billstream.common.outputs import focus_exports
from billstream.common.settings import Settings
from billstream.common.statements import statement
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.profiles import ProfileRegistry
from billstream.publishing.focus import export as exporting
from billstream.publishing.focus import files
from billstream.publishing.focus.columns import FileFormat
from billstream.publishing.focus.export import Order, foresee
from billstream.publishing.focus.versions import focus_version
from tests.integration.focus_support import (
    COSTS,
    add,
    charges,
    content,
    delete,
    differences,
    loaded,
    simple,
    written,
)
from tests.integration.intake_support import House

FORMS = list(FileFormat)
EXACT = Context(prec=100)


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret is made of it


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "from", threads=1)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake.open(settings, create=True) as lake:
        yield lake


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "elsewhere", threads=1)


@pytest.fixture
def empty(elsewhere: Settings) -> Iterator[Lake]:
    with Lake.open(elsewhere, create=True) as lake:
        yield lake


# -- the round trip ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("version", "seed"), [("1.0", 1), ("1.1", 2), ("1.2", 3), ("1.2", 4)])
def test_an_empty_lake_that_loads_an_export_has_the_same_charges(
    lake: Lake, empty: Lake, elsewhere: Settings, tmp_path: Path, form: FileFormat, version: str, seed: int
) -> None:
    add(lake, charges(lake.columns("charges"), dice(seed), 150))
    made = written(lake, tmp_path / "out", form, version)
    assert len(made) >= 4
    assert sum(one.rows for one in made) == 165
    assert {len(one.sums) > 1 for one in made} == {True}  # several currencies

    end = loaded(empty, elsewhere, tmp_path / "out")
    assert end.troubles == []
    assert (end.rows, end.rejected) == (165, 0)
    assert differences(content(lake), content(empty)) == []
    # And once more, from there.
    written(empty, tmp_path / "again", form, version)
    assert {path.name for path in (tmp_path / "again").iterdir()} == {
        path.name for path in (tmp_path / "out").iterdir()
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_month_may_have_several_files(
    lake: Lake, empty: Lake, elsewhere: Settings, tmp_path: Path, form: FileFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "GROUP_BYTES", 1)
    monkeypatch.setattr(files, "FILE_BYTES", 100_000)
    monkeypatch.setattr(exporting, "BATCH_ROWS", 100)
    add(lake, simple(*[(f"2026-03-{day % 28 + 1:02d}", f"{day}.{day:04d}", "USD") for day in range(5000)]))
    [manifest] = written(lake, tmp_path / "out", form)
    assert len(manifest.files) > 2
    assert sum(file.rows for file in manifest.files) == manifest.rows == 5000

    loaded(empty, elsewhere, tmp_path / "out")
    assert differences(content(lake), content(empty)) == []


@pytest.mark.parametrize("form", FORMS)
def test_the_official_sample_comes_back(
    lake: Lake,
    settings: Settings,
    empty: Lake,
    elsewhere: Settings,
    tmp_path: Path,
    form: FileFormat,
    shared_data: Path,
) -> None:
    for name in ("focus_official_sample", "focus_data_toolkit"):
        loaded(lake, settings, shared_data / name)
    written(lake, tmp_path / "out", form)
    loaded(empty, elsewhere, tmp_path / "out")
    assert content(empty).num_rows == 1300
    assert differences(content(lake), content(empty)) == []


@pytest.mark.parametrize("form", FORMS)
def test_an_export_in_a_bucket_is_one_delivery_in_whatever_order_it_is_uploaded(
    lake: Lake, house: House, tmp_path: Path, form: FileFormat
) -> None:
    add(lake, simple(("2026-03-01", "1", "USD"), ("2026-03-02", "2", "USD"), ("2026-04-02", "4", "EUR")))
    made = written(lake, tmp_path / "out", form)
    bucket = house.bucket()
    intake = house.intake(bucket, layouts=Layouts.load(None))
    found = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file() and "lock" not in path.name)
    found.sort(key=lambda path: path.name != "manifest.json")
    events = [bucket.put(f"a/b/{path.relative_to(tmp_path / 'out')}", path.read_bytes()) for path in found]
    intake.process(events)
    assert house.totals(bucket) == {"USD": Decimal(3), "EUR": Decimal(4)}
    intake.process(events)
    assert house.totals(bucket) == {"USD": Decimal(3), "EUR": Decimal(4)}
    assert len(made) == 2


# -- an export again -----------------------------------------------------------------------------------------


def test_a_restated_month_replaces_the_one_before(lake: Lake, empty: Lake, elsewhere: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    add(lake, simple(("2026-03-01", "1", "USD"), ("2026-04-01", "4", "USD"), ("2026-05-01", "5", "USD")))
    before = written(lake, out)
    loaded(empty, elsewhere, out)
    add(lake, simple(("2026-03-31", "0.5", "USD")))
    delete(lake, "billed_cost = 4")

    # One month alone; then all of them: that of April has no rows any more, and its empty files say so.
    [march] = written(lake, out, FileFormat.CSV, "1.0", [date(2026, 3, 1)])
    assert (march.rows, march.sums[0].billed_cost) == (2, "1.5")
    loaded(empty, elsewhere, out)
    assert empty.rows("SELECT sum(billed_cost) FROM charges") == [(Decimal("10.5"),)]
    made = written(lake, out)
    assert [(one.billing_period, one.rows) for one in made] == [("2026-03", 2), ("2026-04", 0), ("2026-05", 1)]
    loaded(empty, elsewhere, out)
    assert differences(content(lake), content(empty)) == []
    assert loaded(empty, elsewhere, out).rows == 0

    # Of each month the newest files alone are there.
    named = {file.path for one in made for file in one.files} | {
        f"billing_period=2026-0{n}/manifest.json" for n in (3, 4, 5)
    }
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert there == named | {".billstream-export.lock"}
    assert before[0].files[0].path not in there


def test_a_clock_that_was_set_back_hides_no_export(
    lake: Lake, empty: Lake, elsewhere: Settings, tmp_path: Path
) -> None:
    order = Order(focus_version("1.2"), FileFormat.PARQUET, tmp_path / "out")
    times = iter((datetime(2030, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)))
    for cost in ("1", "2"):
        add(lake, simple(("2026-03-01", cost, "USD")))
        exporting.export(lake, order, clock=lambda: next(times))
        loaded(empty, elsewhere, tmp_path / "out")
    assert empty.rows("SELECT sum(billed_cost) FROM charges") == [(Decimal(3),)]


@pytest.mark.parametrize("form", FORMS)
def test_a_month_that_never_had_rows_is_an_empty_delivery(
    lake: Lake, empty: Lake, elsewhere: Settings, tmp_path: Path, form: FileFormat
) -> None:
    add(lake, simple(("2026-03-01", "1", "USD")))
    [made] = written(lake, tmp_path / "out", form, months=[date(2026, 7, 1)])
    assert (made.rows, made.sums, made.rows_without_value, len(made.files)) == (0, (), {}, 1)
    end = loaded(empty, elsewhere, tmp_path / "out")
    assert (end.rows, end.troubles) == (0, [])


def test_an_empty_lake_has_nothing_to_export(lake: Lake, tmp_path: Path) -> None:
    assert written(lake, tmp_path / "out") == []


def test_files_of_others_stay(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "out"
    add(lake, simple(("2026-03-01", "1", "USD")))
    [before] = written(lake, out)
    old = (out / before.files[0].path).parent
    (old / "notes.txt").write_text("mine")
    (old.parent / "README").write_text("mine")
    (old.parent / "other").mkdir()
    no_month = out / "billing_period=2026-13" / "manifest.json"
    no_month.parent.mkdir()
    no_month.write_text("mine")
    written(lake, out)
    assert no_month.read_text() == "mine"
    assert [path.name for path in old.iterdir()] == ["notes.txt"]
    assert (old.parent / "README").exists()
    assert (old.parent / "other").exists()


def test_a_manifest_of_others_is_left_as_it_is(lake: Lake, tmp_path: Path) -> None:
    add(lake, simple(("2026-03-01", "1", "USD")))
    foreign = tmp_path / "out" / "billing_period=2026-03" / "manifest.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text('{"files": []}')
    with pytest.raises(Misconfigured, match="no manifest of an export"):
        written(lake, tmp_path / "out")
    assert foreign.read_text() == '{"files": []}'


def test_two_exports_at_a_time_are_one_too_many(lake: Lake, tmp_path: Path) -> None:
    written(lake, tmp_path / "out")
    with FileLock(tmp_path / "out" / ".billstream-export.lock"), pytest.raises(Misconfigured, match="one at a time"):
        written(lake, tmp_path / "out")


def test_a_full_disk_leaves_the_export_before(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    add(lake, simple(("2026-03-01", "1", "USD")))
    written(lake, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NoRoom, match="disk is full"):
        written(lake, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert len([path for path in out.rglob("*") if path.is_dir()]) == 2


def test_rows_that_were_not_counted_are_no_export(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(lake, simple(("2026-03-01", "1", "USD"), ("2026-03-02", "1", "USD")))
    short = lambda module, name, **names: f"{statement(module, name, **names)} LIMIT 1"  # noqa: E731 - in one place
    monkeypatch.setattr("billstream.publishing.focus.export.statement", short)
    with pytest.raises(Fatal, match="1 rows of 2026-03 were written, and 2 were counted"):
        written(lake, tmp_path / "out")
    assert list((tmp_path / "out").rglob("*.parquet")) == []


# -- what is written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_all_months_are_of_one_snapshot(catalog: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = SecretStr(request.getfixturevalue("postgres_url")) if catalog == "postgres" else None
    settings = Settings(home=tmp_path / "from", threads=1, catalog=url)
    order = Order(focus_version("1.2"), FileFormat.PARQUET, tmp_path / "out")

    def commit(_: int) -> None:
        with Lake.open(settings) as other:
            add(other, simple(("2026-04-02", "8", "USD")))

    with Lake.open(settings, create=True) as lake:
        add(lake, simple(("2026-03-01", "1", "USD"), ("2026-04-01", "4", "USD")))
        before = lake.snapshot_id()
        made = exporting.export(lake, order, progress=commit)
        assert [(one.rows, one.snapshot_id) for one in made] == [(1, before), (1, before)]
        assert lake.rows("SELECT count(*) FROM charges") == [(4,)]  # the transaction has ended


def test_the_folder_is_not_that_of_the_lake(lake: Lake, tmp_path: Path) -> None:
    add(lake, simple(("2026-03-01", "1", "USD")))
    with pytest.raises(Misconfigured, match="data path"):
        written(lake, tmp_path / "from" / "data" / "main" / "focus")


def test_rows_that_are_set_aside_do_not_count(lake: Lake, tmp_path: Path) -> None:
    add(lake, simple(("2026-03-01", "1", "USD")))
    add(lake, simple(("2026-03-01", "99", "USD")), "set_aside_charges")
    assert [one.rows for one in written(lake, tmp_path / "out")] == [1]


def test_a_month_is_that_of_the_bill_where_it_is_told(lake: Lake, tmp_path: Path) -> None:
    late = simple(("2026-04-02", "4", "USD")).append_column(
        "billing_period_start", [[datetime(2026, 3, 1, tzinfo=UTC)]]
    )
    add(lake, late)
    add(lake, simple(("2026-04-02", "4", "USD")))
    assert [(one.billing_period, one.rows) for one in written(lake, tmp_path / "out")] == [
        ("2026-03", 1),
        ("2026-04", 1),
    ]


def test_the_manifest_tells_the_truth(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "out"
    add(lake, charges(lake.columns("charges"), dice(7), 100))
    for made in written(lake, out, FileFormat.CSV):
        told = json.loads((out / f"billing_period={made.billing_period}" / "manifest.json").read_text())
        sums: dict[str, dict[str, Decimal]] = defaultdict(dict)
        rows, missing = 0, defaultdict[str, int](int)
        for file in told["files"]:
            content = (out / file["path"]).read_bytes()
            assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
            with (out / file["path"]).open(newline="", encoding="utf-8") as text:
                records = list(csv.DictReader(text))
            assert file["rows"] == len(records)
            rows += len(records)
            assert list(records[0]) == told["columns"]
            for record in records:
                for name, cell in record.items():
                    missing[name] += cell == ""
                for cost in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
                    if record[cost]:
                        of = sums[record["BillingCurrency"]]
                        of[cost] = EXACT.add(of.get(cost, Decimal(0)), Decimal(record[cost]))
        names = dict(zip(COSTS, ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), strict=True))
        assert told["rows"] == rows == made.rows
        for one in told["sums"]:
            found = sums[one["currency"] or ""]
            assert {c: one[c] and Decimal(one[c]) for c in COSTS} == {c: found.get(names[c]) for c in COSTS}
        wanted = focus_version("1.2").never_null
        assert told["rows_without_value"] == {name: missing[name] for name in wanted if missing[name]}
        assert (told["snapshot_id"], told["focus_version"]) == (lake.snapshot_id(), "1.2")
        assert datetime.fromisoformat(told["created_at"]).tzinfo is not None


def test_values_are_written_as_focus_wants_them(lake: Lake, tmp_path: Path) -> None:
    small = simple(("2026-03-01", "0.000000000000000001", "USD"), ("2026-03-02", "-1200", "USD"))
    tags = pa.array([[("team", "=cmd"), ("none", None)], []], pa.map_(pa.string(), pa.string()))
    add(lake, small.append_column("tags", pa.chunked_array([tags])))
    [made] = written(lake, tmp_path / "out", FileFormat.CSV)
    with (tmp_path / "out" / made.files[0].path).open(newline="") as text:
        found = sorted((r["BilledCost"], r["ChargePeriodStart"], r["Tags"]) for r in csv.DictReader(text))
    assert found == [
        ("-1200", "2026-03-02T00:00:00Z", "{}"),
        ("0.000000000000000001", "2026-03-01T00:00:00Z", '{"team":"=cmd","none":null}'),
    ]
    [made] = written(lake, tmp_path / "out", FileFormat.PARQUET)
    schema = pq.read_schema(tmp_path / "out" / made.files[0].path)
    assert schema.names == list(made.columns)
    assert {str(schema.field(name).type) for name in ("BilledCost", "ListUnitPrice", "ConsumedQuantity")} == {
        "decimal128(38, 18)"
    }
    assert str(schema.field("ChargePeriodStart").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("Tags").type) == "string"


def test_files_are_for_their_owner_alone(lake: Lake, tmp_path: Path) -> None:
    add(lake, simple(("2026-03-01", "1", "USD")))
    written(lake, tmp_path / "out")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_what_is_foreseen_is_what_is_written(lake: Lake, tmp_path: Path) -> None:
    add(lake, simple(("2026-03-01", "1", "USD"), ("2026-04-01", "4", "EUR")))
    order = Order(focus_version("1.2"), FileFormat.PARQUET, tmp_path / "out")
    found = foresee(lake, order)
    assert not (tmp_path / "out").exists()
    made = written(lake, tmp_path / "out")
    assert [(one.name, one.rows, one.missing) for one in found.months] == [
        (one.billing_period, one.rows, one.rows_without_value) for one in made
    ]


def test_a_lake_does_not_load_its_own_export_with_a_folder(lake: Lake, settings: Settings) -> None:
    add(lake, simple(("2026-03-01", "1", "USD")))
    written(lake, focus_exports(settings))
    with pytest.raises(Fatal, match="nothing was loaded"):
        loaded(lake, settings, settings.home)


# -- `rescued` comes back ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cells", "rescued"),
    [
        ("x_BillstreamRescued", '"{""a"": 1}"', '{"a": 1}'),
        ("x_BillstreamRescued", "", None),
        ("x_BillstreamRescued", "no object", '{"x_BillstreamRescued":"no object"}'),
        ("x_BillstreamRescued", "[1]", '{"x_BillstreamRescued":"[1]"}'),
        ("x_BillstreamRescued,Note", '"{""a"": 1}",', '{"a": 1}'),
        ("x_BillstreamRescued,Note", '"{""a"": 1}",new', '{"Note":"new","x_BillstreamRescued":"{\\"a\\": 1}"}'),
        ("x_BillstreamRescued,Tags", '"{""a"": 1}",???', '{"x_BillstreamRescued":"{\\"a\\": 1}","Tags":"???"}'),
    ],
)
def test_what_was_rescued_comes_back_and_nothing_else_is_lost(
    empty: Lake, elsewhere: Settings, tmp_path: Path, header: str, cells: str, rescued: str | None
) -> None:
    (tmp_path / "one.csv").write_text(
        f"ChargePeriodStart,BilledCost,EffectiveCost,{header}\n2026-03-01T00:00:00Z,1,1,{cells}\n"
    )
    loaded(empty, elsewhere, tmp_path / "one.csv")
    assert empty.rows("SELECT profile FROM ledger WHERE state = 'loaded'") == [("billstream_focus",)]
    assert empty.rows("SELECT rescued FROM charges") == [(rescued,)]


def test_every_column_of_the_lake_has_a_place_in_the_files_and_comes_back(lake: Lake) -> None:
    types = lake.columns("charges")
    profiles = ProfileRegistry.load(None, columns=types).profiles
    sources = next(profile.columns for profile in profiles if profile.name == "billstream_focus")
    for version in ("1.0", "1.1", "1.2"):
        names = focus_version(version).names(types)
        assert sorted(names.values()) == sorted(types.keys() - {"load_id"})
        assert [name for name, column in names.items() if name not in sources[column].names] == []
        assert all(name.startswith("x_") for name in list(names)[len(focus_version(version).columns) :])
