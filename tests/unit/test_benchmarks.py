import json

import pytest

from tests.benchmarks.compare import Section, compared
from tests.benchmarks.measure import Ratio, Taken, by_turns, clock, cpu_seconds, percentile
from tests.benchmarks.report import Report, shown


def test_a_ratio_is_that_of_turns_of_one_round() -> None:
    # The machine was three times as slow in the last round, for both alike.
    assert Ratio.of(theirs=[1.0, 2.0, 3.0], ours=[2.0, 2.0, 6.0]) == Ratio(median=0.5, low=0.5, high=1.0)


def test_the_first_round_is_not_counted_and_every_second_goes_backwards() -> None:
    order: list[str] = []

    def run(name: str, number: int) -> Taken:
        order.append(f"{name}{number}")
        return Taken(cpu=number, wall=number)

    taken = by_turns(2, {"a": lambda number: run("a", number), "b": lambda number: run("b", number)})

    assert order == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [seconds.cpu for seconds in taken["a"]] == [1, 2]


def test_the_clock_counts_the_block_alone() -> None:
    before = cpu_seconds()
    with clock() as taken:
        while cpu_seconds() - before < 0.05:
            pass
    counted = taken.cpu
    while cpu_seconds() - before < 0.1:
        pass

    assert taken.cpu == counted
    assert taken.cpu > 0.045
    assert taken.wall > 0


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (0.0, 1.0)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0.0123456, "0.0123"),
        (1.0, "1"),
        (123_456.7, "123,457"),
        (1_000, "1,000"),
        ("x", "x"),
        (Ratio(0.5, 0.4, 0.6), "0.50 (0.40 to 0.60)"),
    ],
)
def test_a_cell_shows_the_digits_that_count(cell: object, text: str) -> None:
    assert shown(cell) == text


def test_a_line_of_a_report_has_a_cell_for_each_column() -> None:
    report = Report("title", ("work",), ("s",))
    report.add("one", 1.5)

    assert report.values()["lines"] == [{"work": "one", "s": 1.5}]
    with pytest.raises(ValueError, match="argument"):
        report.add("two")


def test_two_runs_are_shown_beside_each_other() -> None:
    def run(seconds: float, ratio: Ratio, *more: str) -> dict[str, Section]:
        report = Report("two files", ("engine",), ("s", "speed"))
        for name in ("bare", *more):
            report.add(name, seconds, ratio)
        read: dict[str, Section] = json.loads(json.dumps({"small": report.values()}))
        return read

    text = compared(run(2.0, Ratio(0.5, 0.4, 0.6)), run(1.0, Ratio(1, 1, 1), "new"))

    assert text.splitlines() == [
        "### two files",
        "",
        "| engine | s, before | s, now | speed, before | speed, now |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| bare | 2 | 1 | 0.50 (0.40 to 0.60) | 1.00 (1.00 to 1.00) |",
        "| new | – | 1 | – | 1.00 (1.00 to 1.00) |",  # noqa: RUF001 - a dash in a table
    ]
