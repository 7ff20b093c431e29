"""Text cells become typed values exactly or not at all, compared with Python's own decimals."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.consumer.decode.projection import Projection
from billstream.consumer.decode.scan import load_macros
from billstream.consumer.decode.values import time_value
from billstream.consumer.profiles import Binding, Profile, bind

CELL_MACROS = ("exact_decimal", "rounded_decimal", "tags_of")
exact_decimal, rounded_decimal, string_map = (f"{name}({{}})".format for name in CELL_MACROS)


def iso_timestamp(cell: str, zone: str = "UTC") -> str:
    return time_value(cell, ["iso"], zone)


# Enough for every number below; the default context would round.
WIDE = Context(prec=3_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
ATOM = Decimal("1e-18")
LIMIT = Decimal(10) ** 20
# What a bill may call a number: ASCII digits, and a point among or before or after them.
NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?0*[0-9]{1,3})?\s*", re.ASCII)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        load_macros(connection)
        yield connection


def values(con: duckdb.DuckDBPyConnection, expression: Callable[[str], str], cells: list[str]) -> list[Any]:
    sql = f"SELECT {expression('c')} FROM (SELECT unnest(?::VARCHAR[]) AS c, generate_subscripts(?, 1) AS i) ORDER BY i"
    return [row[0] for row in con.execute(sql, [cells, cells]).fetchall()]


def value(con: duckdb.DuckDBPyConnection, expression: Callable[[str], str], cell: str) -> Any:  # noqa: ANN401
    (only,) = values(con, expression, [cell])
    return only


def rounded(cell: str) -> Decimal | None:
    """What a careful clerk would write down: 18 decimals, half away from zero; None for what is too large."""
    if not NUMBER.fullmatch(cell):
        return None
    number = Decimal(cell.strip()).quantize(ATOM, rounding=ROUND_HALF_UP, context=WIDE)
    return number if abs(number) < LIMIT else None


def exact(cell: str) -> Decimal | None:
    number = rounded(cell)
    return number if number is not None and number == Decimal(cell.strip()) else None


# -- numbers -----------------------------------------------------------------------------------------------

digits = st.text("0123456789", max_size=45) | st.text("0", max_size=30)
numerals = st.builds(
    "{}{}{}{}{}{}{}".format,
    st.sampled_from(["", "", " ", "\t", "\n "]),
    st.sampled_from(["", "", "-", "+"]),
    digits,
    st.sampled_from(["", ".", ".", "."]),
    digits,
    st.just("")
    | st.builds(
        "{}{}{}".format,
        st.sampled_from("eE"),
        st.sampled_from(["", "-", "+"]),
        st.integers(0, 60).map(str) | st.sampled_from(["007", "19", "99", "100", "999", ""]),
    ),
    st.sampled_from(["", "", "", " ", "\r"]),
)
short = st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), st.integers(0, 10**8), st.integers(0, 10**14))
garbage = st.text(st.characters(exclude_characters="_", exclude_categories=["Cs"]), max_size=25) | st.text(
    "0123456789.eE+- ", max_size=25
)
cells_of_numbers = st.lists(numerals | short | garbage, min_size=30, max_size=60)


@given(cells=cells_of_numbers)
@settings(max_examples=60, deadline=None)
def test_an_exact_decimal_is_the_number_or_nothing(con: duckdb.DuckDBPyConnection, cells: list[str]) -> None:
    assert values(con, exact_decimal, cells) == [exact(cell) for cell in cells]


@given(cells=cells_of_numbers)
@settings(max_examples=60, deadline=None)
def test_a_rounded_decimal_is_rounded_as_a_clerk_rounds(con: duckdb.DuckDBPyConnection, cells: list[str]) -> None:
    assert values(con, rounded_decimal, cells) == [rounded(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("1.", "1"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("+7", "7"),
        ("1E-7", "0.0000001"),
        ("10e-19", "1e-18"),
        (".5e1", "5"),
        ("2e007", "20000000"),
        ("0e100", "0"),
        ("8.60000000000000000000", "8.6"),
        ("0.123456789012345678", "0.123456789012345678"),
        ("0.12345678901234567800", "0.123456789012345678"),
        ("00000000000000000000000001.5", "1.5"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("742523470666044875599e-7", "74252347066604.4875599"),
        ("0.0000000000000000000000000000000000001e30", "0.0000001"),
        (" 5 ", "5"),
        ("1_000", "1000"),  # as Python reads it
    ],
)
def test_numbers_in_every_spelling_are_read_exactly(con: duckdb.DuckDBPyConnection, cell: str, expected: str) -> None:
    assert value(con, exact_decimal, cell) == Decimal(expected)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        " ",
        "-",
        "- ",  # how spreadsheets write nothing
        " -\t",
        "+ ",
        ".",
        "-.",
        "e1",
        "1e",
        "1e5.5",
        "--1",
        "1-",
        "(5)",
        "$5",
        "5 USD",
        "1,000.00",
        "1.000,00",
        "0x10",
        "inf",
        "-Infinity",
        "nan",
        "NaN",
        "true",
        "١٢",
        "\uff11\uff12",  # full-width
        "½",
        "1 000",
        "0.1234567890123456785",  # too fine
        "1e-19",
        "8e-40",
        "100000000000000000000",  # too large
        "1e20",
        "1.7e20",
        "16.8191403907082810906E19",
        "9" * 10_000,
        "0." + "3" * 10_000,
    ],
)
def test_what_is_no_number_or_does_not_fit_exactly_is_nothing(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert value(con, exact_decimal, cell) is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("0.1234567890123456784", "0.123456789012345678"),
        ("0.1234567890123456785", "0.123456789012345679"),
        ("-0.1234567890123456785", "-0.123456789012345679"),
        ("0.12345678901234567849999999", "0.123456789012345678"),
        ("5e-19", "1e-18"),
        ("4.9e-19", "0"),
        ("8e-40", "0"),
        ("-1e-30", "0"),
        ("0.0000000000000000000000001", "0"),
        ("8.5450077867419368123456", "8.545007786741936812"),
    ],
)
def test_digits_beyond_the_18th_are_rounded_half_away_from_zero(
    con: duckdb.DuckDBPyConnection, cell: str, expected: str
) -> None:
    assert value(con, rounded_decimal, cell) == Decimal(expected)


@pytest.mark.parametrize("cell", ["99999999999999999999.9999999999999999995", "1e20", "-1.7e20", "1e999", "- ", "inf"])
def test_what_is_too_large_or_no_number_is_not_rounded_either(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert value(con, rounded_decimal, cell) is None


# -- times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-09-01", datetime(2024, 9, 1, tzinfo=UTC)),
        ("2024-09-01T00:00:00Z", datetime(2024, 9, 1, tzinfo=UTC)),
        ("2024-09-01 12:30:45", datetime(2024, 9, 1, 12, 30, 45, tzinfo=UTC)),
        ("2024-09-01T12:30", datetime(2024, 9, 1, 12, 30, tzinfo=UTC)),
        ("2024-09-01T12:30:45.123456Z", datetime(2024, 9, 1, 12, 30, 45, 123456, tzinfo=UTC)),
        ("2024-09-01T02:00:00+02:00", datetime(2024, 9, 1, tzinfo=UTC)),
        ("2024-08-31T19:00:00-0500", datetime(2024, 9, 1, tzinfo=UTC)),
        ("2024-09-01 00:00:00 UTC", datetime(2024, 9, 1, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_times_are_iso_8601_and_utc_where_they_do_not_say_otherwise(
    con: duckdb.DuckDBPyConnection, cell: str, expected: datetime
) -> None:
    assert value(con, iso_timestamp, cell) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "9/1/24",
        "09/01/2024",
        "1.9.2024",
        "20240901",
        "1725148800",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-09-01T25:00:00Z",
        "2024-09",
        "2024-09-01x",
        "today",
        "now",
        "epoch",
        "infinity",
        "-infinity",
        "inf--",
        "nota-date",
    ],
)
def test_what_is_no_iso_8601_is_no_time(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert value(con, iso_timestamp, cell) is None


# ISO 8601 writes offsets in hours and minutes; Python also writes the seconds that zones had a century ago.
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(
    moment=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets),  # noqa: DTZ001
    precision=st.sampled_from(["auto", "minutes", "seconds", "milliseconds"]),
    gap=st.sampled_from(["", " "]),
    zone=st.sampled_from(["UTC", "America/New_York"]),
)
@settings(max_examples=100, deadline=None)
def test_every_moment_with_an_offset_is_read_as_it_is(
    con: duckdb.DuckDBPyConnection, moment: datetime, precision: str, gap: str, zone: str
) -> None:
    text = moment.isoformat(timespec=precision)
    expected = datetime.fromisoformat(text).astimezone(UTC)
    assert value(con, lambda cell: iso_timestamp(cell, zone), f"{text[:-6]}{gap}{text[-6:]}") == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2020-06-02T00:00Z", datetime(2020, 6, 2, tzinfo=UTC)),  # as OCI writes it
        ("2020-06-02 00:00 UTC", datetime(2020, 6, 2, tzinfo=UTC)),
        ("2020-06-02T10:00:00,5+02", datetime(2020, 6, 2, 8, 0, 0, 500_000, tzinfo=UTC)),
        ("2020-06-02T00:00:00.123456789Z", datetime(2020, 6, 2, 0, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_iso_8601_is_read_also_where_duckdb_does_not_know_it(
    con: duckdb.DuckDBPyConnection, cell: str, expected: datetime
) -> None:
    assert value(con, iso_timestamp, cell) == expected


@pytest.mark.parametrize(
    "cell", ["2024-13-01T10:00Z", "2024-01-01T25:00Z", "xxxx-xx-0Z", "2024-01-01T10:00:00+24:00", "2024-01-01T1:00Z"]
)
def test_a_time_that_there_is_not_is_none_in_any_spelling(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert value(con, iso_timestamp, cell) is None
    assert value(con, lambda text: iso_timestamp(text, "Asia/Tokyo"), cell) is None


# -- maps --------------------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
json_values = st.none() | st.booleans() | st.integers() | names | st.lists(st.integers(), max_size=2)


def as_text(part: object) -> str | None:
    if part is None or isinstance(part, str):
        return part
    return json.dumps(part, separators=(",", ":"))


@given(content=st.dictionaries(names, json_values | st.dictionaries(names, json_values, max_size=2), max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_json_object_keeps_all_its_names_and_values(con: duckdb.DuckDBPyConnection, content: dict[str, Any]) -> None:
    found = value(con, string_map, json.dumps(content, ensure_ascii=False))
    assert list(found) == list(content)
    for name, part in content.items():
        if isinstance(part, dict | list):
            assert json.loads(found[name]) == part
        else:
            assert found[name] == as_text(part)


@pytest.mark.parametrize(
    "cell", ["", "null", "1", '"text"', "[1]", "{", "{'a': 1", "a", "a=1;b", "a=1;a=2", '"a": 1, "a": 2', "{" * 5000]
)
def test_what_is_no_json_object_is_no_map(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert value(con, string_map, cell) is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('"a": 1', {"a": "1"}),  # Azure's objects without braces
        ('"a": "x;y", "b": "ü"', {"a": "x;y", "b": "ü"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        (" team : core ; cost center=c-1;", {"team": "core", "cost center": "c-1"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_tags_are_also_read_without_braces_and_as_pairs(
    con: duckdb.DuckDBPyConnection, cell: str, expected: dict[str, str]
) -> None:
    assert value(con, string_map, cell) == expected


@pytest.mark.parametrize("cell", ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"":1,"":2}'])
def test_an_object_with_a_name_twice_is_no_map(con: duckdb.DuckDBPyConnection, cell: str) -> None:
    assert value(con, string_map, cell) is None


# -- whole records -----------------------------------------------------------------------------------------

TYPES = {
    "load_id": "VARCHAR",
    "charge_period_start": "TIMESTAMP WITH TIME ZONE",
    "billed_cost": "DECIMAL(38,18)",
    "billing_currency": "VARCHAR",
    "service_name": "VARCHAR",
    "tags": "MAP(VARCHAR, VARCHAR)",
    "rescued": "VARCHAR",
}


def bound(header: list[str], columns: dict[str, Any] | None = None) -> Binding:
    profile = Profile.model_validate(
        {
            "name": "p",
            "title": "p",
            "match": {"needs": ["charge_period_start"]},
            "columns": {
                "charge_period_start": {"from": ["day"], "required": True},
                "billed_cost": {"from": ["cost"]},
                "tags": {"from": ["tags"]},
                **(columns or {}),
            },
        }
    )
    binding = bind(profile, header)
    assert binding is not None
    return binding


def record(projection: Projection, cells: list[str | None]) -> str:
    """SQL of one record as `consumer.decode.scan` reads it, its typed columns beside its cells."""
    literals = ", ".join(
        f"{'NULL' if cell is None else repr_sql(cell)}::VARCHAR AS {name}"
        for name, cell in zip(projection.cells, cells, strict=True)
    )
    records = projection.with_operands(f"(SELECT {literals})")
    return f"(SELECT *, {projection.typed_columns()} FROM {records})"


def repr_sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def asked(con: duckdb.DuckDBPyConnection, projection: Projection, cells: list[str | None], what: str) -> Any:  # noqa: ANN401
    row = con.execute(f"SELECT {what} FROM {record(projection, cells)}").fetchone()
    assert row is not None
    return row[0]


def rescued(con: duckdb.DuckDBPyConnection, header: list[str], cells: list[str | None]) -> Any:  # noqa: ANN401
    projection = Projection(bound(header), TYPES)
    text = asked(con, projection, cells, projection.rescued())
    return None if text is None else json.loads(text)


HOSTILE = [
    "'; DROP TABLE charges; --",
    'double "quoted"',
    "line\nbreak",
    "back\\slash",
    "{curly}",
    "$1",
    "?",
    "%s",
    "日本語",
    "c0",
    "load_id",
    "a" * 300,
]


def test_unknown_columns_are_kept_under_their_names(con: duckdb.DuckDBPyConnection) -> None:
    kept = rescued(con, ["day", *HOSTILE], ["2024-01-01", *HOSTILE])
    assert kept == {name.replace("\n", " "): name for name in HOSTILE}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["", ""], {"column 1": "v0", "column 2": "v1"}),
        (["a", "a", "a"], {"a": "v0", "a (2)": "v1", "a (3)": "v2"}),
        (["a", "a (3)", "a"], {"a": "v0", "a (3)": "v1", "a (3) (3)": "v2"}),
        (["column 2", ""], {"column 2": "v0", "column 2 (2)": "v1"}),
        (["A", "a"], {"A": "v0", "a": "v1"}),
    ],
)
def test_no_cell_is_lost_to_a_name_that_occurs_twice_or_is_empty(
    con: duckdb.DuckDBPyConnection, header: list[str], expected: dict[str, str]
) -> None:
    cells = [f"v{number}" for number in range(len(header))]
    assert rescued(con, ["day", *header], ["2024-01-01", *cells]) == expected


@given(header=st.lists(st.sampled_from(["", "a", "a (2)", "a (3)", "b", "column 1", "column 2"]), max_size=7))
@settings(max_examples=60, deadline=None)
def test_every_unknown_cell_survives_whatever_the_header(con: duckdb.DuckDBPyConnection, header: list[str]) -> None:
    cells: list[str | None] = [f"v{number}" for number in range(len(header))]
    kept = rescued(con, ["day", *header], ["2024-01-01", *cells]) or {}
    assert sorted(kept.values()) == sorted(str(cell) for cell in cells)


def test_nothing_unknown_is_nothing_rescued(con: duckdb.DuckDBPyConnection) -> None:
    assert rescued(con, ["day"], ["2024-01-01"]) is None
    assert rescued(con, ["day", "note", "empty"], ["2024-01-01", None, None]) is None


def test_tags_that_are_no_object_are_kept_as_they_are(con: duckdb.DuckDBPyConnection) -> None:
    header: list[str] = ["day", "tags", "note"]
    assert rescued(con, header, ["2024-01-01", "team a", "n"]) == {"tags": "team a", "note": "n"}
    assert rescued(con, header, ["2024-01-01", "team=a", "n"]) == {"note": "n"}
    assert rescued(con, header, ["2024-01-01", '{"team":"a"}', "n"]) == {"note": "n"}
    assert rescued(con, header, ["2024-01-01", None, None]) is None


@pytest.mark.parametrize(
    ("cells", "bad"),
    [
        (["2024-01-01", "1.5"], False),
        (["2024-01-01", None], False),
        ([None, "1.5"], True),
        (["yesterday", "1.5"], True),
        (["2024-01-01", "free"], True),
        (["2024-01-01", "0.1234567890123456785"], True),
        (["2024-01-01 (BC)", "1.5"], True),
        (["-290-01-01", "1.5"], True),
        (["0000-12-31", "1.5"], True),
        (["0001-01-01T00:00:00+14:00", "1.5"], True),
        (["9999-12-31T23:59:59-14:00", "1.5"], True),
        (["0001-01-01", "1.5"], False),
        (["9999-12-31T23:59:59Z", "1.5"], False),
    ],
)
def test_a_record_is_bad_when_a_value_is_not_there_that_should_be(
    con: duckdb.DuckDBPyConnection, cells: list[str | None], *, bad: bool
) -> None:
    projection = Projection(bound(["day", "cost"]), TYPES)
    assert asked(con, projection, cells, projection.bad()) is bad


@pytest.mark.parametrize(
    ("cost", "count"), [("1.5", 0), ("0.1234567890123456785", 1), (".5e1", 0), ("1e-30", 1), (None, 0)]
)
def test_rounded_values_are_counted(con: duckdb.DuckDBPyConnection, cost: str | None, count: int) -> None:
    projection = Projection(bound(["day", "cost"]), TYPES, exact=False)
    assert asked(con, projection, ["2024-01-01", cost], projection.rounded()) == count


def test_a_constant_is_the_value_of_every_record(con: duckdb.DuckDBPyConnection) -> None:
    hostile = "it's; DROP TABLE charges"
    projection = Projection(bound(["day"], {"service_name": {"constant": hostile}}), TYPES)
    assert asked(con, projection, ["2024-01-01"], "service_name") == hostile


def test_columns_that_nothing_feeds_are_left_out(con: duckdb.DuckDBPyConnection) -> None:
    projection = Projection(bound(["day"]), TYPES)
    assert projection.columns == ["charge_period_start", "billed_cost", "billing_currency", "rescued"]
    assert asked(con, projection, ["2024-01-01"], "billed_cost") is None


def test_a_type_that_no_cell_becomes_is_a_mistake_of_ours() -> None:
    with pytest.raises(NotImplementedError, match="INTEGER"):
        Projection(bound(["day", "cost"]), {**TYPES, "billed_cost": "INTEGER"}).typed_columns()


@pytest.mark.parametrize(
    "name", ["cell", "entry", "pair", "part", "amount", "halves", "sign", "format", "zone", "path"]
)
def test_a_column_may_be_named_as_a_parameter_of_a_macro(con: duckdb.DuckDBPyConnection, name: str) -> None:
    texts = "'1e-7'::VARCHAR AS number, '2026-03-01 10:00Z'::VARCHAR AS moment, 'a=b'::VARCHAR AS tags"
    amounts_of = r"""exact_amounts('[{"a": 1.5}, {"a": 2}]', '"a": ([0-9.]+)', '$.a')"""
    values = f"exact_decimal(number), iso_time_in(moment, 'Asia/Tokyo'), tags_of(tags), exact_decimal({name})"
    row = con.execute(f"SELECT {values}, {amounts_of} FROM (SELECT {texts}, '7'::VARCHAR AS {name})").fetchone()
    assert row == (Decimal("1e-7"), datetime(2026, 3, 1, 10, tzinfo=UTC), {"a": "b"}, 7, Decimal("3.5"))


@pytest.mark.parametrize(
    ("forms", "reason"),
    [
        (("iso",), "is not a date or time in ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00Z"),
        (("iso", "%d.%m.%Y"), "is not a time written as ISO 8601 (such as 2026-01-31) or %d.%m.%Y"),
        (("epoch_seconds",), "is not a time written as seconds since 1970"),
        (("epoch_milliseconds",), "is not a time written as milliseconds since 1970"),
    ],
)
def test_the_reason_for_a_time_names_the_forms(forms: tuple[str, ...], reason: str) -> None:
    assert Projection(bound(["day"]), TYPES, forms=forms).faults()[0].reason == reason
