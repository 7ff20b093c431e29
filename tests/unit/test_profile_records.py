"""The words of a profile about records: which are charges, and tables with a column for each service."""

import re
from pathlib import Path

import pytest

from billstream.common.errors import Fatal
from billstream.consumer.profiles import Profile, ProfileRegistry
from billstream.consumer.profiles.binding import Cell
from billstream.consumer.profiles.reading import read_profiles
from billstream.consumer.profiles.records import without_currencies
from billstream.consumer.trial.fitting import lacks
from billstream.consumer.trial.words import selection

CHARGES = {
    "charge_period_start": "TIMESTAMP WITH TIME ZONE",
    "service_name": "VARCHAR",
    "billed_cost": "DECIMAL(38,18)",
}
BASE = """
name = "mine"
title = "my own"
[match]
needs = ["charge_period_start", "billed_cost"]
[columns]
charge_period_start = { from = ["when"], required = true }
billed_cost = "price"
service_name = "what"
"""
UNPIVOT = '[unpivot]\nkeep = ["when", "Total costs"]\nname = "what"\nvalue = "price"\n'
ENTRY = "[[records.leave_out]]\nfrom = 'a'\n"
RECORDS = '[records]\nonly = [{ from = ["kind"], is = ["a", "b*"] }]\nleave_out = [{ from = "Type", is = "" }]\n'


def read(folder: Path, *texts: str) -> dict[str, Profile]:
    for number, text in enumerate(texts):
        (folder / f"{number}.toml").write_text(text)
    return {name: one.profile for name, one in read_profiles(folder, CHARGES, {}).items()}


def test_words_that_a_profile_does_not_have_change_nothing(tmp_path: Path) -> None:
    profile = read(tmp_path, BASE)["mine"]
    assert (profile.records.filters, profile.records.short_rows, profile.records.totals) == (False, "reject", "refuse")
    assert (profile.unpivot, list(selection(profile))) == (None, [])


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("[records]\nonly = [{ from = [], is = ['a'] }]", 11, "at records.only.0.from: Tuple should have at least 1"),
        ("[records]\nonly = [{ from = ['a'], is = [] }]", 11, "at records.only.0.is: Tuple should have at least 1"),
        ("[records]\nonly = [{ from = ['a'] }]", 11, "at records.only.0.is: Field required"),
        (
            "[records]\n\nleave_out = [{ from = 'a', is = 'a*b' }]",
            12,
            "'a\\*b': \\* stands at the beginning or the end",
        ),
        (f"{ENTRY}is = 'a'\n{ENTRY}is = 7", 15, "at records.leave_out.1.is"),
        ("[records]\nshort_rows = 'fill'", 11, "at records.short_rows: Input should be 'reject' or 'pad'"),
        ("[records]\ntotals = true", 11, "at records.totals: Input should be 'refuse' or 'keep'"),
        ("[records]\nomit = []", 11, "at records.omit: Extra inputs"),
        ("[unpivot]\nkeep = ['when']\nname = 'what'", 10, "at unpivot.value: Field required"),
        ("[unpivot]\nkeep = []\nname = 'what'\nvalue = 'price'", 11, "at unpivot.keep"),
        ("[unpivot]\nkeep = ['when']\nname = 'Price'\nvalue = 'price'", 10, "`name` and `value` differ from one"),
        ("[unpivot]\nkeep = ['what']\nname = 'what'\nvalue = 'price'", 10, "`name` and `value` differ from one"),
    ],
)
def test_a_word_that_is_not_valid_is_named_with_its_line(tmp_path: Path, text: str, line: int, complaint: str) -> None:
    with pytest.raises(Fatal) as fatal:
        read(tmp_path, f"{BASE}{text}\n")
    assert f"0.toml, line {line} is not valid" in str(fatal.value)
    assert re.search(complaint, str(fatal.value)), fatal.value


def test_each_word_of_a_table_replaces_that_of_the_profile_it_extends(tmp_path: Path) -> None:
    child = (
        'name = "child"\ntitle = "t"\nextends = "mine"\n[records]\nonly = []\ntotals = "keep"\n[unpivot]\nkeep = "when"'
    )
    profile = read(tmp_path, BASE + RECORDS + UNPIVOT, child)["child"]
    assert (profile.records.only, profile.records.totals) == ((), "keep")
    assert profile.records.leave_out[0].names == ("Type",)
    assert profile.unpivot is not None
    assert (profile.unpivot.keep, profile.unpivot.name) == (("when",), "what")


def test_the_words_are_told_in_words(tmp_path: Path) -> None:
    more = 'short_rows = "pad"\ntotals = "keep"\n'
    assert list(selection(read(tmp_path, BASE + RECORDS + more + UNPIVOT)["mine"])) == [
        "each cell is a record, 'price' beside 'what', except in the columns 'when' or 'Total costs'",
        "charges: records whose kind is 'a' or 'b*'",
        "left out: records whose Type is ''",
        "records that lack trailing cells get empty ones",
        "labels such as Total are names",
    ]


def test_only_needs_its_column_and_leave_out_does_not(tmp_path: Path) -> None:
    profile = read(tmp_path, BASE + RECORDS)["mine"]
    registry = ProfileRegistry([profile], [])
    (binding,) = registry.fitting(["when", "price", "Kind"])
    assert ([test.position for test in binding.only], binding.leave_out) == ([2], ())
    assert (2 in binding.used, 2 in binding.rescued) == (True, True)
    assert registry.fitting(["when", "price", "type"]) == []
    assert lacks(profile, ["when", "price"], "") == ["no column 'kind' to tell charges from other records"]


def test_the_cells_of_other_columns_have_two_names_of_their_own(tmp_path: Path) -> None:
    profile = read(tmp_path, BASE + UNPIVOT)["mine"]
    registry = ProfileRegistry([profile], [])
    header = ["When", "what($)", "price ($)", "Total costs($)"]
    (binding,) = registry.fitting(header)
    assert binding.unpivoted == ((1, "what"), (2, "price"))
    assert binding.names == (*header, "what", "price")
    assert binding.values == {"charge_period_start": Cell(0), "service_name": Cell(4), "billed_cost": Cell(5)}
    assert (sorted(binding.used), binding.rescued) == ([0, 1, 2, 4, 5], (3,))
    assert profile.missing(header) == ()
    for lacking in (["when", "total costs"], ["a", "b"]):
        assert registry.fitting(lacking) == []
    assert "no column 'when' or 'Total costs' beside others" in " ".join(lacks(profile, ["when"], ""))


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        (["S3($)", "Tax ( US$ )"], ["S3", "Tax"]),
        (["S3 (EUR)", "Tax(EUR)"], ["S3", "Tax"]),
        (["Private Cloud (VPC)", "Tax"], ["Private Cloud (VPC)", "Tax"]),
        (["API (API)($)", "($)", ""], ["API (API)", "($)", ""]),
        ([], []),
    ],
)
def test_a_currency_in_brackets_is_no_part_of_a_name(names: list[str], plain: list[str]) -> None:
    assert without_currencies(names) == tuple(plain)
