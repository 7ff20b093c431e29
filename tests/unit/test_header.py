"""The first record of a file: its delimiter and the names of its columns."""

from pathlib import Path

import pytest

from billstream.common.errors import Poison
from billstream.consumer.decode import header
from billstream.consumer.decode.header import HEADER_BYTES, MAX_COLUMNS, Header, by_shape, later_headers, read_header


def read(folder: Path, content: bytes) -> Header | None:
    path = folder / "text"
    path.write_bytes(content)
    return read_header(path)


@pytest.mark.parametrize("content", [b"", b"\n", b" \t\r\n\n", b" " * (HEADER_BYTES + 9), b"\n" * (3 * HEADER_BYTES)])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_of_nothing_but_blanks_has_no_header(tmp_path: Path, mark: bytes, content: bytes) -> None:
    assert read(tmp_path, mark + content) is None


@pytest.mark.parametrize(
    ("content", "delimiter", "names"),
    [
        (b"day,cost", ",", ("day", "cost")),
        (b"day,cost\n", ",", ("day", "cost")),
        (b"day,cost\r\n1,2\r\n", ",", ("day", "cost")),
        (b"day,cost\r1,2\r", ",", ("day", "cost")),
        (b"\xef\xbb\xbfday,cost\n", ",", ("day", "cost")),
        (b'\xef\xbb\xbf"day","cost"\n', ",", ("day", "cost")),
        (b"day;cost;note\n1,5;2;a,b,c,d\n", ";", ("day", "cost", "note")),
        (b"day\tcost\n", "\t", ("day", "cost")),
        (b"day|cost\n", "|", ("day", "cost")),
        (b"day\n1,2,3\n", ",", ("day",)),
        (b" day , cost \n", ",", ("day", "cost")),
        (b"day,,cost,\n", ",", ("day", "", "cost", "")),
        (b'day,"cost, in euros",note\n', ",", ("day", "cost, in euros", "note")),
        (b'"a;b;c;d",cost\n', ",", ("a;b;c;d", "cost")),
        (b'"a, b, c";cost\n', ";", ("a, b, c", "cost")),
        (b'"a ""quoted"" name",cost\n', ",", ('a "quoted" name', "cost")),
        (b'"first\nname","second\r\nname"\n1,2\n', ",", ("first\nname", "second\r\nname")),
        (b'"first\nname";second\n1;2\n', ";", ("first\nname", "second")),
        ("日付,金額\n".encode(), ",", ("日付", "金額")),
        (b"day,day,DAY\n", ",", ("day", "day", "DAY")),
        (b"'; DROP TABLE charges; --,cost,x\n", ",", ("'; DROP TABLE charges; --", "cost", "x")),
    ],
)
def test_the_first_record_is_the_header(tmp_path: Path, content: bytes, delimiter: str, names: tuple[str, ...]) -> None:
    assert read(tmp_path, content) == Header(delimiter, names)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\nday,cost\n", "Line 1 is empty"),
        (b"  \nday,cost\n", "Line 1 is empty"),
        (b",,,\n", "Line 1 is empty"),
        (b'""\n', "Line 1 is empty"),
        (b'"day,cost\n1,2\n', "Line 1 is no header"),
        (b'"day"x,cost\n', "Line 1 is no header"),
    ],
)
def test_a_first_record_that_is_no_header_is_poison(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(Poison, match=reason):
        read(tmp_path, content)


def test_a_header_has_a_bound_of_columns(tmp_path: Path) -> None:
    widest = ",".join(f"c{number}" for number in range(MAX_COLUMNS)).encode()
    found = read(tmp_path, widest + b"\n")
    assert found is not None
    assert len(found.names) == MAX_COLUMNS
    with pytest.raises(Poison, match=f"Line 1 has {MAX_COLUMNS + 1} columns; at most {MAX_COLUMNS} are read"):
        read(tmp_path, widest + b",more\n")


@pytest.mark.parametrize("content", [b"x" * (2 * HEADER_BYTES), b"a,b" * HEADER_BYTES, b'"' + b"x" * HEADER_BYTES])
def test_a_first_line_without_an_end_is_no_header_and_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Poison) as poison:
        read(tmp_path, content + b"\n1,2\n")
    assert len(str(poison.value)) < 200


def test_a_header_longer_than_what_is_read_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "HEADER_BYTES", 10)
    assert read(tmp_path, b"day,cost\n1,2\n") == Header(",", ("day", "cost"))
    with pytest.raises(Poison, match="does not end within 10 bytes"):
        read(tmp_path, b"day,cost,note\n1,2\n")


def test_a_character_cut_by_the_bound_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "HEADER_BYTES", 10)
    assert read(tmp_path, "a,b\n1,日本語\n".encode()) == Header(",", ("a", "b"))


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["day,cost", "2026-01-01,1", "2026-01-02,2"], 1),
        (["Usage, all accounts, 2026", "", "day,cost", "2026-01-01,1"], 3),
        (["Usage Data Extract", "", "day,cost,note", "1,2,3", "4,5,6"], 3),
        (["Invoice number,1,", "Currency,USD,", "a,b,c,d,e", *["1,2,3,4,5"] * 5], 3),
        (["a,b", "x,y", "a,b,c,d", *["1,2,3,4"] * 8, "Total,,,9"], 3),
        # A label may have line ends in it.
        (['day,cost,"the\nnote"', '"Jan 31, 2026",1.5,A', '"Feb 1, 2026",-2,'], 1),
        (["Usage, all accounts", 'day,cost,"the\nnote\nof it"', '"Jan 31, 2026",1.5,A', '"Feb 1, 2026",-2,'], 2),
        # A line below which nothing is alike, or that has values, is none.
        (["day,cost"], None),
        (["2026-01-01,1", "2026-01-02,2"], None),
        (["title", "another title"], None),
    ],
)
def test_a_header_is_found_by_its_shape(tmp_path: Path, lines: list[str], line: int | None) -> None:
    first = read(tmp_path, ("\n".join(lines) + "\n").encode())
    found = by_shape([*([first] if first else []), *later_headers(tmp_path / "text")])
    assert (found.line if found else None) == line
