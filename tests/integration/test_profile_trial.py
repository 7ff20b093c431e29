"""What `profile test` and `profile new` find out about files, with the decoding of a load."""

import csv
import gzip
import io
import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.common.errors import Fatal, Poison
from billstream.common.settings import Settings
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.names import normalised
from billstream.consumer.trial.bench import Bench, workbench
from billstream.consumer.trial.proposal import propose
from billstream.consumer.trial.trial import Trial, try_file

OWN = """
name = "house"
title = "bills of the house"
[match]
one_of = [["Tag", "Betrag"]]
[values]
times = ["%d.%m.%Y"]
decimal_point = ","
thousands = "."
symbols = ["€"]
[columns]
charge_period_start = { from = ["Tag"], required = true }
billing_currency = { constant = "EUR" }
billed_cost = { from = ["Betrag"] }
tags = { prefixed = ["tag:"] }
[columns.effective_cost]
by = "Art"
cases = { Gutschrift = [] }
otherwise = [{ from = ["Betrag"] }, { from = ["Rabatt"], negative = true }]
"""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with workbench(Settings()) as made:
        yield made


@pytest.fixture
def house(bench: Bench, tmp_path: Path) -> Bench:
    """With a profile of one's own."""
    return with_profile(bench, tmp_path, OWN)


def with_profile(bench: Bench, folder: Path, text: str) -> Bench:
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "own.toml").write_text(text, encoding="utf-8")
    return Bench(bench.lake, ProfileRegistry.load(profiles, columns=bench.types), bench.folder)


