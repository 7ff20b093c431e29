"""Months, compact days, intervals, parts of cells, and the order of day and month that periods show."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.common.errors import Poison
from billstream.consumer.decode.projection import Projection
from billstream.consumer.decode.scan import load_macros
from billstream.consumer.decode.time_forms import certain_forms, decided_forms
from billstream.consumer.decode.values import time_of
from billstream.consumer.profiles import Profile, bind
from billstream.consumer.profiles.binding import Cell

TIME = "TIMESTAMP WITH TIME ZONE"
TYPES = {
    "charge_period_start": TIME,
    "charge_period_end": TIME,
    "billing_period_start": TIME,
    "billing_period_end": TIME,
    "region_id": "VARCHAR",
    "service_name": "VARCHAR",
    "billing_currency": "VARCHAR",
    "billed_cost": "DECIMAL(38,18)",
    "rescued": "VARCHAR",
}
MONTHS = ["iso", "%Y-%m", "%Y%m%d", "%Y%m", "%y%m%d", "%b %Y", "%m/%Y"]
AMBIGUOUS = ["iso", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y"]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        load_macros(connection)
        yield connection


def profile(columns: dict[str, Any], times: Sequence[str]) -> Profile:
    told = {"charge_period_start": {"from": ["cs"], "required": True}, **columns}
    match = {"needs": ["charge_period_start"]}
    return Profile.model_validate(
        {"name": "p", "title": "p", "match": match, "values": {"times": times}, "columns": told}
    )


def record(
    con: duckdb.DuckDBPyConnection,
    columns: dict[str, Any],
    cells: Mapping[str, str | None],
    times: Sequence[str] = ("iso",),
) -> Any:  # noqa: ANN401
    """The values of the columns asked for, "bad" if the record is rejected."""
    binding = bind(profile(columns, times), list(cells))
    assert binding is not None
    made = Projection(binding, TYPES, forms=tuple(times))
    source = "(SELECT " + ", ".join(f"?::VARCHAR AS {name}" for name in made.cells) + ")"
    asked = ", ".join(["charge_period_start", *(column for column in columns if column != "charge_period_start")])
    sql = f"SELECT {made.bad()}, {asked} FROM (SELECT *, {made.typed_columns()} FROM {made.with_operands(source)})"
    row = con.execute(sql, list(cells.values())).fetchone()
    assert row is not None
    return "bad" if row[0] else row[1:]


# -- months and compact days -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "start", "end"),
    [
        ("2026-09", date(2026, 9, 1), date(2026, 10, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        (" 202609 ", date(2026, 9, 1), date(2026, 10, 1)),
        ("20260913", date(2026, 9, 13), None),
        ("260913", date(2026, 9, 13), None),
        ("Sep 2026", date(2026, 9, 1), date(2026, 10, 1)),
        ("9/2026", date(2026, 9, 1), date(2026, 10, 1)),
        # A day or a time has no end of its own; other texts are no times at all.
        ("2026-09-13", date(2026, 9, 13), None),
        ("2026-09-13T10:00:00Z", date(2026, 9, 13), None),
        *[
            (cell, None, None)
            for cell in ("2026-13", "202613", "2609", "20260931", "1790000000", "20260", "2026-9-1-1")
        ],
        *[
            (cell, None, None)
            for cell in ("302609", "999999", "2026-", "-2026-09", "2026-09 00", "infinity", "2026913")
        ],
    ],
)
def test_months_and_compact_days_have_a_start_and_an_end(
    con: duckdb.DuckDBPyConnection, cell: str, start: date | None, end: date | None
) -> None:
    read = [time_of(Cell(0, part=part), MONTHS, "UTC") for part in (None, "start", "end")]
    row = con.execute(f"SELECT {', '.join(read)} FROM (SELECT ?::VARCHAR AS c0)", [cell]).fetchone()
    assert [moment.date() if moment else None for moment in row or ()] == [start, start, end]


def test_a_month_begins_and_ends_in_the_zone_of_the_file(con: duckdb.DuckDBPyConnection) -> None:
    read = [time_of(Cell(0, part=part), ["%Y-%m"], "Europe/Berlin") for part in (None, "end")]
    row = con.execute(f"SELECT {', '.join(read)} FROM (SELECT '2026-03' AS c0)").fetchone()
    assert row == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))


def test_only_forms_that_can_be_mistaken_for_one_another_are_rivals() -> None:
    assert certain_forms(profile({}, [*MONTHS, *AMBIGUOUS[1:]])) == ("iso", "%Y-%m", "%Y%m%d", "%b %Y", "%m/%Y")
    assert certain_forms(profile({}, ["iso", "%m/%d/%Y"])) == ("iso", "%m/%d/%Y")


# -- parts of cells ----------------------------------------------------------------------------------------

DAY = {"first": ["start", {"from": ["interval"], "part": "start"}, "month"], "required": True}
END = {"from": ["interval"], "part": "end"}


@pytest.mark.parametrize(
    ("start", "interval", "expected"),
    [
        (None, "2026-09-18T00:00:00Z/2026-09-19T00:00:00Z", (date(2026, 9, 18), date(2026, 9, 19))),
        (None, "2026-09-18/2026-09-20", (date(2026, 9, 18), date(2026, 9, 20))),
        ("2026-09-18T05:00:00Z", "2026-09-18T05:00:00Z/2026-09-18T06:00:00Z", (date(2026, 9, 18), date(2026, 9, 18))),
        (None, "2026-09-18", (date(2026, 9, 18), None)),
        (None, None, (date(2026, 9, 1), None)),
        (None, "2026-09-18T00:00:00Z/never", "bad"),
        (None, "soon/later", "bad"),
        ("never", "2026-09-18T00:00:00Z/2026-09-19T00:00:00Z", "bad"),
    ],
)
def test_an_interval_has_a_start_and_an_end(
    con: duckdb.DuckDBPyConnection,
    start: str | None,
    interval: str | None,
    expected: Any,  # noqa: ANN401
) -> None:
    cells = {"start": start, "interval": interval, "month": "2026-09-01"}
    found = record(con, {"charge_period_start": DAY, "charge_period_end": END}, cells)
    assert (found if found == "bad" else tuple(m.date() if m else None for m in found)) == expected


def test_a_cell_behind_the_first_that_has_a_value_is_not_looked_at(con: duckdb.DuckDBPyConnection) -> None:
    cells = {"start": "2026-09-18", "interval": "none", "month": "none"}
    assert record(con, {"charge_period_start": DAY}, cells) == (datetime(2026, 9, 18, tzinfo=UTC),)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('{"product_name": "Amazon EC2", "region": "eu-west-1"}', "Amazon EC2"),
        ('{"PRODUCT_NAME": "other"}', None),
        ('{"product_name": ""}', None),
        ('{"product_name": null}', None),
        ("product_name:Amazon EC2;region:eu-west-1", "Amazon EC2"),
        ("not a map", None),
        ("{broken", None),
        ("[1]", None),
        (None, None),
    ],
)
def test_the_entry_of_a_map_is_taken_by_its_name(
    con: duckdb.DuckDBPyConnection, cell: str | None, name: str | None
) -> None:
    columns = {"service_name": {"from": ["product"], "key": "product_name"}}
    assert record(con, columns, {"cs": "2026-09-01", "product": cell})[1] == name


@pytest.mark.parametrize("key", ["it's", 'say "so"', "a.b", "$", "back\\slash", "a*", "ü"])
def test_the_name_of_an_entry_is_never_a_path(con: duckdb.DuckDBPyConnection, key: str) -> None:
    columns = {"service_name": {"from": ["product"], "key": key}}
    assert record(con, columns, {"cs": "2026-09-01", "product": json.dumps({"a": {"b": "no"}, key: "yes"})})[1] == "yes"


ZONE = "^([a-z]{2}(?:-[a-z]+)+-[0-9]+)"
REGION = {
    "first": [
        "region",
        {"from": ["zone"], "pattern": ZONE},
        {"from": ["place"], "map": {"US East (N. Virginia)": "us-east-1"}},
    ]
}


@pytest.mark.parametrize(
    ("cells", "region"),
    [
        (("eu-west-1", "us-east-1b", "US East (N. Virginia)"), "eu-west-1"),
        ((None, "us-east-1b", None), "us-east-1"),
        ((None, "us-gov-west-1a", None), "us-gov-west-1"),
        ((None, "us-west-2-lax-1a", None), "us-west-2"),
        ((None, "somewhere", "us east (n. virginia)"), "us-east-1"),
        ((None, None, "Any"), None),
    ],
)
def test_a_pattern_and_a_map_of_one_cell_make_a_region(
    con: duckdb.DuckDBPyConnection, cells: tuple[str | None, ...], region: str | None
) -> None:
    given = {"cs": "2026-09-01", **dict(zip(("region", "zone", "place"), cells, strict=True))}
    assert record(con, {"region_id": REGION}, given)[1] == region


@pytest.mark.parametrize("pattern", ["abc", "(a)(b)", "(?=a)(b)", "(a)\\1", "(?P<x>a)", "(a", "(?i)(a)"])
def test_a_pattern_has_one_group_and_looks_nowhere_else(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        profile({"region_id": {"from": ["zone"], "pattern": pattern}}, ["iso"])


def test_a_cell_of_which_a_part_is_taken_is_kept() -> None:
    columns = {
        "charge_period_start": DAY,
        "service_name": {"from": ["product"], "key": "x"},
        "region_id": {"from": ["r"]},
    }
    binding = bind(profile(columns, ["iso"]), ["interval", "product", "r"])
    assert binding is not None
    assert binding.rescued == (0, 1)


# -- the order of day and month ----------------------------------------------------------------------------

PERIODS = {
    "charge_period_end": {"from": ["ce"]},
    "billing_period_start": {"from": ["bs"]},
    "billing_period_end": {"from": ["be"]},
}


def decided(con: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[str | None]]) -> tuple[str, ...]:
    binding = bind(profile(PERIODS, AMBIGUOUS), ["cs", "ce", "bs", "be"])
    assert binding is not None
    values = ", ".join("(" + ", ".join("NULL" if cell is None else f"'{cell}'" for cell in row) + ")" for row in rows)
    return decided_forms(Projection(binding, TYPES), f"(SELECT * FROM (VALUES {values}) AS file(c0, c1, c2, c3))", con)


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        # A billing period begins on the first of a month: 9/1/24 is in September.
        ([("9/1/24", "9/2/24", "9/1/24", "10/1/24")], "%m/%d/%y"),
        ([("1/9/24", "2/9/24", "1/9/24", "1/10/24")], "%d/%m/%y"),
        ([("9/5/2024", "9/6/2024", "9/1/2024", "9/30/2024")], "%m/%d/%Y"),  # the 30th tells
        ([("9/5/2024", "9/6/2024", "9/1/2024", "10/1/2024")], "%m/%d/%Y"),
        # The charge lies within its billing period, whose own days may be read either way.
        ([("3/2/24", None, "1/1/24", "4/4/24"), ("1/1/24", None, "1/1/24", "1/2/24")], None),
        ([("1/5/24", "1/6/24", "1/1/24", "2/1/24")], "%m/%d/%y"),
        # A charge of an earlier month, or one that goes on: the billing period is the surer evidence.
        ([("4/1/25", "4/1/26", "6/1/25", "7/1/25")], "%m/%d/%y"),
        # An end before its start.
        ([("12/9/24", "1/10/25", None, None)], None),
        ([("9/12/24", "10/1/24", None, None)], "%m/%d/%y"),
        # Nothing tells, or too much.
        ([("9/1/24", "9/2/24", None, None)], None),
        ([("9/1/24", "9/2/24", "9/1/24", "10/1/24"), ("1/9/24", "2/9/24", "1/9/24", "1/10/24")], None),
    ],
    ids=range(11),
)
def test_periods_show_which_number_is_the_month(
    con: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, ...]], right: str | None
) -> None:
    if right is None:
        with pytest.raises(Poison, match="may be read as"):
            decided(con, rows)
        return
    found = decided(con, rows)
    assert right in found
    assert right.replace("m", "?").replace("d", "m").replace("?", "d") not in found


@given(
    months=st.lists(st.tuples(st.integers(2015, 2030), st.integers(1, 12)), min_size=1, max_size=3),
    days=st.lists(st.integers(1, 28), min_size=1, max_size=4),
    form=st.sampled_from(["%m/%d/%y", "%d/%m/%y", "%m/%d/%Y", "%d/%m/%Y"]),
    seen=st.sets(st.sampled_from(["ce", "bs", "be"])),
)
@settings(max_examples=40, deadline=None)
def test_evidence_never_decides_for_the_wrong_order(
    con: duckdb.DuckDBPyConnection, months: list[tuple[int, int]], days: list[int], form: str, seen: set[str]
) -> None:
    """Charges within whole billing months, written in one form: the file is read in that form, or refused."""
    rows = []
    for year, month in months:
        first = date(year, month, 1)
        following = (first + timedelta(days=31)).replace(day=1)
        for day in days:
            charge = first.replace(day=day)
            moments = {"cs": charge, "ce": charge + timedelta(days=1), "bs": first, "be": following}
            rows.append([m.strftime(form) if name == "cs" or name in seen else None for name, m in moments.items()])
    try:
        forms = decided(con, rows)
    except Poison:
        return
    texts = {cell for row in rows for cell in row if cell}
    read = {text: {datetime.strptime(text, f).date() for f in forms if _reads(text, f)} for text in texts}  # noqa: DTZ007
    assert read == {text: {datetime.strptime(text, form).date()} for text in texts}  # noqa: DTZ007


def _reads(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007
    except ValueError:
        return False
    return len(text.rsplit("/", 1)[1]) == (4 if "Y" in form else 2)
