"""Any kind of billing file, through the real intake: the rows it has, or the reason why there are none."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billstream.consumer.decode.plain import parquet
from billstream.consumer.profiles import ProfileRegistry
from tests.fakes.objects import FakeBucket
from tests.integration.intake_support import HEADER, House, bill

BILL = bill("1.50 USD", "-0.25 USD", "3 EUR")
TOTALS = {"USD": Decimal("1.25"), "EUR": Decimal(3)}


@pytest.fixture
def bucket(house: House) -> Iterator[FakeBucket]:
    yield house.bucket()
    assert house.staged_files_left() == set()


def settled(house: House, bucket: FakeBucket, *contents: str | bytes) -> list[dict[str, Any]]:
    """The ledger's lines of objects with these contents, in order."""
    house.intake(bucket).process([bucket.put(f"{number}.csv", content) for number, content in enumerate(contents)])
    lines = house.ledger(bucket)
    return sorted(lines, key=lambda line: int(line["key"].split(".")[0]))


def rejected(house: House, bucket: FakeBucket) -> list[tuple[int | None, str]]:
    """Line and reason of each rejected record."""
    return [(row["line"], row["reason"]) for row in house.view("quarantined_rows", bucket)]


def zipped(*members: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def as_parquet(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401 - of pyarrow
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


# -- one bill, written in every way ------------------------------------------------------------------------

WAYS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "gzip": lambda text: gzip.compress(text.encode()),
    "zstd": lambda text: zstd(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "zip": lambda text: zipped(("a.csv", text)),
    "bom": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "latin-1": lambda text: text.replace("ada", "zoë").encode("latin-1"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "mixed": lambda text: text.replace("\n", "\r\n", 2).encode(),
    "semicolon": lambda text: text.replace(",", ";").encode(),
    "tab": lambda text: text.replace(",", "\t").encode(),
    "bar": lambda text: text.replace(",", "|").encode(),
    "preamble": lambda text: f'Cost report for "March"\nMade,by,finance, 5" of it\n\n{text}'.encode(),
    "utf-16 preamble": lambda text: f"Bericht für März\r\n\r\n{text}".encode("utf-16"),
    "blank ends": lambda text: f"{text}\n   \n\t\n\n  ".encode(),
    "no end": lambda text: text.rstrip("\n").encode(),
}


def test_one_bill_is_the_same_in_every_way_it_is_written(house: House, bucket: FakeBucket) -> None:
    lines = settled(house, bucket, *(write(BILL) for write in WAYS.values()))
    states = dict(
        zip(WAYS, [(line["state"], line["rows_loaded"], line["rows_rejected"]) for line in lines], strict=True)
    )
    assert states == dict.fromkeys(WAYS, ("loaded", 3, 0))
    assert {number: house.totals(bucket, f"{number}.csv") for number in range(len(WAYS))} == dict.fromkeys(
        range(len(WAYS)), TOTALS
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"\xef\xbb\xbf", b"\n", b" \r\n\t\n", HEADER.encode(), gzip.compress(b""), f"Title\n{HEADER}\n".encode()],
)
def test_a_file_without_records_is_loaded_with_no_rows(house: House, bucket: FakeBucket, content: bytes) -> None:
    (line,) = settled(house, bucket, content)
    assert (line["state"], line["reason"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", None, 0, 0)


def test_texts_of_another_encoding_arrive_as_they_were_meant(house: House, bucket: FakeBucket) -> None:
    text = f"{HEADER}\n2026-03-14,1,1,EUR,Zoë Größe €\n"
    settled(house, bucket, text.encode("cp1252"), text.encode("utf-16"), text.encode())
    sql = "SELECT DISTINCT x_user_id FROM charges JOIN ledger USING (load_id) WHERE bucket = ?"
    assert house.lake.rows(sql, [bucket.name]) == [("Zoë Größe €",)]


def test_what_is_in_quotes_is_kept_to_the_byte_where_line_ends_are_mixed(house: House, bucket: FakeBucket) -> None:
    settled(house, bucket, f'{HEADER}\r\n2026-03-14,1,1,EUR,"a\r\nb\nc\rd ""e"""\n2026-03-14,1,1,EUR,5" x\r\n')
    sql = "SELECT x_user_id FROM charges JOIN ledger USING (load_id) WHERE bucket = ? ORDER BY 1"
    assert house.lake.rows(sql, [bucket.name]) == [('5" x',), ('a\r\nb\nc\rd "e"',)]


# -- the line of a record, wherever it stands --------------------------------------------------------------

RAGGED = f"{HEADER}\n2026-03-14,1,1,EUR,ada\n2026-03-14,1\n2026-03-14,1,1,EUR,ada,more\nx,1,1,EUR,ada\n"


@pytest.mark.parametrize(
    ("write", "shift"),
    [
        (str.encode, 0),
        (lambda text: text.replace("\n", "\r\n").encode(), 0),
        (lambda text: text.replace("\n", "\r").encode(), 0),
        (lambda text: gzip.compress(f"Title\n\nby,us\n{text}".encode()), 3),
        (lambda text: f"Title\r\n{text}".encode("utf-16"), 1),
        (lambda text: zipped(("a.csv", text)), 0),
    ],
    ids=["lf", "crlf", "cr", "preamble in gzip", "mixed utf-16", "zip"],
)
def test_ragged_rows_and_misfits_are_listed_with_their_line_in_the_upload(
    house: House, bucket: FakeBucket, write: Callable[[str], bytes], shift: int
) -> None:
    (line,) = settled(house, bucket, write(RAGGED))
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", 1, 3)
    found = sorted(rejected(house, bucket), key=str)
    assert [number for number, _ in found] == [3 + shift, 4 + shift, 5 + shift]
    assert found[0][1] == "Expected Number of Columns: 5 Found: 2"
    assert found[1][1] == "Expected Number of Columns: 5 Found: 6"
    assert found[2][1].startswith("charge_period_start is not a ")


def test_a_record_in_an_archive_is_listed_with_its_file(house: House, bucket: FakeBucket) -> None:
    more = f"{HEADER}\n2026-03-14,1\n2026-03-14,1,1,EUR,ada\n2026-03-14,x,1,EUR,ada"
    (line,) = settled(house, bucket, zipped(("sub/a.csv", RAGGED), ("b.csv", f"{HEADER}\n"), ("c.csv", more)))
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", 2, 5)
    found = {(reason.split(":")[0], number) for number, reason in rejected(house, bucket)}
    assert found == {("'sub/a.csv'", 3), ("'sub/a.csv'", 4), ("'sub/a.csv'", 5), ("'c.csv'", 2), ("'c.csv'", 4)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no,header\n1,2\n", "Line 1: No profile"),
        (b"Title\n\nno,header\n1,2\n", "Line 3: No profile"),
        (b",,,\n", "Line 1 is empty"),
        (zipped(("a.csv", BILL), ("b.csv", "date,credits\n")), "'a.csv' and 'b.csv' in the zip archive have different"),
        ((f"{HEADER}\n2026-03-14,1,1,EUR,ü".encode() + b"\xff\n"), "Line 2, byte "),
        (gzip.compress(BILL.encode())[:-5], "The gzip stream is damaged"),
        (b"PAR1" + bytes(50) + b"PAR1", "The Parquet file is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_quarantined_with_the_reason(
    house: House, bucket: FakeBucket, content: bytes, reason: str
) -> None:
    (line,) = settled(house, bucket, content)
    assert line["state"] == "quarantined"
    assert line["reason"].startswith(reason)


# -- footers -----------------------------------------------------------------------------------------------

FOOTED = """
name = "footed"
title = "a report with totals"
[match]
needs = ["service_name", "billed_cost"]
[values]
footers = ["Total", "Generated on"]
[columns]
charge_period_start = { constant = "2026-03-01" }
service_name = { from = ["What"] }
billed_cost = { from = ["How much"], required = true }
"""


@pytest.fixture
def footed(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "footed.toml").write_text(FOOTED)
    registry = ProfileRegistry.load(tmp_path, columns=house.lake.columns("charges"))
    monkeypatch.setattr(ProfileRegistry, "load", lambda *_, **__: registry)


@pytest.mark.usefixtures("footed")
@pytest.mark.parametrize(
    ("lines", "rows", "misfits"),
    [
        (["Total,3"], ["a", "b"], []),
        (["", "TOTAL:", '"total, all","3"', "  Generated on,today,by,us", "  ", ""], ["a", "b"], []),
        (["Total,3", "c,3"], [], []),  # no footer, as a row follows: a total among charges, so the file is refused
        (["Subtotal,x"], ["a", "b"], [4]),
        (["x,y", "Total,3"], ["a", "b"], [4]),
        (['"c\nTotal",3'], ["a", "b", "c\nTotal"], []),  # the end of a cell of two lines
        (['"c\nTotal', 'Total",3', "Total,9"], ["a", "b", "c\nTotal\nTotal"], []),
        (["Total,1"] * 12_000, [], []),  # more than is looked at
    ],
)
def test_totals_at_the_end_are_no_rows(
    house: House, bucket: FakeBucket, lines: list[str], rows: list[str], misfits: list[int]
) -> None:
    settled(house, bucket, "\n".join(["My report", "", "What,How much", "a,1", "b,2", *lines]))
    sql = "SELECT service_name FROM charges JOIN ledger USING (load_id) WHERE bucket = ? ORDER BY 1"
    found = [name for (name,) in house.lake.rows(sql, [bucket.name])]
    assert found == sorted(rows)
    assert [line for line, _ in rejected(house, bucket)] == [line + 2 for line in misfits]


@pytest.mark.usefixtures("footed")
@pytest.mark.parametrize("content", ["What,How much\nTotal,0\n", "What,How much\n\n", "What,How much\nTotal"])
def test_a_header_with_nothing_but_a_footer_has_no_rows(house: House, bucket: FakeBucket, content: str) -> None:
    (line,) = settled(house, bucket, content)
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", 0, 0)


# -- Parquet -----------------------------------------------------------------------------------------------

NOON = datetime(2026, 3, 14, 12, 30, 15, 123456, tzinfo=UTC)


def focus_table(**columns: Any) -> pa.Table:  # noqa: ANN401 - arrays of any type
    return pa.table(
        {
            "ChargePeriodStart": pa.array([NOON, NOON], pa.timestamp("us", "UTC")),
            "BilledCost": pa.array(
                [Decimal("0.000000000000000001"), Decimal("12345678901234567.89012345678901")], pa.decimal128(38, 18)
            ),
            "EffectiveCost": pa.array([0.1, 1e-7]),
            "BillingCurrency": pa.array(["USD", "EUR"]).dictionary_encode(),
        }
        | columns
    )


def rows_of(house: House, bucket: FakeBucket, columns: str) -> list[tuple[Any, ...]]:
    sql = f"SELECT {columns} FROM charges JOIN ledger USING (load_id) WHERE bucket = ? ORDER BY ALL"
    return house.lake.rows(sql, [bucket.name])


def test_parquet_is_read_to_the_last_decimal(house: House, bucket: FakeBucket) -> None:
    (line,) = settled(house, bucket, as_parquet(focus_table()))
    assert (line["state"], line["rows_loaded"], line["profile"]) == ("loaded", 2, "focus")
    assert rows_of(house, bucket, "billed_cost, effective_cost, billing_currency, charge_period_start") == [
        (Decimal("1e-18"), Decimal("0.1"), "USD", NOON),
        (Decimal("12345678901234567.89012345678901"), Decimal("1e-7"), "EUR", NOON),
    ]


def test_every_type_of_parquet_has_a_text(house: House, bucket: FakeBucket) -> None:
    pair = pa.map_(pa.string(), pa.string())
    hostile = 'x"; DROP TABLE charges; --'
    table = focus_table(
        Tags=pa.array([[("team", 'a"b'), ("env", "prod")], []], pair),
        **{
            "tiny": pa.array([-128, None], pa.int8()),
            "huge": pa.array([2**64 - 1, None], pa.uint64()),
            "yes": pa.array([True, None]),
            "day": pa.array([date(2026, 3, 14), None]),
            "nanoseconds": pa.array([1773491415123456789, None], pa.timestamp("ns")),
            "list": pa.array([["a", None], None]),
            "structure": pa.array([{"x": 1, "y": "z"}, None]),
            "bytes": pa.array(["Zoë".encode(), None], pa.binary()),
            "nothing": pa.nulls(2),
            "float": pa.array([0.1, None], pa.float32()),
            "empty": pa.array(["", "NULL"]),
            "__path": pa.array(["p", None]),
            "__PATH_": pa.array(["q", None]),
            hostile: pa.array(["<script>", None]),
        },
    )
    settled(house, bucket, as_parquet(table))
    (tags, first), (none, second) = rows_of(house, bucket, "tags, rescued")[::-1]
    if none:
        (tags, first), (none, second) = (none, second), (tags, first)
    assert (tags, none) == ({"team": 'a"b', "env": "prod"}, {})
    assert json.loads(first) == {
        "tiny": "-128",
        "huge": str(2**64 - 1),
        "yes": "true",
        "day": "2026-03-14",
        "nanoseconds": "2026-03-14 12:30:15.123456789",
        "list": '["a",null]',
        "structure.x": "1",
        "structure.y": "z",
        "bytes": "Zoë",
        "float": "0.1",
        "__path": "p",
        "__PATH_": "q",
        hostile: "<script>",
    }
    assert second is None


def test_parquet_files_of_one_header_and_other_types_and_csv_are_settled_together(
    house: House, bucket: FakeBucket
) -> None:
    texts = pa.table({"date": ["2026-03-14"], "credits": ["1"], "cost": ["2"], "currency": ["USD"], "user": ["ada"]})
    numbers = texts.set_column(1, "credits", pa.array([3])).set_column(0, "date", pa.array([date(2026, 3, 14)]))
    lines = settled(house, bucket, as_parquet(texts), as_parquet(numbers), bill("7 USD"), as_parquet(texts.slice(0, 0)))
    assert [line["rows_loaded"] for line in lines] == [1, 1, 1, 0]
    assert rows_of(house, bucket, "consumed_quantity, billed_cost") == [(1, 2), (1, 7), (3, 2)]


def test_a_row_of_parquet_that_does_not_fit_is_listed_and_the_rest_is_loaded(house: House, bucket: FakeBucket) -> None:
    table = focus_table(BilledCost=pa.array(["free", "2"]))
    (line,) = settled(house, bucket, as_parquet(table))
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", 1, 1)
    ((number, reason),) = rejected(house, bucket)
    assert number is None
    assert reason.startswith("billed_cost is not a number")


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_parquet_of_any_compression_is_read(house: House, bucket: FakeBucket, compression: str) -> None:
    (line,) = settled(house, bucket, as_parquet(focus_table(), compression=compression))
    assert (line["state"], line["rows_loaded"]) == ("loaded", 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (as_parquet(pa.table({"a": ["b"]})), "No profile"),
        (as_parquet(focus_table())[:-1], "The Parquet file is damaged: its end is missing"),
        (b"PAR1", "The Parquet file is damaged: its end is missing"),
        (b"PAR1" + b"\xff\xff\xff\xffPAR1", "The Parquet file is damaged, or its footer has more than"),
        (b"PARE" + bytes(50) + b"PARE", "The Parquet file is encrypted"),
        (
            as_parquet(focus_table(x=pa.array(["a", "b\x00c"]))),
            "Rows 1 to 2, column 'x': a text has a NUL in it. Export the file without it.",
        ),
        (
            as_parquet(focus_table(x=pa.array([Decimal("1.5"), None], pa.decimal256(40, 2)))),
            "Column 'x' is decimal256(40, 2)",
        ),
        (
            as_parquet(focus_table(x=pa.array([["a"], ["b\x00"]]))),
            "Rows 1 to 2, column 'x': a text has a NUL in it. Export the file without it.",
        ),
        (as_parquet(pa.table({str(number): [1] for number in range(4097)})), "The Parquet file has 4097 columns"),
    ],
)
def test_parquet_that_cannot_be_read_is_quarantined_with_the_reason(
    house: House, bucket: FakeBucket, content: bytes, reason: str
) -> None:
    (line,) = settled(house, bucket, content)
    assert line["state"] == "quarantined"
    assert line["reason"].startswith(reason)


def test_parquet_that_unfolds_out_of_all_bounds_is_refused(
    house: House, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "BOMB_BYTES", 10_000_000)
    rows = 3_000_000
    many = as_parquet(pa.table({"date": pa.repeat("2026-03-14", rows), "credits": pa.repeat(1, rows)}))
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 1_000_000]))
    long = as_parquet(pa.table({"date": pa.repeat("2026-03-14", 3000), "credits": repeated}))
    assert max(len(many), len(long)) < 100_000
    lines = settled(house, bucket, many, long)
    assert [line["state"] for line in lines] == ["quarantined", "quarantined"]
    assert all("which looks like a bomb" in line["reason"] for line in lines)


def test_parquet_that_duckdb_takes_for_a_bug_of_its_own_is_quarantined_alone(house: House, bucket: FakeBucket) -> None:
    good = as_parquet(focus_table(EffectiveCost=pa.array([Decimal("1.5"), None], pa.decimal128(29, 7))))
    # A decimal's precision stands there twice: DuckDB reads the first, Arrow the second. 58 is 29 as Thrift writes it.
    written = bytes([0x15, 14, 0x15, 58])
    place = good.rindex(written, 0, good.rindex(written)) + 3
    bad = good[:place] + b"\x01" + good[place + 1 :]  # -1
    lines = settled(house, bucket, good, bad)
    assert [line["state"] for line in lines] == ["loaded", "quarantined"]
    assert lines[1]["reason"].startswith("DuckDB cannot read the Parquet file: INTERNAL Error: Decimal has a width of")


def test_damage_anywhere_in_a_parquet_file_stops_nothing(house: House, bucket: FakeBucket) -> None:
    """Whatever byte is wrong, the file is loaded or quarantined, and the good file beside it is loaded."""
    table = focus_table(Tags=pa.array([[("a", "b")], []], pa.map_(pa.string(), pa.string())))
    good = as_parquet(table, use_dictionary=["BillingCurrency"], write_page_checksum=True)
    places = range(4, len(good), len(good) // 60)
    damaged = [good[:place] + bytes([good[place] ^ 0x5A]) + good[place + 1 :] for place in places]
    lines = settled(house, bucket, good, *damaged)
    assert lines[0]["state"] == "loaded"
    assert {line["state"] for line in lines} == {"loaded", "quarantined"}
    reasons = [line["reason"] for line in lines if line["state"] == "quarantined"]
    assert len(reasons) > len(lines) / 4
    assert all(reasons)
