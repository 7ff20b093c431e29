"""Result sets keep every digit, every row and every column, and are nothing but text to a terminal."""

import csv
import datetime as dt
import io
import json
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billstream.cli.output import write_result
from billstream.cli.terminal import Format, printable
from billstream.common.errors import Fatal
from billstream.common.texts import decimal_text

HOSTILE = ["[bold red]x[/]", "[/nothing]", "[link=https://x]y[/link]", "\\[", "a\\", ":smile:", "[", "<script>"]


class Terminal(io.TextIOWrapper):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Out:
    """Standard output, which is no terminal."""

    captured: pytest.CaptureFixture[bytes]

    def written(self) -> bytes:
        return self.captured.readouterr().out


@pytest.fixture
def out(capsysbinary: pytest.CaptureFixture[bytes]) -> Out:
    return Out(capsysbinary)


def result(sql: str) -> pa.Table:
    with duckdb.connect() as con:
        return con.execute(sql).to_arrow_table()


def as_json(out: Out, sql: str) -> Any:  # noqa: ANN401
    write_result(result(sql), Format.JSON)
    return json.loads(out.written(), parse_constant=pytest.fail)


def as_csv(out: Out, sql: str) -> list[list[str]]:
    write_result(result(sql), Format.CSV)
    return list(csv.reader(io.StringIO(out.written().decode(), newline="")))


def as_table(out: Out, sql: str) -> str:
    write_result(result(sql), Format.TABLE)
    return out.written().decode()


MONEY = "12345678901234567890.123456789012345678"


def test_decimals_keep_every_digit_in_json(out: Out) -> None:
    assert as_json(out, f"SELECT {MONEY}::DECIMAL(38,18) AS m, 1.50::DECIMAL(9,2) AS c") == [{"m": MONEY, "c": "1.5"}]


def test_decimals_keep_every_digit_in_csv_and_the_zeros_of_their_scale(out: Out) -> None:
    small = "1e-18::DECIMAL(38,18) AS s, 0::DECIMAL(9,2) AS z"
    sql = f"SELECT {MONEY}::DECIMAL(38,18) AS m, 1.50::DECIMAL(9,2) AS c, {small}"
    assert as_csv(out, sql) == [["m", "c", "s", "z"], [MONEY, "1.50", "0.000000000000000001", "0.00"]]


def test_decimals_keep_every_digit_in_a_table(out: Out) -> None:
    assert MONEY in as_table(out, f"SELECT {MONEY}::DECIMAL(38,18) AS m")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0"),
        ("0.000000000000000000", "0"),
        ("-0.50", "-0.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1e-18", "0.000000000000000001"),
        ("1200.00", "1200"),
    ],
)
def test_a_decimal_is_written_without_exponent_and_idle_zeros(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


def test_json_has_every_kind_of_value(out: Out) -> None:
    sql = (
        "SELECT NULL AS nothing, true AS flag, 1 AS whole, 1.5::DOUBLE AS half, 'é' AS text, DATE '2026-03-14' AS day, "
        "TIMESTAMP '2026-03-14 01:02:03' AS moment, MAP {'USD': 1.50::DECIMAL(9,2)} AS totals, [1, NULL] AS list, "
        "{'a': 2.50::DECIMAL(9,2)} AS part, 'nan'::DOUBLE AS nan, '-inf'::DOUBLE AS inf"
    )
    assert as_json(out, sql) == [
        {
            "nothing": None,
            "flag": True,
            "whole": 1,
            "half": 1.5,
            "text": "é",
            "day": "2026-03-14",
            "moment": "2026-03-14T01:02:03",
            "totals": {"USD": "1.5"},
            "list": [1, None],
            "part": {"a": "2.5"},
            "nan": "nan",
            "inf": "-inf",
        }
    ]


TWICE = "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS b, 5 AS a"


def test_columns_of_one_name_are_all_there_in_json(out: Out) -> None:
    assert [sorted(row.values()) for row in as_json(out, TWICE)] == [[1, 2, 3, 4, 5]]


def test_columns_of_one_name_are_all_there_in_csv(out: Out) -> None:
    assert as_csv(out, TWICE) == [["a", "a", "a_2", "b", "a"], ["1", "2", "3", "4", "5"]]


def test_columns_of_one_name_are_all_there_in_a_table(out: Out) -> None:
    shown = as_table(out, TWICE)
    assert [number for number in "12345" if number not in shown] == []


def test_csv_quotes_what_needs_it_and_writes_nothing_for_nothing(out: Out) -> None:
    sql = "SELECT 'a,b' AS \"x,y\", 'say \"hi\"' AS q, 'two\nlines' AS n, NULL AS z, MAP {'k': 'v'} AS m"
    assert as_csv(out, sql) == [["x,y", "q", "n", "z", "m"], ["a,b", 'say "hi"', "two\nlines", "", '{"k": "v"}']]


@pytest.mark.parametrize("form", [Format.JSON, Format.CSV, Format.TABLE, Format.ARROW, Format.PARQUET])
def test_a_result_without_rows_is_one_in_every_form(out: Out, form: Format) -> None:
    write_result(result("SELECT 1 AS a WHERE false"), form)
    assert out.written()


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_cells_and_names_is_shown_as_it_is(out: Out, text: str) -> None:
    quoted = text.replace("'", "''")
    name = text.replace('"', '""')
    shown = as_table(out, f"SELECT '{quoted}' AS \"{name}\"")
    assert shown.count(text) == 2


def test_no_cell_commands_the_terminal(out: Out) -> None:
    shown = as_table(
        out, "SELECT chr(27) || '[2J' || chr(7) || chr(13) || 'x' AS \"a\x1b]0;title\x07\", 'two\nlines' AS n"
    )
    assert not {"\x1b", "\x07", "\r"} & set(shown)
    assert "\\x1b[2J\\x07\\rx" in shown
    assert "\\n" not in shown


def test_a_wide_row_is_not_folded_into_a_file(out: Out) -> None:
    assert "x" * 3000 in as_table(out, "SELECT repeat('x', 3000) AS x")


def test_arrow_is_lossless(out: Out) -> None:
    table = result(f"SELECT {MONEY}::DECIMAL(38,18) AS m, MAP {{'k': 'v'}} AS t, TIMESTAMPTZ '2026-03-14' AS d")
    write_result(table, Format.ARROW)
    assert pa.ipc.open_stream(out.written()).read_all().equals(table)


def test_parquet_is_lossless(out: Out) -> None:
    table = result(f"SELECT {MONEY}::DECIMAL(38,18) AS m, DATE '2026-03-14' AS d")
    write_result(table, Format.PARQUET)
    assert pq.read_table(io.BytesIO(out.written())).to_pylist() == [{"m": Decimal(MONEY), "d": dt.date(2026, 3, 14)}]


@pytest.mark.parametrize("form", [Format.ARROW, Format.PARQUET])
def test_bytes_do_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch, form: Format) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(written))
    with pytest.raises(Fatal, match=f"--format {form.value} writes bytes"):
        write_result(result("SELECT 1"), form)
    sys.stdout.flush()
    assert written.getvalue() == b""


def test_a_printable_text_is_one_line_and_may_be_cut() -> None:
    assert printable("a\nb\x1b[0m\u202ec") == "a\\nb\\x1b[0m\\u202ec"
    assert printable(None) == ""
    assert printable("x" * 10, 5) == "xxxx…"
    assert printable("x" * 1000, None) == "x" * 1000
