"""What the words of a profile make of the cells of a record, compared with Python's own decimals and dates."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.consumer.decode.projection import Projection
from billstream.consumer.decode.scan import load_macros
from billstream.consumer.decode.values import plain_number, time_value
from billstream.consumer.profiles import Profile, bind
from billstream.consumer.profiles.model import Values

WIDE = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN)
ATOM = Decimal("1e-18")
COST = "DECIMAL(38,18)"
TYPES = {
    "load_id": "VARCHAR",
    "charge_period_start": "TIMESTAMP WITH TIME ZONE",
    "charge_period_end": "TIMESTAMP WITH TIME ZONE",
    "billed_cost": COST,
    "list_cost": COST,
    "billing_currency": "VARCHAR",
    "service_name": "VARCHAR",
    "tags": "MAP(VARCHAR, VARCHAR)",
    "rescued": "VARCHAR",
}
HOSTILE = ["it's", "'; DROP TABLE charges; --", 'say "so"', "back\\slash", "{x}", "%s", "$1", "?", "a\nb", "ü — 日本"]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        load_macros(connection)
        yield connection


def projected(
    columns: dict[str, Any], header: list[str], values: dict[str, Any] | None = None, *, exact: bool = True
) -> Projection:
    told = {"charge_period_start": {"from": ["day"], "required": True}, **columns}
    match = {"needs": ["charge_period_start"]}
    text = {"name": "p", "title": "p", "match": match, "values": values or {}, "columns": told}
    profile = Profile.model_validate(text)
    binding = bind(profile, ["day", *header])
    assert binding is not None
    return Projection(binding, TYPES, exact=exact, forms=profile.values.times)


def asked(con: duckdb.DuckDBPyConnection, made: Projection, cells: Sequence[str | None], what: str) -> Any:  # noqa: ANN401
    columns = ", ".join(f"?::VARCHAR AS {name}" for name in made.cells)
    sql = f"SELECT {what} FROM (SELECT *, {made.typed_columns()} FROM {made.with_operands(f'(SELECT {columns})')})"
    row = con.execute(sql, ["2026-01-31", *cells]).fetchone()
    assert row is not None
    return row[0]


def cost(con: duckdb.DuckDBPyConnection, source: dict[str, Any], **cells: str | None) -> Any:  # noqa: ANN401
    """What `billed_cost` is of these cells, "bad" where the record is rejected."""
    made = projected({"billed_cost": source}, list(cells))
    bad = asked(con, made, list(cells.values()), made.bad())
    return "bad" if bad else asked(con, made, list(cells.values()), "billed_cost")


# -- sums, products, cases ---------------------------------------------------------------------------------


def test_a_sum_adds_what_is_there_and_is_nothing_where_nothing_is(con: duckdb.DuckDBPyConnection) -> None:
    source = {"sum": ["a", {"from": ["b"], "negative": True}, "absent"]}
    assert cost(con, source, a="1.5", b="0.25") == Decimal("1.25")
    assert cost(con, source, a=None, b="0.25") == Decimal("-0.25")
    assert cost(con, source, a=None, b=None) is None
    assert cost(con, source, a="x", b="1") == "bad"
    assert cost(con, source, a="99999999999999999999", b="-99999999999999999999") == "bad"


def test_a_product_is_exact(con: duckdb.DuckDBPyConnection) -> None:
    source = {"product": ["a", "b"]}
    assert cost(con, source, a="0.000000001", b="0.000000001") == ATOM
    assert cost(con, source, a="34", b="0.008") == Decimal("0.272")
    assert cost(con, source, a="34", b=None) is None
    assert cost(con, source, a="10000000000", b="10000000000") == "bad"
    assert cost(con, source, a="0.000000001", b="0.0000000001") == "bad"  # then it is read once more, and rounded
    assert cost(con, source, a="1") is None  # there is no such column


exactly = st.decimals(-(10**20) + 1, 10**20 - 1, places=18) | st.decimals(-(10**6), 10**6, places=9)


@given(one=exactly, other=exactly | st.decimals(-10, 10, places=18), exact=st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_product_is_what_python_makes_of_it(
    con: duckdb.DuckDBPyConnection, one: Decimal, other: Decimal, *, exact: bool
) -> None:
    true = WIDE.multiply(one, other)
    kept = true.quantize(ATOM, rounding=ROUND_HALF_UP, context=WIDE)
    expected = kept if abs(kept) < 10**20 and (kept == true or not exact) else None
    sql = f"SELECT decimal_product(a, b, {exact}) FROM (SELECT ?::{COST} AS a, ?::{COST} AS b)"
    assert con.execute(sql, [str(one), str(other)]).fetchone() == (expected,)


def test_a_rounded_product_is_counted(con: duckdb.DuckDBPyConnection) -> None:
    made = projected({"list_cost": {"product": ["a", "b"]}}, ["a", "b"], exact=False)
    assert asked(con, made, ["0.000000001", "0.0000000005"], "list_cost") == ATOM
    assert asked(con, made, ["0.000000001", "0.0000000005"], made.rounded()) == 1
    assert asked(con, made, ["0.5", "0.5"], made.rounded()) == 0


CASES = {"by": "kind", "cases": {"Usage": ["a"], "Both": ["a", "b"], "Nothing": [], "Absent": ["a", "zzz"]}}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Usage", "1"),
        (" USAGE ", "1"),
        ("Both", "3"),
        ("Nothing", "0"),
        ("Absent", None),
        ("other", None),
        (None, None),
    ],
)
def test_a_case_is_chosen_by_the_text_of_a_cell(
    con: duckdb.DuckDBPyConnection, kind: str | None, expected: str | None
) -> None:
    found = cost(con, CASES, kind=kind, a="1", b="2")
    assert found == (None if expected is None else Decimal(expected))
    fallback = cost(con, {**CASES, "otherwise": ["b"]}, kind=kind, a="1", b="2")
    assert fallback == (Decimal(expected) if expected else None if kind == "Absent" else Decimal(2))


def test_without_the_cell_that_chooses_there_is_no_value(con: duckdb.DuckDBPyConnection) -> None:
    assert cost(con, {**CASES, "otherwise": ["a"]}, a="1", b="2") is None


def test_unless_makes_a_number_count_as_zero(con: duckdb.DuckDBPyConnection) -> None:
    source = {"sum": ["a", {"from": ["b"], "unless": ["r"]}]}
    assert cost(con, source, a="1", b="2", r=None) == 3
    assert cost(con, source, a="1", b="2", r="arn") == 1
    assert cost(con, {"sum": [{"from": ["b"], "unless": ["r"]}]}, b="2", r="arn") == 0
    # Nobody knows whether it counts.
    assert cost(con, {"by": "k", "cases": {"x": [{"from": ["b"], "unless": ["r"]}]}}, k="x", b="2") is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('[{"amount": -1.5, "name": "x"}, {"name": "y", "amount": "0.25"}]', "-1.25"),
        ('[{"amount":-1e-7}]', "-0.0000001"),
        ('[{"amount": 0.1234567890123456789}]', "bad"),
        ("[]", "0"),
        ("[{}]", "bad"),
        ('[{"amount": null}]', "bad"),
        ('[{"amount": 1}, {"name": "\\"amount\\": 5,"}]', "bad"),
        ('{"amount": 1}', "bad"),
        ("[1]", "bad"),
        ("[", "bad"),
        (None, None),
    ],
)
def test_the_amounts_of_an_array_are_added(
    con: duckdb.DuckDBPyConnection, cell: str | None, expected: str | None
) -> None:
    found = cost(con, {"sum": [{"from": ["credits"], "amounts": "amount"}]}, credits=cell)
    assert found == (Decimal(expected) if expected not in {None, "bad"} else expected)


@given(amounts=st.lists(st.decimals(-(10**9), 10**9, places=9), max_size=5), gross=st.decimals(0, 10**9, places=6))
@settings(max_examples=40, deadline=None)
def test_a_cost_with_its_credits_is_what_python_makes_of_it(
    con: duckdb.DuckDBPyConnection, amounts: list[Decimal], gross: Decimal
) -> None:
    array = "[" + ", ".join(f'{{"name": "n", "amount": {amount}}}' for amount in amounts) + "]"
    source = {"sum": ["cost", {"from": ["credits"], "amounts": "amount"}]}
    assert cost(con, source, cost=str(gross), credits=array) == gross + sum(amounts)


def test_first_takes_the_first_cell_that_has_a_value(con: duckdb.DuckDBPyConnection) -> None:
    assert cost(con, {"first": ["a", "b"]}, a=None, b="2") == 2
    assert cost(con, {"first": ["a", "b"]}, a="1", b="2") == 1
    assert cost(con, {"first": ["a", "b"]}, a="x", b="2") == "bad"
    made = projected({"service_name": {"first": ["a", "b"]}}, ["a", "b"])
    assert [asked(con, made, cells, "service_name") for cells in (["x", "y"], [None, "y"], [None, None])] == [
        "x",
        "y",
        None,
    ]


# -- texts, tags, defaults ---------------------------------------------------------------------------------


def test_a_map_is_told_in_any_case_and_keeps_what_it_does_not_know(con: duckdb.DuckDBPyConnection) -> None:
    mapping = {"from": ["a"], "map": {"usage": "Usage", "gone": ""}}
    made = projected({"service_name": mapping}, ["a"])
    found = [asked(con, made, [cell], "service_name") for cell in ("USAGE", " usage ", "tax", "Gone", None)]
    assert found == ["Usage", "Usage", "tax", None, None]
    closed = projected({"service_name": {**mapping, "otherwise": "Other"}}, ["a"])
    assert [asked(con, closed, [cell], "service_name") for cell in ("Usage", "tax", None)] == ["Usage", "Other", None]


def test_a_default_is_for_rows_without_a_value(con: duckdb.DuckDBPyConnection) -> None:
    made = projected(
        {"billed_cost": {"from": ["a"], "default": "0"}, "service_name": {"from": ["b"], "default": "x"}}, ["a", "b"]
    )
    assert asked(con, made, [None, None], "[billed_cost::VARCHAR, service_name]") == ["0.000000000000000000", "x"]
    assert asked(con, made, ["1.5", "y"], "[billed_cost::VARCHAR, service_name]") == ["1.500000000000000000", "y"]
    assert asked(con, made, ["free", None], made.bad()) is True


def test_tags_are_those_of_a_cell_and_of_columns(con: duckdb.DuckDBPyConnection) -> None:
    made = projected({"tags": {"from": ["all"], "prefixed": ["Tag/"]}}, ["all", "tag/team", "TAG/user:ö"])
    assert asked(con, made, ['{"team":"old","x":"1"}', "new", None], "tags") == {"team": "new", "x": "1"}
    assert asked(con, made, [None, None, "ada"], "tags") == {"user:ö": "ada"}
    assert asked(con, made, [None, None, None], "tags") is None


@pytest.mark.parametrize("text", HOSTILE)
def test_no_word_of_a_profile_becomes_sql(con: duckdb.DuckDBPyConnection, text: str) -> None:
    columns = {
        "service_name": {"from": [text], "map": {text: text}, "otherwise": text},
        "billing_currency": {"constant": text},
        "list_cost": {"by": text, "cases": {text: [{"from": ["credits"], "amounts": text}]}},
        "tags": {"prefixed": [f"{text}:"]},
    }
    made = projected(columns, [text, f"{text}:{text}", "credits"], {"nulls": [text]})
    cells: list[str | None] = [text, text, None]
    assert asked(con, made, cells, "[service_name, billing_currency]") == [text, text]
    assert asked(con, made, cells, "tags") == {text: text}
    assert asked(con, made, cells, "list_cost") is None
    assert asked(con, made, cells, made.bad()) is False


# -- numbers that are decorated ----------------------------------------------------------------------------


def plain(con: duckdb.DuckDBPyConnection, values: Values, cell: str) -> Any:  # noqa: ANN401
    row = con.execute(f"SELECT {plain_number('c', values)} FROM (SELECT ?::VARCHAR AS c)", [cell]).fetchone()
    return row[0] if row else None


AMERICAN = Values(symbols=("$", "€"), thousands=",")
GERMAN = Values(symbols=("€",), thousands=".", decimal_point=",")


@pytest.mark.parametrize(
    ("values", "cell", "expected"),
    [
        (AMERICAN, "$10,000.00 ", "10000.00"),
        (AMERICAN, "-$1,234,567.5", "-1234567.5"),
        (AMERICAN, "$-5", "-5"),
        (AMERICAN, "($5.25)", "-5.25"),
        (AMERICAN, "1000.5 €", "1000.5"),
        (AMERICAN, "1,00.0", "1,00.0"),
        (AMERICAN, "1,2345", "1,2345"),
        (AMERICAN, "1.000,00", "1.000,00"),
        (AMERICAN, "£5", "£5"),
        (AMERICAN, "1e5", "1e5"),
        (GERMAN, "1.234,50 €", "1234.50"),
        (GERMAN, "-0,5", "-0.5"),
        (GERMAN, "1234", "1234"),
        (GERMAN, "1,234.50", None),
        (GERMAN, "1.5", None),
        (Values(decimal_point=","), "1.234", None),
    ],
)
def test_a_decorated_number_is_read_as_its_profile_says(
    con: duckdb.DuckDBPyConnection, values: Values, cell: str, expected: str | None
) -> None:
    assert plain(con, values, cell) == expected


@given(
    number=st.decimals(-(10**15), 10**15, places=6),
    symbol=st.sampled_from(["", "$", "€"]),
    style=st.sampled_from(["before", "behind", "brackets"]),
    grouped=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_every_number_an_accountant_writes_is_read_exactly(
    con: duckdb.DuckDBPyConnection, number: Decimal, symbol: str, style: str, *, grouped: bool
) -> None:
    digits = f"{abs(number):,f}" if grouped else f"{abs(number):f}"
    negative = number < 0
    if style == "brackets" and negative:
        text = f"({symbol}{digits})"
    elif style == "behind":
        text = f"{'-' if negative else ''}{digits} {symbol}"
    else:
        text = f"{'-' if negative else ''}{symbol}{digits}"
    assert Decimal(plain(con, AMERICAN, text)) == number
    german = text.translate(str.maketrans(",.$", ".,€"))
    assert Decimal(plain(con, GERMAN, german)) == number


def test_decorated_numbers_are_read_in_the_careful_pass_and_plain_ones_in_both(con: duckdb.DuckDBPyConnection) -> None:
    told = {"symbols": ["$"], "thousands": ","}
    fast = projected({"billed_cost": ["cost"]}, ["cost"], told)
    careful = projected({"billed_cost": ["cost"]}, ["cost"], told, exact=False)
    assert [asked(con, made, ["5.5"], "billed_cost") for made in (fast, careful)] == [Decimal("5.5")] * 2
    assert asked(con, fast, ["$1,000.50"], fast.bad()) is True
    assert asked(con, careful, ["$1,000.50"], "billed_cost") == Decimal("1000.5")
    assert asked(con, careful, ["$1,000.50"], careful.rounded()) == 0
    assert asked(con, careful, ["$0.0000000000000000001"], careful.rounded()) == 1
    german = projected({"billed_cost": ["cost"]}, ["cost"], {"decimal_point": ","})
    assert asked(con, german, ["5,5"], "billed_cost") == Decimal("5.5")


# -- times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("%m/%d/%Y", "9/2/2023", datetime(2023, 9, 2, tzinfo=UTC)),
        ("%m/%d/%Y", "09/02/23", None),
        ("%m/%d/%y", "9/2/2023", None),
        ("%m/%d/%y", "9/2/23", datetime(2023, 9, 2, tzinfo=UTC)),
        ("%d.%m.%Y", "31.12.2025", datetime(2025, 12, 31, tzinfo=UTC)),
        ("%d.%m.%Y", "31.02.2025", None),
        ("%Y%m%d", "20260131", datetime(2026, 1, 31, tzinfo=UTC)),
        ("%b %d, %Y", "Jan 5, 2026", datetime(2026, 1, 5, tzinfo=UTC)),
        ("%m/%d/%Y %I:%M %p", "1/5/2026 1:05 PM", datetime(2026, 1, 5, 13, 5, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S %z", "2026-01-05 01:00:00 +0200", datetime(2026, 1, 4, 23, tzinfo=UTC)),
        ("epoch_seconds", "1790553600", datetime(2026, 9, 28, tzinfo=UTC)),
        ("epoch_milliseconds", "1790553600500", datetime(2026, 9, 28, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("epoch_seconds", "1.5", None),
        ("epoch_seconds", "9" * 14, None),
        ("iso", "20260131", None),
    ],
)
def test_a_time_is_read_in_the_forms_of_the_profile_alone(
    con: duckdb.DuckDBPyConnection, form: str, cell: str, expected: datetime | None
) -> None:
    sql = f"SELECT {time_value('c', [form], 'UTC')} FROM (SELECT ?::VARCHAR AS c)"
    found = con.execute(sql, [cell]).fetchone()
    assert found is not None
    assert found[0] == expected or (form == "epoch_seconds" and found[0] is not None and found[0].year > 9999)


FORMS = ("%m/%d/%Y", "%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S")


@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    form=st.sampled_from(FORMS),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "Etc/GMT+5"]),
)
@settings(max_examples=80, deadline=None)
def test_what_is_written_in_a_form_is_read_back(
    con: duckdb.DuckDBPyConnection, moment: datetime, form: str, zone: str
) -> None:
    text = moment.strftime(form)
    expected = datetime.strptime(text, form).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    sql = f"SELECT {time_value('c', ['iso', form], zone)} FROM (SELECT ?::VARCHAR AS c)"
    assert con.execute(sql, [text]).fetchone() == (expected,)


def test_times_without_an_offset_are_of_the_profiles_zone(con: duckdb.DuckDBPyConnection) -> None:
    told = {"time_zone": "America/New_York"}
    made = projected({"charge_period_end": {"from": ["end"]}}, ["end"], told)
    assert asked(con, made, ["2026-07-01"], "charge_period_end") == datetime(2026, 7, 1, 4, tzinfo=UTC)
    assert asked(con, made, ["2026-01-01 00:00:00"], "charge_period_end") == datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert asked(con, made, ["2026-07-01T00:00:00Z"], "charge_period_end") == datetime(2026, 7, 1, tzinfo=UTC)


def test_a_record_is_rejected_or_fits_also_where_an_optional_time_is_empty(con: duckdb.DuckDBPyConnection) -> None:
    made = projected({"charge_period_end": {"from": ["end"]}, "billed_cost": ["cost"]}, ["end", "cost"])
    assert asked(con, made, [None, None], made.bad()) is False
    assert asked(con, made, [None, "x"], made.bad()) is True
