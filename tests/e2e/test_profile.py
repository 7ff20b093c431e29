"""The profile commands as processes: no lake is needed, none is made, and a mistake is named with file and line."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import Billstream

MINE = """name = "mine"
title = "bills of mine"
extends = "focus"

[match]
one_of = [["ChargePeriodStart", "Price"]]

[columns]
billed_cost = { from = ["Price"] }
effective_cost = { from = ["Price"] }
"""
BILL = "ChargePeriodStart,BillingCurrency,Price,Team\n2026-03-01,USD,1.50,core\n2026-03-02,USD,2.25,\n"
HOSTILE = 'date,cost,"a""\n[columns]\nx = 1","\x1b[31mred","#"\n2026-03-01,1.5,,,\n'


@pytest.fixture
def billstream(tmp_path: Path) -> Billstream:
    """With one profile of its own; its home is not there."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "mine.toml").write_text(MINE)
    return Billstream(tmp_path / "home", {"BILLSTREAM_PROFILES_DIR": str(folder)})


def written(folder: Path, text: str, name: str = "bill.csv") -> str:
    (folder / name).write_text(text, newline="")
    return str(folder / name)


def test_profiles_are_listed_in_the_order_in_which_they_are_tried(billstream: Billstream) -> None:
    told = json.loads(billstream.run("profile", "list", "--json"))
    assert [one["own"] for one in told] == sorted((one["own"] for one in told), reverse=True)
    assert (told[0]["name"], told[0]["extends"]) == ("mine", "focus")
    assert Path(told[0]["path"]).read_text() == MINE
    assert {"focus", "credits"} <= {one["name"] for one in told[1:]}
    assert "bills of mine" in billstream.run("profile", "list")


def test_a_profile_is_shown_as_it_stands_after_what_it_extends(billstream: Billstream) -> None:
    told = billstream.run("profile", "show", "mine")
    assert "extends focus" in told
    lines = [line.split(maxsplit=1) for line in told.splitlines()]
    assert ["billed_cost", "Price"] in [[part.strip() for part in line] for line in lines]
    assert any(line[0] == "charge_period_start" and "ChargePeriodStart" in line[1] for line in lines if len(line) > 1)
    columns = json.loads(billstream.run("profile", "show", "mine", "--json"))[0]["columns"]
    assert columns["billed_cost"]["from"] == ["Price"]
    assert "There is no profile 'yours'" in billstream.run("profile", "show", "yours", expect=1)


def test_a_file_is_tried_without_a_lake(billstream: Billstream, tmp_path: Path) -> None:
    told = billstream.run("profile", "test", written(tmp_path, BILL))
    assert "profile mine: bills of mine" in told
    assert "mine is used: a profile of your own; 3 of 4 header columns are used" in told
    assert "focus does not fit: no source for" in told
    assert "'Team'" in told.partition("Kept as JSON in `rescued`:")[2]
    assert "Would be loaded: 2 rows, charges of 2026-03-01 to 2026-03-02." in told
    assert not billstream.home.exists()


def test_a_program_is_told_the_same(billstream: Billstream, tmp_path: Path) -> None:
    told = json.loads(billstream.run("profile", "test", written(tmp_path, BILL), "--key", "a/b.csv", "--json"))
    assert (told["profile"], told["key"], told["fine"], told["refusal"]) == ("mine", "a/b.csv", True, None)
    assert told["totals"][0]["costs"]["billed_cost"] == "3.75"
    assert told["load"]["rows_loaded"] == 2
    assert told["rescued"] == [{"header": "Team", "why": "no column knows it"}]


def test_what_is_tried_is_what_is_loaded(billstream: Billstream, tmp_path: Path) -> None:
    file = written(tmp_path, f"{BILL}2026-03-03,USD,free,\n")
    told = json.loads(billstream.run("profile", "test", file, "--json"))
    assert told["fine"] is False
    billstream.run("load", file)
    [loaded] = billstream.sql("SELECT profile, rows_loaded, rows_rejected FROM ledger")
    assert loaded == {"profile": "mine", "rows_loaded": 2, "rows_rejected": 1}
    assert (told["load"]["rows_loaded"], told["load"]["rows_rejected"]) == (2, 1)
    assert [(row["line"], row["column"]) for row in told["load"]["rejected"]] == [(4, "billed_cost")]
    assert [str(total) for total in billstream.totals("charges").values()] == [
        told["totals"][0]["costs"]["billed_cost"]
    ]


def test_a_file_that_would_not_be_loaded_ends_with_1(billstream: Billstream, tmp_path: Path) -> None:
    told = billstream.run("profile", "test", written(tmp_path, "what,why\n1,2\n"), expect=1)
    assert "Would not be loaded: Line 1: No profile fits the header: 'what', 'why'." in told
    assert "mine does not fit: " in told
    assert "There is no file" in billstream.run("profile", "test", str(tmp_path / "no.csv"), expect=1)


def test_a_proposal_put_into_the_folder_loads_the_file_that_no_profile_fitted(
    billstream: Billstream, tmp_path: Path
) -> None:
    file = written(tmp_path, "Wann;Betrag;Notiz\n31.01.2026;1.234,50 €;x\n01.02.2026;7 €;\n", "rechnung.csv")
    billstream.run("profile", "test", file, expect=1)
    proposal = billstream.run("profile", "new", file)
    (tmp_path / "profiles" / "rechnung.toml").write_text(proposal)
    told = billstream.run("profile", "test", file)
    assert "profile rechnung" in told
    assert "1241.5" in told


def test_a_hostile_header_is_neither_toml_nor_a_command_of_the_terminal(billstream: Billstream, tmp_path: Path) -> None:
    file = written(tmp_path, HOSTILE)
    proposal = billstream.run("profile", "new", file, "--name", "hostile")
    (tmp_path / "profiles" / "hostile.toml").write_text(proposal)
    told = billstream.run("profile", "test", file)
    assert "profile hostile" in told
    assert "[31mred" in told
    assert "\x1b" not in told + proposal
    assert '#   "a\\"\\n[columns]\\nx = 1"' in proposal


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (("billed_cost =", "biled_cost ="), "mine.toml, line 9 is not valid at columns.biled_cost"),
        (('["Price"] }\neff', '"Price" }\neff'), "mine.toml, line 9 is not valid at columns.billed_cost"),
        (('"focus"', '"nothing"'), "mine.toml, line 3 is not valid at extends: there is no profile 'nothing'"),
        (("[match]", "[match"), "mine.toml is not valid TOML: Expected ']'"),
        (('{ from = ["Price"] }', '{ sql = "1; DROP TABLE charges" }'), "mine.toml, line 9 is not valid at columns"),
    ],
    ids=["column", "type", "extends", "toml", "sql"],
)
def test_a_mistake_in_a_profile_of_ones_own_is_named_with_file_and_line(
    billstream: Billstream, tmp_path: Path, mistake: tuple[str, str], told: str
) -> None:
    (tmp_path / "profiles" / "mine.toml").write_text(MINE.replace(*mistake))
    assert told in billstream.run("profile", "list", expect=78)
