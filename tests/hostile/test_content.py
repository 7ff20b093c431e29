"""Files made to break the reader: each is loaded to the letter, or refused with a reason. Nothing else happens."""

import bz2
import csv
import gzip
import io
import json
import lzma
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from billstream.consumer.decode.plain import compression
from billstream.consumer.decode.scan import MAX_RECORD_BYTES
from billstream.consumer.profiles import ProfileRegistry
from tests.fakes.objects import FakeBucket
from tests.integration.intake_support import HEADER, House, bill

GOOD = bill("1 USD")
TEXTS = [
    "'; DROP TABLE charges; --",
    '"); DELETE FROM ledger; --',
    "x' || (SELECT load_id FROM charges LIMIT 1) || '",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&lt;b&gt; & &#x27;",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.org?"&A1,"x")',
    "\x1b[2J\x1b]0;title\x07",
    "\u202egnp.exe",
    "{{ 7*7 }}{% raw %}${7*7}#{7*7}",
    "$1 ? :name {x} %s %(x)s",
    "../../etc/passwd",
    "[click](javascript:alert(1)) ![x](http://example.org) `code` | pipe",
    "[bold red]rich[/]",
    "line\nbreak\r\nand\ttab",
    "日本 😀 e\u0301 \u00e9 \u200b",
    "\\",
    "''",
    "NaN",
    "\ufeffmark",
    "x" * 40_000,
]


@pytest.fixture
def bucket(house: House) -> Iterator[FakeBucket]:
    """After every test the lake has all its tables, and takes the next good file."""
    made = house.bucket()
    yield made
    house.intake(made).process([made.put("good.csv", GOOD)])
    assert house.states(made, "good.csv") == ["loaded"]
    assert house.staged_files_left() == set()


def settled(house: House, bucket: FakeBucket, *contents: str | bytes) -> list[dict[str, Any]]:
    """The ledger's line of an object with each of these contents; a good one is settled with them, and is loaded."""
    events = [bucket.put(f"{number:03}.csv", content) for number, content in enumerate(contents)]
    house.intake(bucket).process([*events, bucket.put("beside.csv", GOOD)])
    assert house.states(bucket, "beside.csv") == ["loaded"]
    return sorted((line for line in house.ledger(bucket) if line["key"] != "beside.csv"), key=lambda line: line["key"])


def reasons(house: House, bucket: FakeBucket, *contents: str | bytes) -> list[str]:
    lines = settled(house, bucket, *contents)
    assert [line["state"] for line in lines] == ["quarantined"] * len(contents)
    return [line["reason"] for line in lines]