def written(folder: Path, text: str, name: str = "bill.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


HOUSE_FILE = """Tag;Art;Betrag;Rabatt;tag:team;Notiz
01.02.2026;Nutzung;1.234,50 €;0,50;core;x
13.02.2026;Gutschrift;-10 €;;;
"""


# -- test --------------------------------------------------------------------------------------------------


def test_a_file_that_fits_tells_what_each_column_becomes(house: Bench, tmp_path: Path) -> None:
    trial = try_file(house, written(tmp_path, HOUSE_FILE), "bill.csv")
    assert (trial.profile, trial.delimiter, trial.header_line, trial.fine) == ("house", ";", 1, True)
    told = {one.column: (one.header, one.raw, one.value) for one in trial.columns}
    assert told["charge_period_start"] == (("Tag",), ("01.02.2026",), "2026-02-01")
    assert told["billing_currency"] == ((), (), "EUR")
    assert told["billed_cost"] == (("Betrag",), ("1.234,50 €",), "1234.5")
    assert told["effective_cost"] == (("Art", "Betrag", "Rabatt"), ("Nutzung", "1.234,50 €", "0,50"), "1234")
    assert told["tags"][0] == ("tag:team",)


def test_what_lands_in_rescued_says_why(house: Bench, tmp_path: Path) -> None:
    trial = try_file(house, written(tmp_path, HOUSE_FILE), "bill.csv")
    assert dict(trial.rescued) == {
        "Art": "feeds effective_cost, but not in its original form",
        "Rabatt": "feeds effective_cost, but not in its original form",
        "Notiz": "no column knows it",
    }


def test_totals_are_by_currency_and_cost(house: Bench, tmp_path: Path) -> None:
    [total] = try_file(house, written(tmp_path, HOUSE_FILE), "bill.csv").totals
    assert (total.currency, total.rows, total.quantity) == ("EUR", 2, None)
    assert total.costs == {"billed_cost": Decimal("1224.5"), "effective_cost": Decimal(1234)}


def test_rows_that_do_not_fit_are_told_with_line_column_and_reason(house: Bench, tmp_path: Path) -> None:
    trial = try_file(house, written(tmp_path, HOUSE_FILE + "14.02.2026;Nutzung;viel;;;\n;;1;;;\n"), "bill.csv")
    assert not trial.fine
    assert trial.refusal is None
    assert (trial.load.rows_loaded, trial.load.rows_rejected) == (2, 2)
    assert sorted((row.line, row.column, row.raw_value) for row in trial.load.rejected) == [
        (4, "billed_cost", "viel"),
        (5, "charge_period_start", None),
    ]


def test_a_compressed_file_with_a_title_is_told_as_that(house: Bench, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv.gz"
    path.write_bytes(gzip.compress(f"Rechnung\n{HOUSE_FILE}".encode()))
    trial = try_file(house, path, "bill.csv.gz")
    assert (trial.packed, trial.header_line, trial.load.rows_loaded) == ("gzip", 2, 2)


def test_a_parquet_file_is_tried_as_well(bench: Bench, tmp_path: Path) -> None:
    columns = {"date": ["2026-03-01", "2026-03-02"], "credits": [1.5, 2.5], "note": ["a", None]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    trial = try_file(bench, tmp_path / "x.parquet", "x.parquet")
    assert (trial.packed, trial.encoding, trial.fine) == ("Parquet", None, True)
    assert [(total.unit, total.quantity) for total in trial.totals] == [("Credits", Decimal(4))]


def test_a_header_that_nobody_knows_is_refused_with_the_nearest_profiles(house: Bench, tmp_path: Path) -> None:
    trial = try_file(house, written(tmp_path, "Tag,Summe\n01.02.2026,1\n"), "bill.csv")
    assert trial.refusal is not None
    assert "No profile fits" in trial.refusal
    assert trial.header == ("Tag", "Summe")
    assert trial.fits[0].profile == "house"
    assert trial.fits[0].why == "the header has no 'Betrag'"


def test_a_kind_of_file_that_a_profile_refuses_is_refused_with_its_reason(bench: Bench, tmp_path: Path) -> None:
    text = 'name = "budget"\ntitle = "a budget"\nrefuse = "it is a plan."\n[match]\none_of = [["date", "plan"]]\n'
    trial = try_file(
        with_profile(bench, tmp_path, text), written(tmp_path, "date,plan,credits\n2026-01-01,1,1\n"), "bill.csv"
    )
    assert not trial.fine
    assert trial.refusal is not None
    assert "a budget, not a list of charges: it is a plan." in trial.refusal
    assert trial.fits[0].taken
    assert "knows such files not to be charges" in trial.fits[1].why or "your own" in trial.fits[1].why


def test_the_key_decides_where_a_profile_asks_for_one(bench: Bench, tmp_path: Path) -> None:
    keyed = with_profile(bench, tmp_path, OWN.replace("[match]", '[match]\nkeys = ["house/*"]'))
    path = written(tmp_path, HOUSE_FILE)
    assert try_file(keyed, path, "House/2026.csv").profile == "house"
    refused = try_file(keyed, path, "other/2026.csv")
    assert refused.refusal is not None
    assert refused.fits[0].why == "the key 'other/2026.csv' is not like 'house/*'"


@pytest.mark.parametrize("content", [b"", b"\n\n"], ids=["no bytes", "blanks"])
def test_an_empty_file_would_be_loaded_as_no_rows(bench: Bench, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.csv").write_bytes(content)
    trial = try_file(bench, tmp_path / "empty.csv", "empty.csv")
    assert (trial.fine, trial.load.rows_loaded, trial.profile) == (True, 0, None)


def test_a_file_that_is_no_text_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "junk.csv").write_bytes(b"\x00\x01\x02" * 100)
    trial = try_file(bench, tmp_path / "junk.csv", "junk.csv")
    assert not trial.fine
    assert trial.refusal


def test_a_trial_leaves_nothing_staged(house: Bench, tmp_path: Path) -> None:
    before = set(house.folder.rglob("*.parquet"))
    assert try_file(house, written(tmp_path, HOUSE_FILE), "bill.csv").load.rows_loaded == 2
    assert set(house.folder.rglob("*.parquet")) == before


@pytest.mark.parametrize("name", ["bill[1].csv", "*.csv", "plain.csv.gz", "{a,b}.csv"])
def test_the_name_of_a_file_is_but_a_name(house: Bench, tmp_path: Path, name: str) -> None:
    written(tmp_path, "another,header\n", "other.csv")
    path = written(tmp_path, HOUSE_FILE, name)
    assert try_file(house, path, name).load.rows_loaded == 2
    assert 'from = ["Tag"]' in propose(house, path, None)


# -- new ---------------------------------------------------------------------------------------------------


def proposed_and_tried(bench: Bench, folder: Path, path: Path) -> tuple[str, Trial]:
    """The proposal for a file, and what it makes of that file."""
    text = propose(bench, path, "proposed")
    return text, try_file(with_profile(bench, folder, text), path, str(path))


def test_names_and_cells_tell_the_columns(bench: Bench, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "Rechnung\n\nTag der Nutzung;Währung;Betrag;Kommentar\n01.02.2026;EUR;1.234,50 €;x\n13.02.2026;EUR;-;y\n",
    )
    text, trial = proposed_and_tried(bench, tmp_path, path)
    assert trial.fine
    told = {one.column: one.header for one in trial.columns}
    assert told["charge_period_start"] == ("Tag der Nutzung",)
    assert told["billing_currency"] == ("Währung",)
    assert told["billed_cost"] == ("Betrag",)
    assert [total.costs for total in trial.totals] == [{"billed_cost": Decimal("1234.5")}]
    values = tomllib.loads(text)["values"]
    assert values == {
        "nulls": ["-"],
        "times": ["%d.%m.%Y"],
        "symbols": ["€"],
        "thousands": ".",
        "decimal_point": ",",
    }
    assert '#   "Kommentar"' in text


def test_columns_that_are_tags_are_tags_whatever_their_names_say(house: Bench, tmp_path: Path) -> None:
    path = written(tmp_path, "date,cost,tag:user,tag:region,Team\n2026-01-01,1,a,b,c\n")
    columns = tomllib.loads(propose(house, path, None))["columns"]
    assert columns["tags"] == {"prefixed": ["tag:"]}
    assert columns.keys().isdisjoint({"x_user_id", "region_id"})


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2026-01-02", "2026-01-31T10:00:00Z"], "iso"),
        (["1/2/2026", "1/31/2026"], "%m/%d/%Y"),
        (["1/2/26 10:30 PM", "31/1/26 1:05 AM"], "%d/%m/%y %I:%M %p"),
        (["Jan 2, 2026", "Feb 11, 2026"], "%b %d, %Y"),
        (["20260102", "20260131"], "%Y%m%d"),
        (["1767312000", "1767398400"], "epoch_seconds"),
        (["1767312000000", "1767398400000"], "epoch_milliseconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_form_of_times_is_found(bench: Bench, tmp_path: Path, cells: list[str], form: str) -> None:
    path = written(tmp_path, "date|cost\n" + "".join(f"{cell}|1.5\n" for cell in cells))
    text, trial = proposed_and_tried(bench, tmp_path, path)
    assert tomllib.loads(text)["values"]["times"] == [form]
    assert (trial.fine, trial.load.rows_loaded) == (True, 2)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.5", "-2e3", "0.125"], {}),
        (["1,234.50", "7"], {"thousands": ","}),
        (["$7", "($1.25)"], {"symbols": ["$"]}),
        (["0,5", "12,25"], {"decimal_point": ","}),
        (["1 234,5", "7"], {"decimal_point": ",", "thousands": " "}),
        (["1'234.5", "7"], {"thousands": "'"}),
    ],
    ids=lambda value: "".join(value) if isinstance(value, list) else "",
)
def test_the_way_of_numbers_is_found(bench: Bench, tmp_path: Path, cells: list[str], values: dict[str, object]) -> None:
    path = written(tmp_path, "date|cost\n" + "".join(f"2026-01-01|{cell}\n" for cell in cells))
    text, trial = proposed_and_tried(bench, tmp_path, path)
    found = tomllib.loads(text)["values"]
    assert {name: found[name] for name in found.keys() - {"nulls", "times"}} == values
    assert trial.fine
    assert "CHECK" not in text.partition("\nname =")[2]


def test_dates_that_read_in_two_ways_are_left_open(bench: Bench, tmp_path: Path) -> None:
    path = written(tmp_path, "date,cost\n01/02/2026,1.5\n03/02/2026,1.5\n")
    text, trial = proposed_and_tried(bench, tmp_path, path)
    assert set(tomllib.loads(text)["values"]["times"]) == {"%m/%d/%Y", "%d/%m/%Y"}
    assert "# CHECK: the sample's dates fit" in text
    assert trial.refusal is not None
    assert "may be read as" in trial.refusal


def test_numbers_that_read_in_two_ways_are_marked(bench: Bench, tmp_path: Path) -> None:
    text = propose(bench, written(tmp_path, 'date,cost\n2026-01-01,"1,234"\n'), None)
    assert "# CHECK: the sample's numbers do not show" in text


def test_a_file_without_any_time_gets_a_profile_that_loads_no_row(bench: Bench, tmp_path: Path) -> None:
    text, trial = proposed_and_tried(bench, tmp_path, written(tmp_path, "what,cost\nx,1.5\n"))
    assert "CHECK: no column holds times" in text
    assert (trial.profile, trial.load.rows_loaded, trial.load.rows_rejected) == ("proposed", 0, 1)


def test_cells_that_do_not_read_are_counted_in_the_proposal(bench: Bench, tmp_path: Path) -> None:
    text = propose(bench, written(tmp_path, "date,cost\n2026-01-01,1.5\n2026-01-01,2\nsome day,free\n"), None)
    assert text.count("# CHECK: 1 of 3 cells of the sample do not fit") == 2


def test_a_header_alone_is_enough(bench: Bench, tmp_path: Path) -> None:
    _, trial = proposed_and_tried(bench, tmp_path, written(tmp_path, "date,cost\n"))
    assert (trial.profile, trial.fine, trial.load.rows_loaded) == ("proposed", True, 0)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("AWS Bill-03.csv.gz", "aws_bill_03"),
        ("2026.csv", "profile_2026"),
        ("äö.csv", "profile"),
        ("focus.csv", "focus_own"),
    ],
)
def test_a_profile_is_named_after_the_file(bench: Bench, tmp_path: Path, file: str, name: str) -> None:
    text = propose(bench, written(tmp_path, "date,cost\n2026-01-01,1\n", file), None)
    assert tomllib.loads(text)["name"] == name


