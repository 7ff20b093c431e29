"""`billstream lineage`: the lines that it names, read by the test's own code, add up to the number; else it says so."""

import bz2
import csv
import gzip
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from billstream.aggregator.causes.charges import COLUMNS
from billstream.aggregator.cells import CELL_COLUMNS
from billstream.aggregator.refresh import refresh_once
from billstream.cli.demo.samples.story import Story
from billstream.cli.lineage.tracing import json_schema, trace, trace_name
from billstream.common.lake import Lake
from billstream.consumer.lineage import DIMENSIONS, Cell
from tests.integration.operator_support import Commands, commands
from tests.servers.aws import AwsEnvironment

EXPORT = Path(__file__).resolve().parents[1] / "docs" / "files" / "export"
HEADER = "date,user,service,region,cost,currency"
FOCUS = "BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,BillingPeriodEnd"
ALL = ("--limit", "10000")


@pytest.fixture
def billstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    with commands(tmp_path / "home", monkeypatch) as made:
        yield made


def loaded(billstream: Commands, path: Path, content: bytes | str, *, expect: int = 0) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    billstream.run("load", str(path), expect=expect)
    return path


def only(traced: dict[str, Any]) -> dict[str, Any]:
    (load,) = traced["loads"]
    reading: dict[str, Any] = load["reading"]
    return reading


def summed(reading: dict[str, Any], header: str, cost: str) -> Decimal:
    """What the texts of the lines cost, by a reading of the test's own."""
    texts = (io.StringIO(f"{header}\n{line['text']}\n", newline="") for line in reading["lines"])
    records = (record for text in texts for record in csv.DictReader(text))
    return sum((Decimal(record[cost]) for record in records), Decimal())


def begins(content: str, line: dict[str, Any]) -> bool:
    """Whether the text stands in the file at the line that was named."""
    return "".join(content.splitlines(keepends=True)[line["number"] - 1 :]).startswith(line["text"])


# -- a lake like that of the demo ----------------------------------------------------------------------------


def test_ten_cells_of_the_demo_are_the_sums_of_the_lines_that_are_named(billstream: Commands, tmp_path: Path) -> None:
    story = Story(date(2026, 3, 14), days=3)
    surprises = story.surprises()
    folder = tmp_path / "bucket"
    for file in (*story.deliveries(), surprises.with_bad_rows, surprises.restated):
        (folder / file.key).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.key).write_bytes(file.body)
    billstream.run("load", str(folder))
    refresh_once(billstream.lake)
    found = billstream.lake.rows(
        "SELECT charge_period_start::DATE, service_name, billing_currency, region_id, x_user_id, sum(billed_cost) "
        "FROM charges GROUP BY ALL ORDER BY ALL"
    )
    for day, service, currency, region, user, billed in random.Random(7).sample(found, 10):  # noqa: S311 - a choice
        given = {"service": service, "currency": currency, "region": region, "user": user}
        options = [word for name, value in given.items() for word in (f"--{name}", value or "")]
        traced = billstream.json("lineage", str(day), *options, *ALL)
        assert traced["proven"]
        assert traced["aggregates"]["agree"]
        lines = Decimal()
        for load in traced["loads"]:
            content = Path(load["file"]["key"]).read_text("utf-8")
            header = content.partition("\n")[0]
            cost = next(name for name in ("BilledCost", "cost", "cost_usd", "amount") if name in header.split(","))
            reading = load["reading"]
            assert all(begins(content, line) for line in reading["lines"])
            assert summed(reading, header, cost) == Decimal(load["amounts"][0]["billed_cost"])
            lines += summed(reading, header, cost)
        assert lines == billed == Decimal(traced["amounts"][0]["billed_cost"])