def as_csv(*rows: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()


# -- texts -------------------------------------------------------------------------------------------------


def test_hostile_cells_and_column_names_are_loaded_to_the_letter(house: House, bucket: FakeBucket) -> None:
    names = [name[:200] for name in TEXTS]
    header = ["date", "credits", "cost", "currency", "user", "description", *names]
    rows = [["2026-03-14", "1", "1", "USD", text, text, *TEXTS] for text in TEXTS]
    (line,) = settled(house, bucket, as_csv(header, *rows))
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", len(TEXTS), 0)
    sql = "SELECT x_user_id, charge_description, rescued FROM charges WHERE load_id = ?"
    found = house.lake.rows(sql, [line["load_id"]])
    assert sorted(user for user, _, _ in found) == sorted(TEXTS)
    assert all(user == description for user, description, _ in found)
    (rescued,) = {rescued for _, _, rescued in found}
    assert list(json.loads(rescued).values()) == TEXTS
    plain = [name.strip() for name in names if name.isprintable() and name.strip() == name]
    assert set(plain) <= json.loads(rescued).keys()


def test_hostile_texts_where_numbers_and_times_belong_are_listed_to_the_letter(
    house: House, bucket: FakeBucket
) -> None:
    texts = [text[:300] for text in TEXTS]
    rows = [["2026-03-14", "1", text, "USD", "u"] for text in texts] + [[text, "1", "1", "USD", "u"] for text in texts]
    (line,) = settled(house, bucket, as_csv(HEADER.split(","), *rows))
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("quarantined", 0, 2 * len(texts))
    assert line["reason"].startswith(f"No row of {2 * len(texts)} fits; the first, line ")
    found = house.lake.rows(
        "SELECT column_name, raw_value, line FROM rejected_rows WHERE entry_id = ?", [line["entry_id"]]
    )
    for column in ("billed_cost", "charge_period_start"):
        assert sorted(value for name, value, _ in found if name == column) == sorted(texts)
    assert all(number for _, _, number in found)


def test_a_hostile_header_that_fits_no_profile_is_shown_in_short(house: House, bucket: FakeBucket) -> None:
    (reason,) = reasons(house, bucket, as_csv(TEXTS, TEXTS))
    assert reason.startswith("Line 1: No profile")
    assert len(reason) < 2000
    assert reason.isprintable()


@pytest.mark.parametrize("depth", [100, 5000, 100_000])
def test_json_of_any_depth_in_the_tags_is_kept(house: House, bucket: FakeBucket, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    (line,) = settled(
        house,
        bucket,
        as_csv(
            ["ChargePeriodStart", "BilledCost", "EffectiveCost", "BillingCurrency", "Tags"],
            ["2026-03-14T00:00:00Z", "1", "1", "USD", deep],
            ["2026-03-14T00:00:00Z", "1", "1", "USD", "[" * depth],
        ),
    )
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", 2, 0)
    found = house.lake.rows("SELECT tags, rescued FROM charges WHERE load_id = ?", [line["load_id"]])
    kept = [tags.get("a") if tags else json.loads(rescued)["Tags"] for tags, rescued in found]
    assert sorted(map(len, kept)) in ([depth, len(deep)], [depth, len(deep) - 6])


# -- shapes ------------------------------------------------------------------------------------------------


AGAIN = "No row of the file is loaded: upload it again with its header."
ENDLESS = f"Line 1 does not end within 1048576 bytes, so it is no header. {AGAIN}"


def test_a_header_of_a_billion_columns_is_refused_at_once(house: House, bucket: FakeBucket) -> None:
    columns = 3_000_000  # what is read of more would be the same
    found = reasons(
        house,
        bucket,
        b"," * columns,
        b"," * columns + b"\n1,2\n",
        b"a," * 400_000 + b"\n1,2\n",
        b"a," * 5_000 + b"\n1,2\n",
        b'"' + b"a," * columns,
    )
    assert found[0] == found[1] == ENDLESS
    assert found[2] == f"Line 1 has far more than 4096 columns, the most that are read. {AGAIN}"
    assert found[3] == f"Line 1 has 5001 columns; at most 4096 are read. {AGAIN}"
    assert found[4] == ENDLESS


def test_a_line_of_two_megabytes_is_rejected_alone_with_its_line(house: House, bucket: FakeBucket) -> None:
    row = "2026-03-14,1,1,USD,"
    fits, fits_not = "x" * (MAX_RECORD_BYTES - 100), "x" * (MAX_RECORD_BYTES + 1)
    (line,) = settled(house, bucket, f"{HEADER}\n{row}{fits}\n{row}{fits_not}\n{row}ada\n{row}{'y' * 5_000_000}\n")
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("loaded", 2, 2)
    found = {row["line"]: row["reason"] for row in house.view("quarantined_rows", bucket)}
    assert found.keys() == {3, 5}
    assert all(reason.startswith("Maximum line size of 2000000 bytes exceeded") for reason in found.values())


def test_a_line_that_would_be_lost_without_a_word_refuses_its_file(house: House, bucket: FakeBucket) -> None:
    row = b"2026-03-14,1,1,USD,"
    endless = f"{HEADER}\n".encode() + row + b"ada\n" + row + b"y" * 40_000_000 + b"\n" + row + b"bob\n"
    found = reasons(house, bucket, endless, gzip.compress(endless))
    reason = "Line 3 has more than 16 MB, so the file is no billing file. "
    assert found == [f"{reason}No row of it is loaded: upload it again with line ends."] * 2


def test_a_file_of_rejected_records_is_quarantined_with_the_first_hundred(house: House, bucket: FakeBucket) -> None:
    content = f"{HEADER}\n" + "short\n" * 12_000 + "2026-03-14,1,1,USD,ada\n"
    (line,) = settled(house, bucket, content)
    assert (line["state"], line["rows_loaded"], line["rows_rejected"]) == ("quarantined", 0, 12_000)
    assert line["reason"].startswith("At least 12,000 of 12,001 records do not fit.")
    listed = house.view("quarantined_rows", bucket)
    assert [row["line"] for row in listed] == list(range(2, 102))
    assert {row["reason"] for row in listed} == {"Expected Number of Columns: 5 Found: 1"}
    assert house.totals(bucket, "000.csv") == {}


def test_nothing_but_one_endless_line_is_no_header(house: House, bucket: FakeBucket) -> None:
    assert reasons(house, bucket, b"x" * 2_500_000) == [ENDLESS]


def test_records_of_the_wrong_width_are_listed_and_all_others_loaded(house: House, bucket: FakeBucket) -> None:
    good = "2026-03-14,1,1,USD,u"
    lines = [good, "short", good, f"{good}{',x' * 5000}", '"open', "", good]
    (line,) = settled(house, bucket, "\n".join([HEADER, *lines]))
    found = sorted((row["line"], row["reason"].split("\n")[0]) for row in house.view("quarantined_rows", bucket))
    assert (line["state"], line["rows_loaded"] + line["rows_rejected"] >= 5) == ("loaded", True)
    assert [number for number, _ in found][:3] == [3, 5, 6]
    assert found[0][1] == "Expected Number of Columns: 5 Found: 1"
    assert found[1][1].startswith("Expected Number of Columns: 5 Found: ")
    assert found[2][1].startswith("Value with unterminated quote found.")


# -- bytes -------------------------------------------------------------------------------------------------


SAVE = "The file is not loaded: save it as UTF-8 and upload it again."


def test_bytes_that_are_no_text_are_refused_with_their_line(house: House, bucket: FakeBucket) -> None:
    row = "2026-03-14,1,1,USD,ü\n".encode()
    found = reasons(
        house,
        bucket,
        GOOD.encode() + b"2026-03-14,1,1,USD,\x00\n",
        GOOD.encode() + row + b"2026-03-14,1,1,USD,\xff\n",
        GOOD.encode() + row + row[:-2],
        b"\xff\xfe" + GOOD.encode("utf-16-le")[:-1],
        b"\xff\xfe\x00\xd8" + GOOD.encode("utf-16-le"),
        GOOD.encode("utf-32"),
        GOOD.encode("utf-7").replace(b"date", b"\x81date"),
        GOOD.encode("cp500"),
        bytes(range(256)) * 100,
        b"\x7fELF\x02\x01\x01" + bytes(100),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(20),
    )
    assert found[:3] == [
        f"Line 3, byte 75 of the text, is not UTF-8 text: NUL. {SAVE}",
        f"Line 4, byte 97 of the text, is not UTF-8 text: invalid start byte. {SAVE}",
        f"Line 4, byte 97 of the text, is not UTF-8 text: the file ends in the middle of a character. {SAVE}",
    ]
    assert all("text" in reason or reason.startswith("Line ") for reason in found)


def test_a_file_that_is_not_what_its_first_bytes_say_is_refused(house: House, bucket: FakeBucket) -> None:
    heads = {
        "gzip": b"\x1f\x8b\x08\x00",
        "zstd": b"\x28\xb5\x2f\xfd",
        "bzip2": b"BZh91AY&SY",
        "xz": b"\xfd7zXZ\x00",
        "zip": b"PK\x03\x04",
        "Parquet": b"PAR1",
    }
    found = reasons(house, bucket, *(head + GOOD.encode() for head in heads.values()))
    assert all("damaged" in reason and kind in reason for kind, reason in zip(heads, found, strict=True))


# -- bombs -------------------------------------------------------------------------------------------------


def quine_like(copies: int) -> bytes:
    """A zip archive whose directory names one compressed file many times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", GOOD + "2026-03-14,1,0,USD,u\n" * 20_000)
    whole = out.getvalue()
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    directory = whole[start:end] * copies
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(directory), start, 0)
    return whole[:start] + directory + record


def test_bombs_of_every_kind_are_refused_and_leave_no_room_taken(
    house: House, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "BOMB_BYTES", 1_000_000)
    zeros = b"2026-03-14,1,0,USD,u\n" * 400_000
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        for number in range(10):
            members.writestr(f"{number}.csv", b"0" * 2_000_000)
    single = io.BytesIO()
    with zipfile.ZipFile(single, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("bomb.csv", b"0" * 9_000_000)
    found = reasons(
        house,
        bucket,
        gzip.compress(zeros),
        bz2.compress(zeros),
        lzma.compress(zeros),
        pa.compress(zeros, codec="zstd", asbytes=True),
        gzip.compress(gzip.compress(b"0" * 9_000_000)),
        single.getvalue(),
        archive.getvalue(),
    )
    assert all("which looks like a bomb" in reason for reason in found), found
    assert not [path for path in house.settings.spool.rglob("*") if path.is_file() and path.stat().st_size > 100_000]


def test_an_archive_that_names_one_file_many_times_is_bounded(
    house: House, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "BOMB_BYTES", 1_000_000)
    (reason,) = reasons(house, bucket, quine_like(900))
    assert "bomb" in reason or "verlapped" in reason
    assert reasons(house, house.bucket(), quine_like(5000)) == [
        (
            "The zip archive holds 5000 files; at most 1000 are read. "
            "No file of it is loaded: upload its files in several archives."
        )
    ]


# -- files that others have collected ----------------------------------------------------------------------

EVERYTHING = """
name = "everything"
title = "any file whose first column is known"
[match]
needs = ["service_name"]
[columns]
charge_period_start = {{ constant = "2026-03-01" }}
service_name = {{ from = [{names}] }}
"""

OTHERWISE = {"location_coordinates", "newlines_crlf"}  # their JSON has a cell that their CSV has not


def torture_files(shared_data: Path) -> list[Path]:
    found = [path for path in sorted((shared_data / "torture").rglob("*")) if path.suffix in {".csv", ".xls", ".xlsx"}]
    if not found:
        pytest.skip("no torture files in ../shared/data/torture")
    return found


def test_no_torture_file_stops_anything_and_each_is_refused_with_its_line(
    house: House, bucket: FakeBucket, shared_data: Path
) -> None:
    files = torture_files(shared_data)
    found = dict(zip(files, reasons(house, bucket, *(path.read_bytes() for path in files)), strict=True))
    offices = [path for path in files if path.suffix != ".csv"]
    assert all(found[path].startswith("This is an Office document") for path in offices)
    assert all(found[path].startswith("Line 1") for path in files if path not in offices)


def test_each_torture_file_is_loaded_with_its_bad_records_listed_when_a_profile_fits(
    house: House, bucket: FakeBucket, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "Foo", "name", "first", "key", "date", "number", "blaaaaaaaaaaaaaa", "Data", "Contact Phone Number"]
    (tmp_path / "everything.toml").write_text(EVERYTHING.format(names=", ".join(map(json.dumps, names))))
    registry = ProfileRegistry.load(tmp_path, columns=house.lake.columns("charges"))
    monkeypatch.setattr(ProfileRegistry, "load", lambda *_, **__: registry)
    files = [path for path in torture_files(shared_data) if path.suffix == ".csv"]
    lines = settled(house, bucket, *(path.read_bytes() for path in files))
    for path, line in zip(files, lines, strict=True):
        listed = house.lake.rows("SELECT line, reason FROM rejected_rows WHERE entry_id = ?", [line["entry_id"]])
        assert len(listed) == line["rows_rejected"], path
        assert all(number and reason for number, reason in listed), path
        assert line["state"] == "loaded" or "line " in line["reason"].casefold(), path
        expected = path.parents[1] / "json" / f"{path.stem}.json"
        if expected.is_file() and path.stem not in OTHERWISE:
            found = house.lake.rows("SELECT service_name, rescued FROM charges WHERE load_id = ?", [line["load_id"]])
            wanted = json.loads(expected.read_text())
            records = wanted if isinstance(wanted, list) else [wanted]
            assert sorted(map(values, found)) == sorted(map(plain, records)), path


def values(row: tuple[str | None, str | None]) -> list[str]:
    name, rescued = row
    return sorted([name or "", *json.loads(rescued or "{}").values()])


def plain(record: dict[str, str]) -> list[str]:
    """The cells of a record as they are in `charges`, which has no empty text."""
    cells = list(record.values())
    return sorted([cells[0], *(cell for cell in cells[1:] if cell)])
