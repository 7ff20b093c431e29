"""The table at the end of a soak shows a leak where there is one."""

from tests.benchmarks.soak import COLUMNS, Line, report, slopes


def lines(*values: float) -> list[Line]:
    return [
        {**dict.fromkeys(COLUMNS, ""), "minute": number, "aggregate_anon_mb": value}
        for number, value in enumerate(values)
    ]


def test_a_measure_that_grows_has_a_slope_in_its_last_half() -> None:
    assert slopes(lines(100, 110, 120, 124, 128, 132)) == {"aggregate_anon_mb": (110, 128, 10, 4)}


def test_a_measure_that_is_flat_has_none() -> None:
    assert "| aggregate_anon_mb | 105.00 | 110.00 | 10.00 | 0.00 |" in report(lines(100, 110, 110, 110))


def test_too_few_measurements_are_no_slope() -> None:
    assert slopes(lines(100, 110)) == {}