def test_a_day_is_the_sum_of_all_its_files(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n2026-03-02,ada,s,r,70,USD\n")
    loaded(billstream, tmp_path / "b.csv", f"{HEADER}\n2026-03-01,bob,s,r,1.5,USD\n2026-03-01,bob,s,r,2,EUR\n")
    refresh_once(billstream.lake)
    traced = billstream.json("lineage", "2026-03-01")
    amounts = {one["currency"]: (one["billed_cost"], one["rows"]) for one in traced["amounts"]}
    assert amounts == {"EUR": ("2", 1), "USD": ("6.5", 2)}
    assert traced["aggregates"]["amounts"] == traced["amounts"]
    shares = {Path(load["file"]["key"]).name: load["amounts"] for load in traced["loads"]}
    assert {name: [one["billed_cost"] for one in found] for name, found in shares.items()} == {
        "a.csv": ["5"],
        "b.csv": ["2", "1.5"],
    }
    (only_bob,) = billstream.json("lineage", "2026-03-01", "--user", "bob", "--currency", "EUR")["loads"]
    assert [line["number"] for line in only_bob["reading"]["lines"]] == [3]


def test_charges_without_a_value_are_a_cell_of_their_own(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n2026-03-01,,s,r,7,USD\n")
    assert [line["number"] for line in only(billstream.json("lineage", "2026-03-01", "--user", ""))["lines"]] == [3]


def test_a_cell_means_the_same_to_consumer_aggregator_and_dashboard() -> None:
    assert {name: COLUMNS[name] for name in DIMENSIONS} == {**DIMENSIONS}
    assert CELL_COLUMNS.keys() == DIMENSIONS.keys()


# -- kinds of files ------------------------------------------------------------------------------------------

BODY = f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n2026-03-02,ada,s,r,70,USD\n2026-03-01,bob,s,r,1.25,USD\n"
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "crlf": lambda body: body.replace(b"\n", b"\r\n"),
    "mixed": lambda body: body.replace(b"\n", b"\r\n", 2),
    "utf-16": lambda body: body.decode().encode("utf-16"),
    "bom": lambda body: b"\xef\xbb\xbf" + body,
}


@pytest.mark.parametrize("packed", PACKED)
def test_lines_are_those_of_the_unpacked_text(packed: str, billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", PACKED[packed](BODY.encode()))
    reading = only(billstream.json("lineage", "2026-03-01"))
    assert [line["number"] for line in reading["lines"]] == [2, 4]
    assert [line["text"] for line in reading["lines"]] == [BODY.splitlines()[1], BODY.splitlines()[3]]
    assert summed(reading, HEADER, "cost") == Decimal("6.25")


def test_lines_of_an_archive_are_those_of_its_files(billstream: Commands, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made", "w") as archive:
        archive.writestr("one.csv", BODY)
        archive.writestr("two.csv", f"{HEADER}\n2026-03-05,ada,s,r,9,USD\n2026-03-01,ada,s,r,3,USD\n")
    loaded(billstream, tmp_path / "a.zip.csv", (tmp_path / "made").read_bytes())
    lines = only(billstream.json("lineage", "2026-03-01"))["lines"]
    assert [(line["member"], line["number"]) for line in lines] == [
        ("'one.csv'", 2),
        ("'one.csv'", 4),
        ("'two.csv'", 3),
    ]


def test_a_record_of_several_lines_has_the_number_of_its_first(billstream: Commands, tmp_path: Path) -> None:
    period = "2026-03-01T00:00:00Z,2026-03-02T00:00:00Z,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z"
    header = f"{FOCUS},ChargeDescription,ServiceName"
    content = f'{header}\nUSD,1,1,{period},"two\nlines, ""and"" a comma",a\nUSD,2.5,2,{period},plain,b\n'
    content += f'USD,4,4,{period},"three\n\nlines",b\n'
    loaded(billstream, tmp_path / "a.csv", content)
    reading = only(billstream.json("lineage", "2026-03-01", "--service", "b"))
    assert [line["number"] for line in reading["lines"]] == [4, 5]
    assert all(begins(content, line) for line in reading["lines"])
    assert summed(reading, header, "BilledCost") == Decimal("6.5")
    assert summed(reading, header, "EffectiveCost") == 6


def test_lines_are_counted_from_the_top_of_the_file_and_not_from_the_header(
    billstream: Commands, tmp_path: Path
) -> None:
    content = f"Bill of March\nfor Acme\n\n{BODY}"
    loaded(billstream, tmp_path / "a.csv", content)
    reading = only(billstream.json("lineage", "2026-03-01"))
    assert [line["number"] for line in reading["lines"]] == [5, 7]
    assert all(begins(content, line) for line in reading["lines"])


def test_rejected_records_move_no_line(billstream: Commands, tmp_path: Path) -> None:
    records = ["2026-03-01,ada,s,r,5,USD", "2026-03-01,ada,s,r,five,USD", "2026-03-01,ada", "2026-03-01,ada,s,r,7,USD"]
    content = "\n".join([HEADER, *records, ""])
    loaded(billstream, tmp_path / "a.csv", content)
    reading = only(billstream.json("lineage", "2026-03-01"))
    assert [line["number"] for line in reading["lines"]] == [2, 5]
    assert summed(reading, HEADER, "cost") == 12


def test_equal_records_are_different_lines(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n" + "2026-03-01,ada,s,r,5,USD\n" * 3)
    assert [line["number"] for line in only(billstream.json("lineage", "2026-03-01"))["lines"]] == [2, 3, 4]


def test_a_record_that_became_several_charges_is_named_with_its_column(billstream: Commands, tmp_path: Path) -> None:
    content = '"Service","EC2($)","S3($)","Total costs($)"\n"2026-03-01","1.5","2","3.5"\n"2026-03-02","4","8","12"\n'
    loaded(billstream, tmp_path / "costs.csv", content)
    lines = only(billstream.json("lineage", "2026-03-01"))["lines"]
    assert sorted(
        (line["number"], line["column"], line["billed_cost"] or line["effective_cost"]) for line in lines
    ) == [
        (2, "EC2", "1.5"),
        (2, "S3", "2"),
    ]


@pytest.mark.parametrize("name", ["cost_center", "FILE_ROW_NUMBER"])
def test_parquet_has_rows_instead_of_lines(name: str, billstream: Commands, tmp_path: Path) -> None:
    days = [date(2026, 3, day) for day in (2, 1, 1)]
    costs = [Decimal("1.5"), Decimal("2.5"), Decimal(4)]
    table = pa.table({"date": days, "cost": costs, "currency": ["USD"] * 3, "service": ["s"] * 3, name: ["x"] * 3})
    pq.write_table(table, tmp_path / "a.parquet")
    billstream.run("load", str(tmp_path / "a.parquet"))
    known = name == "cost_center"
    # DuckDB gives no numbers to rows that have a column of this name, so the lines are not proven.
    reading = only(billstream.json("lineage", "2026-03-01", expect=0 if known else 1))
    assert reading["unit"] == "row"
    assert reading["adds_up"]
    assert [line["number"] for line in reading["lines"]] == ([2, 3] if known else [None, None])
    assert sum(Decimal(json.loads(line["text"])["cost"]) for line in reading["lines"]) == Decimal("6.5")


def test_parts_of_a_delivery_are_named_with_their_lines(billstream: Commands, tmp_path: Path) -> None:
    shutil.copytree(EXPORT, tmp_path / "export")
    billstream.run("load", str(tmp_path / "export"))
    days = billstream.lake.rows("SELECT DISTINCT charge_period_start::DATE FROM charges ORDER BY 1")
    assert days
    for (day,) in days:
        traced = billstream.json("lineage", str(day))
        assert traced["proven"]
        for load in traced["loads"]:
            content = Path(load["file"]["key"]).read_text("utf-8")
            assert all(begins(content, line) for line in load["reading"]["lines"])
            cost = "lineItem/UnblendedCost" if "lineItem/" in content else "BilledCost"
            if cost in content:
                found = summed(load["reading"], content.partition("\n")[0], cost)
                assert found == Decimal(load["amounts"][0]["billed_cost"])
    manifest = next((tmp_path / "export").rglob("*anifest.json"))
    assert billstream.json("lineage", str(manifest))["load_count"] == 2


@pytest.mark.slow
def test_every_line_of_real_files_is_found_and_adds_up(
    billstream: Commands, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {path: path.stat().st_size for path in sorted(shared_data.rglob("*")) if path.is_file()}
    small = [str(path) for path, size in sizes.items() if size < 100_000 and path.suffix in {".csv", ".gz", ".parquet"}]
    billstream.run("load", *random.Random(7).sample(small, 30), expect=1)  # noqa: S311 - a choice; some are no bills
    monkeypatch.setenv("BILLSTREAM_BATCH_BYTES", "1GiB")
    days = billstream.rows("SELECT max(charge_period_start::DATE) FROM charges GROUP BY load_id")
    traced = [billstream.json("lineage", str(day), *ALL) for (day,) in sorted(set(days))]
    assert sum(len(one["loads"]) for one in traced) > 5
    assert [load["file"]["key"] for one in traced if not one["proven"] for load in one["loads"]] == []


# -- what was changed since ----------------------------------------------------------------------------------


def test_a_file_that_is_gone_or_replaced_is_said_and_the_rest_still_shows(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "gone.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n").unlink()
    same_size = loaded(billstream, tmp_path / "same.csv", f"{HEADER}\n2026-03-01,ada,s,r,4,USD\n")
    same_size.write_text(f"{HEADER}\n2026-03-01,ada,s,r,9,USD\n")
    longer = loaded(billstream, tmp_path / "longer.csv", f"{HEADER}\n2026-03-01,ada,s,r,3,USD\n")
    size = longer.stat().st_size
    longer.write_text(f"{HEADER}\n2026-03-01,ada,s,r,10,USD\n")
    loaded(billstream, tmp_path / "there.csv", f"{HEADER}\n2026-03-01,ada,s,r,2,USD\n")
    traced = billstream.json("lineage", "2026-03-01", expect=1)
    states = {Path(load["file"]["key"]).name: load["reading"]["state"] for load in traced["loads"]}
    assert states == {"gone.csv": "gone", "same.csv": "replaced", "longer.csv": "replaced", "there.csv": "read"}
    assert not traced["proven"]
    assert traced["amounts"][0]["billed_cost"] == "14"
    said = billstream.run("lineage", "2026-03-01", expect=1)
    assert "gone: The object is gone: what was loaded of it cannot be read again." in said
    assert f"has {size + 1} bytes, and {size} were loaded: it was replaced after this load." in said
    assert "1 of 4 files read again" in said


def test_lines_that_do_not_add_up_are_said(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n2026-03-01,ada,s,r,7,USD\n")
    billstream.meddle("UPDATE charges SET billed_cost = 6 WHERE billed_cost = 5")
    assert only(billstream.json("lineage", "2026-03-01", expect=1))["adds_up"] is False
    said = billstream.run("lineage", "2026-03-01", expect=1)
    assert "The records that are found in the file do not add up to the load: 2 charges found, 2 loaded." in said


def test_aggregates_that_differ_from_their_charges_are_said(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n")
    refresh_once(billstream.lake)
    billstream.meddle("UPDATE cost_cells SET billed_cost = 6")
    assert "The aggregates differ from the charges" in billstream.run("lineage", "2026-03-01", expect=1)


def test_a_profile_that_is_not_there_any_more_is_said(
    billstream: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    own = 'name = "own"\ntitle = "own"\n[match]\nneeds = ["billed_cost"]\nkeys = ["mine*"]\n[columns]\n'
    own += 'charge_period_start = { from = ["when"], required = true }\n'
    (tmp_path / "profiles" / "own.toml").write_text(own + 'billed_cost = { from = ["price"] }\n')
    monkeypatch.setenv("BILLSTREAM_PROFILES_DIR", str(tmp_path / "profiles"))
    loaded(billstream, tmp_path / "mine.csv", "when,price\n2026-03-01,5\n")
    assert only(billstream.json("lineage", "2026-03-01"))["adds_up"]
    (tmp_path / "profiles" / "own.toml").unlink()
    reading = only(billstream.json("lineage", "2026-03-01", expect=1))
    assert (reading["state"], "own" in reading["reason"]) == ("unreadable", True)


def test_no_more_bytes_are_read_than_the_setting_allows(
    billstream: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, cost in (("a", 9), ("b", 5)):
        loaded(billstream, tmp_path / f"{name}.csv", f"{HEADER}\n2026-03-01,ada,s,r,{cost},USD\n")
    monkeypatch.setenv("BILLSTREAM_BATCH_BYTES", "100")
    loads = billstream.json("lineage", "2026-03-01", expect=1)["loads"]
    assert [load["reading"]["state"] for load in loads] == ["read", "not_read"]
    assert "BILLSTREAM_BATCH_BYTES" in loads[1]["reading"]["reason"]


def test_lines_are_bounded_and_still_all_added_up(billstream: Commands, tmp_path: Path) -> None:
    loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n" + "2026-03-01,ada,s,r,5,USD\n" * 30)
    reading = only(billstream.json("lineage", "2026-03-01", "--limit", "3"))
    assert (len(reading["lines"]), reading["amounts"][0]["rows"], reading["adds_up"]) == (3, 30, True)
    assert "27 more; --limit shows them." in billstream.run("lineage", "2026-03-01", "--limit", "3")
    (load,) = billstream.json("lineage", "2026-03-01", "--limit", "0")["loads"]
    assert load["reading"] is None


# -- S3 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
def test_the_version_that_was_loaded_is_read(
    aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, versioned: bool
) -> None:
    if versioned:
        aws.s3.put_bucket_versioning(Bucket=aws.bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(cost: str) -> None:
        body = f"{HEADER}\n2026-03-01,ada,s,r,{cost},USD\n".encode()
        aws.s3.put_object(Bucket=aws.bucket, Key="a b/märz.csv", Body=body)

    with commands(tmp_path / "home", monkeypatch, aws.environment()) as billstream:
        put("5")
        billstream.run("consume", "--drain")
        assert only(billstream.json("lineage", "2026-03-01"))["lines"][0]["number"] == 2
        put("7")  # nobody has loaded this one yet
        state = "read" if versioned else "replaced"
        reading = only(billstream.json("lineage", "2026-03-01", expect=0 if versioned else 1))
        assert (reading["state"], [line["billed_cost"] for line in reading["lines"]]) == (
            state,
            ["5"] if versioned else [],
        )
        put("5")  # the same content as an object version of its own
        assert only(billstream.json("lineage", "2026-03-01"))["adds_up"]
        for version in aws.s3.list_object_versions(Bucket=aws.bucket).get("Versions", []):
            aws.s3.delete_object(Bucket=aws.bucket, Key=version["Key"], VersionId=version["VersionId"])
        assert only(billstream.json("lineage", "2026-03-01", expect=1))["state"] == "gone"
        uri = f"s3://{aws.bucket}/a b/märz.csv"
        assert billstream.json("lineage", uri) == billstream.json("lineage", "a b/märz.csv")


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_a_lake_that_can_only_be_read_is_enough(
    catalog: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"BILLSTREAM_CATALOG": request.getfixturevalue("postgres_url")} if catalog == "postgres" else {}
    with commands(tmp_path / "home", monkeypatch, environment) as billstream:
        path = loaded(billstream, tmp_path / "a.csv", BODY)
        refresh_once(billstream.lake)
        with Lake.open(billstream.settings, read_only=True) as sealed:
            found = trace(sealed, billstream.settings, Cell(date(2026, 3, 1), {"user": "bob"}), 5)
            moves = trace_name(sealed, str(path), 5)
    assert found.proven
    assert found.aggregates
    assert [line.number for load in found.loads if load.reading for line in load.reading.lines] == [4]
    assert [number.amount.rows for number in moves.loads[0].numbers] == [2, 1]
    assert moves.loads[0].file.billstream_version


# -- from a file to numbers ----------------------------------------------------------------------------------


def test_a_file_tells_the_numbers_that_it_moved_and_what_it_replaced(billstream: Commands, tmp_path: Path) -> None:
    path = loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n2026-03-04,ada,s,r,1,EUR\n")
    loaded(billstream, path, f"{HEADER}\n2026-03-01,ada,s,r,6,USD\n2026-03-02,ada,,r,7,USD\n2026-03-01,ada,s,r,x,USD\n")
    told = billstream.json("lineage", str(path))
    new, old = told["loads"]
    assert [
        (one["day"], one["service"], one["amount"]["currency"], one["amount"]["billed_cost"], one["amount"]["rows"])
        for one in new["numbers"]
    ] == [
        ("2026-03-01", "s", "USD", "6", 1),
        ("2026-03-02", None, "USD", "7", 1),
    ]
    assert (new["file"]["ended_as"], new["file"]["replaces"], new["file"]["rows_rejected"]) == (
        None,
        old["file"]["load_id"],
        1,
    )
    assert (old["file"]["replaced_by"], old["file"]["ended_as"]) == (new["file"]["load_id"], "loaded")
    assert (old["first_day"], old["last_day"], old["numbers"]) == ("2026-03-01", "2026-03-04", [])
    assert {one["currency"]: one["billed_cost"] for one in old["totals"]} == {"EUR": "1", "USD": "5"}
    assert new["file"]["billstream_version"]
    assert billstream.json("lineage", old["file"]["load_id"])["loads"] == [old]
    said = billstream.run("lineage", str(path), "--limit", "1")
    assert "1 more; --limit shows them." in said
    assert "1 older load more; --limit shows them." in said
    assert f"billstream quarantine show file://{path}" in said


def test_what_was_never_loaded_has_a_reason(billstream: Commands, tmp_path: Path) -> None:
    path = loaded(billstream, tmp_path / "a.csv", "neither,fish\n1,2\n", expect=1)
    assert "was never loaded, so it moved no number; its newest state is quarantined: " in billstream.run(
        "lineage", str(path), expect=1
    )
    assert "is neither a day, such as 2026-03-14, nor a load" in billstream.run("lineage", "nothing.csv", expect=1)
    assert "is not a day" in billstream.run("lineage", "2026-02-30", "--user", "ada", expect=1)


def test_a_day_without_charges_is_no_trouble(billstream: Commands) -> None:
    assert "No charges." in billstream.run("lineage", "2026-03-01")
    assert billstream.json("lineage", "9999-12-31", "--service", "\0")["loads"] == []


def test_json_is_as_its_schema_says(billstream: Commands, tmp_path: Path) -> None:
    path = loaded(billstream, tmp_path / "a.csv", f"{HEADER}\n2026-03-01,ada,s,r,5,USD\n2026-03-01,ada,s,r,x,USD\n")
    refresh_once(billstream.lake)
    schema = Draft202012Validator(json.loads(json_schema()))
    for told in (billstream.json("lineage", "2026-03-01", "--user", "ada"), billstream.json("lineage", str(path))):
        assert list(schema.iter_errors(told)) == []
        assert list(schema.iter_errors({**told, "loads": [{}]}))


# -- hostile texts -------------------------------------------------------------------------------------------


def test_texts_of_strangers_are_shown_and_not_obeyed(billstream: Commands, tmp_path: Path) -> None:
    path = tmp_path / "[red]a\x1b[31m'.csv"
    service = "[bold]s\x1b[2J"
    loaded(billstream, path, f"{HEADER}\n2026-03-01,ada,{service},';--,5,USD\n")
    for arguments in (["2026-03-01"], ["2026-03-01", "--service", service, "--region", "';--"], [str(path)]):
        said = billstream.run("lineage", *arguments)
        assert "\x1b" not in said
        assert "[bold]s\\x1b[2J" in said
        assert "[red]a\\x1b[31m'.csv" in said
    (line,) = only(billstream.json("lineage", "2026-03-01", "--service", service))["lines"]
    assert line["text"] == f"2026-03-01,ada,{service},';--,5,USD"