def test_a_name_that_is_none_is_refused(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="'My Bill' is not a valid profile name"):
        propose(bench, written(tmp_path, "date,cost\n"), "My Bill")


def test_a_file_without_a_header_gets_no_proposal(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(Poison, match="has no header"):
        propose(bench, written(tmp_path, "\n"), None)


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), min_size=1, max_size=12)
HEADERS = st.lists(
    NAMES.map(str.strip).filter(lambda name: name and "\ufeff" not in name),
    min_size=2,
    max_size=6,
    unique_by=normalised,
).filter(lambda names: all(any(map(str.isalpha, name)) for name in names))  # others may be taken for a record
DATES = st.sampled_from(
    [
        ("2026-01-31", "2026-02-01"),
        ("31.01.2026", "01.02.2026"),
        ("1/31/2026", "2/1/2026"),
        ("Jan 31, 2026", "Feb 1, 2026"),
    ]
)
AMOUNTS = st.sampled_from([("1.5", "-2"), ("$1,234.50", "$7"), ("1.234,50 €", "-7 €"), ("1 234,50", "7")])
WORDS = st.text(st.characters(categories=["L"]), max_size=8)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file with any header, a column of dates, one of amounts, and others of words."""
    header = draw(HEADERS)
    others = [draw(st.tuples(WORDS, WORDS)) for _ in header[2:]]
    columns: Sequence[tuple[str, str]] = draw(st.permutations([draw(DATES), draw(AMOUNTS), *others]))
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=draw(st.sampled_from(",;|\t")), quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([header, *zip(*columns, strict=True)])
    return target.getvalue()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files())
def test_whatever_the_header_a_proposal_loads_the_file_that_it_is_made_from(
    bench: Bench, tmp_path: Path, text: str
) -> None:
    _, trial = proposed_and_tried(bench, tmp_path, written(tmp_path, text))
    assert trial.profile == "proposed", trial.refusal
    assert trial.refusal is None
    assert (trial.load.rows_loaded, trial.load.rows_rejected) == (2, 0), trial.load.rejected


PROPOSALS = {
    "records that are totals": (
        "month,kind,cost\n2026-08,a,1.5\n2026-08,b,2\n2026-08,total,3.5\n",
        {"records": {"leave_out": [{"from": ["kind"], "is": ["total"]}]}},
        "3.5",
    ),
    "a total over its parts": (
        "date,team,net,tax,total\n2026-08-01,a,1.00,0.19,1.19\n2026-08-02,b,2.00,0.38,2.38\n",
        {"columns": {"billed_cost": {"sum": ["net", "tax"]}}},
        "3.57",
    ),
    "a column for each service": (
        "Day,S3 ($),EC2 ($),RDS ($),Total costs ($)\n2026-08-01,1,2,3.5,6.5\n2026-08-02,1,0.5,,1.5\n",
        {"unpivot": {"keep": ["Day", "Total costs ($)"], "name": "column_name", "value": "column_cell"}},
        "8",
    ),
    "months, and a currency in the name": (
        "month,cost_eur\n2026-08,1.5\n2026-09,2\n",
        {
            "columns": {
                "charge_period_end": {"from": ["month"], "part": "end"},
                "billed_cost": {"from": ["cost_{currency}"]},
                "billing_currency": {"of_name": ["cost_{currency}"]},
            }
        },
        "3.5",
    ),
    "a currency above the header": (
        "Invoice number,17,\nCurrency,EUR,\n\nWhen,Amount,Note\n2026-08-01,1.5,a\n2026-08-02,2,b\n",
        {"columns": {"billing_currency": {"preamble": ["Currency"]}}},
        "3.5",
    ),
}


@pytest.mark.parametrize(("content", "words", "billed"), PROPOSALS.values(), ids=PROPOSALS)
def test_a_proposal_counts_nothing_twice_and_knows_the_currency(
    bench: Bench, tmp_path: Path, content: str, words: dict[str, Any], billed: str
) -> None:
    text, trial = proposed_and_tried(bench, tmp_path, written(tmp_path, content))
    told = tomllib.loads(text)
    for table, entries in words.items():
        assert entries.items() <= told[table].items()
    assert (trial.fine, sum(total.costs["billed_cost"] or 0 for total in trial.totals)) == (True, Decimal(billed))
    assert "CHECK" in text.partition("\nname =")[2] or "currency" in str(words)


def test_what_a_proposal_is_not_sure_of_is_marked(bench: Bench, tmp_path: Path) -> None:
    lines = ["2026-08-01,LineItem,1.5,2,Nutzung,7", "2026-08-02,Rounding,1,1.5,Kauf,9"]
    content = "\n".join(["date,RecordType,cost,other fee,charge_category,total_cost", *lines, ""])
    text = propose(bench, written(tmp_path, content), None)
    assert '# CHECK: ["RecordType"] tells kinds of records' in text
    assert '# [records] only = [{ from = ["RecordType"], is = ["LineItem", "Rounding"] }]' in text
    assert '# CHECK: or is it "other fee"?' in text
    assert '["total_cost"] }  # CHECK: only because other vendors name it so' in text
    assert '# CHECK: add `map`: "Kauf" is no category of FOCUS' in text
