"""Dates that look alike in two forms are settled by the rest of their file, or the file is refused; on a real lake."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billstream.consumer.intake import Intake
from billstream.consumer.profiles import ProfileRegistry
from tests.integration.intake_support import House

MINE = """
name = "mine"
title = "a bill with many ways to write a day"
[match]
needs = ["charge_period_start"]
one_of = [["mine"]]
[values]
times = ["iso", "%m/%d/%y", "%d/%m/%y", "%m/%d/%Y", "%d/%m/%Y"]
symbols = ["$"]
thousands = ","
[columns]
charge_period_start = { from = ["from"], required = true }
charge_period_end = { from = ["to"] }
billed_cost = { from = ["mine"] }
"""


@pytest.fixture(scope="module")
def registry(house: House, tmp_path_factory: pytest.TempPathFactory) -> ProfileRegistry:
    folder = tmp_path_factory.mktemp("profiles")
    (folder / "mine.toml").write_text(MINE)
    return ProfileRegistry.load(folder, columns=house.lake.columns("charges"))


def loaded(
    house: House, registry: ProfileRegistry, lines: Sequence[str]
) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The ledger's line of a file with these lines, and the days and costs of its rows."""
    bucket = house.bucket()
    intake = Intake(replace(house.intake(bucket).context, profiles=registry))
    intake.process([bucket.put("bill.csv", "\n".join(["from,to,mine", *lines]) + "\n")])
    (line,) = house.ledger(bucket)
    sql = (
        "SELECT charge_period_start::DATE, charge_period_end::DATE, billed_cost "
        "FROM charges WHERE load_id = ? ORDER BY rowid"
    )
    return line, house.lake.rows(sql, [line["load_id"]])


def test_a_day_that_may_be_another_is_refused_with_a_way_out(house: House, registry: ProfileRegistry) -> None:
    line, rows = loaded(house, registry, ["2026-01-01,,1", "9/1/24,,2"])
    assert (line["state"], line["profile"], rows) == ("quarantined", "mine", [])
    assert line["reason"] == (
        "The date '9/1/24' may be read as %m/%d/%y or as %d/%m/%y, and no other date of the file decides which. "
        "The file is not loaded, as a guess would move costs by months. "
        'Choose one in a profile of your own: extends = "mine", and times = ["%m/%d/%y"] in [values].'
    )


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        # A 13th tells, in whatever column and line.
        (["9/1/24,9/13/24,1"], [(date(2024, 9, 1), date(2024, 9, 13))]),
        (["9/1/24,13/9/24,1"], [(date(2024, 1, 9), date(2024, 9, 13))]),
        (["9/1/24,,1", "13/1/24,,1"], [(date(2024, 1, 9), None), (date(2024, 1, 13), None)]),
        (["9/1/2024,,1", "9/13/2024,,1"], [(date(2024, 9, 1), None), (date(2024, 9, 13), None)]),
        # The same day in both forms leaves nothing to ask.
        (["1/1/24,2/2/24,1"], [(date(2024, 1, 1), date(2024, 2, 2))]),
        # ISO dates beside them say nothing, and are read as ever.
        (["2024-09-02,9/13/24,1", "9/1/24,,1"], [(date(2024, 9, 2), date(2024, 9, 13)), (date(2024, 9, 1), None)]),
    ],
    ids=range(6),
)
def test_the_rest_of_the_file_tells_which_number_is_the_month(
    house: House, registry: ProfileRegistry, lines: list[str], days: list[tuple[date, date | None]]
) -> None:
    line, rows = loaded(house, registry, lines)
    assert (line["state"], line["rows_rejected"]) == ("loaded", 0)
    assert [(start, end) for start, end, _ in rows] == days


def test_a_file_whose_dates_speak_for_both_is_refused(house: House, registry: ProfileRegistry) -> None:
    line, rows = loaded(house, registry, ["9/1/24,13/1/24,1", "1/13/24,,1"])
    assert (line["state"], rows) == ("quarantined", [])
    assert "'9/1/24' may be read as %m/%d/%y or as %d/%m/%y, and its other dates fit both" in line["reason"]


def test_files_of_one_batch_are_settled_each_by_itself(house: House, registry: ProfileRegistry) -> None:
    bucket = house.bucket()
    contents = {
        "a.csv": "9/1/24,9/13/24,1",
        "b.csv": "9/1/24,13/9/24,1",
        "c.csv": "9/1/24,,1",
        "d.csv": "2024-05-05,,1",
    }
    intake = Intake(replace(house.intake(bucket).context, profiles=registry))
    intake.process([bucket.put(key, f"from,to,mine\n{line}\n") for key, line in contents.items()])
    found = {line["key"]: (line["state"], line["first_charge_day"]) for line in house.ledger(bucket)}
    assert found == {
        "a.csv": ("loaded", date(2024, 9, 1)),
        "b.csv": ("loaded", date(2024, 1, 9)),
        "c.csv": ("quarantined", None),
        "d.csv": ("loaded", date(2024, 5, 5)),
    }


def test_money_written_by_accountants_is_summed_exactly(house: House, registry: ProfileRegistry) -> None:
    lines = [
        '2026-01-01,,"$10,000.00 "',
        '2026-01-01,,"($0.10)"',
        "2026-01-01,,-$5",
        '2026-01-01,,"1,00"',
        "2026-01-01,,7",
    ]
    line, rows = loaded(house, registry, lines)
    assert [cost for _, _, cost in rows] == [Decimal(10000), Decimal("-0.1"), Decimal(-5), Decimal(7)]
    assert (line["rows_loaded"], line["rows_rejected"], line["values_rounded"]) == (4, 1, 0)


def test_lines_that_are_equal_are_all_kept(house: House, registry: ProfileRegistry) -> None:
    clean, _ = loaded(house, registry, ["2026-01-01,,0.1"] * 7)
    dirty, rows = loaded(house, registry, [*["2026-01-01,,0.1"] * 7, "never,,0.1", "never,,0.1"])
    assert (clean["rows_loaded"], clean["billed_totals"]) == (7, {"XXX": Decimal("0.7")})
    assert (dirty["rows_loaded"], dirty["rows_rejected"], len(rows)) == (7, 2, 7)
    assert dirty["billed_totals"] == {"XXX": Decimal("0.7")}


def test_no_row_is_lost_between_those_that_fit_and_those_that_do_not(house: House, registry: ProfileRegistry) -> None:
    """A file with a line that does not fit is read in another way; empty optional cells are not its business."""
    line, rows = loaded(house, registry, ["2026-01-01,,1", "2026-01-02,2026-01-03,2", "never,,3", "2026-01-04,,"])
    assert (line["rows_loaded"], line["rows_rejected"]) == (3, 1)
    assert [cost for _, _, cost in rows] == [Decimal(1), Decimal(2), None]
