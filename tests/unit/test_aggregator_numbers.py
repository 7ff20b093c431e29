"""Numbers and words as people read them."""

from datetime import date
from decimal import Decimal

import pytest

from billstream.aggregator.insights.ratios import change, share
from billstream.aggregator.insights.values import Period
from billstream.aggregator.pages.numbers import (
    MINUS,
    NOTHING,
    compact,
    count,
    difference,
    money,
    percent,
    percent_change,
    quantity,
    unit_price,
)
from billstream.aggregator.pages.text import LONGEST, markdown, shorten, visible
from billstream.aggregator.pages.view import span
from billstream.aggregator.values import plain

THIN = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("0E-18", "0"),
        ("-0.000", "0"),
        ("1.500000000000000000", "1.5"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("-99999999999999999999.999999999999999999", "-99999999999999999999.999999999999999999"),
        ("1E-18", "0.000000000000000001"),
    ],
)
def test_plain(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
    assert Decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.00"),
        ("1234567.885", "1,234,567.88"),
        ("0.01", "0.01"),
        ("0.00999", "0.0100"),
        ("0.000123456", "0.00012"),
        ("-0.0000000000000000019", f"{MINUS}0.000000000000000002"),
        ("1E-18", "0.000000000000000001"),
        ("-12.5", f"{MINUS}12.50"),
        ("99999999999999999999.999999999999999999", "100,000,000,000,000,000,000.00"),
    ],
)
def test_money(value: str, text: str) -> None:
    assert money(Decimal(value)) == text


def test_what_is_not_there_is_a_dash() -> None:
    assert money(None) == quantity(None) == difference(None) == percent(None) == percent_change(None) == NOTHING


def test_quantities_drop_what_says_nothing() -> None:
    assert [quantity(Decimal(value)) for value in ("3500", "0", "0.50", "1200.25")] == ["3,500", "0", "0.5", "1,200.25"]


def test_differences_and_changes_have_a_sign() -> None:
    assert [difference(Decimal(value)) for value in ("1", "-1", "0")] == ["+1.00", f"{MINUS}1.00", "0.00"]
    assert [percent_change(Decimal(value)) for value in ("0.256", "-1", "0")] == [
        f"+25.6{THIN}%",
        f"{MINUS}100.0{THIN}%",
        f"0.0{THIN}%",
    ]
    assert count(-1200) == f"{MINUS}1,200"


def test_a_large_increase_is_a_multiple() -> None:
    texts = [percent_change(Decimal(value)) for value in ("8.99", "9", "12.345", "1999", "1e30")]
    assert texts == [
        f"+899.0{THIN}%",
        "\N{MULTIPLICATION SIGN}10",
        "\N{MULTIPLICATION SIGN}13.3",
        "\N{MULTIPLICATION SIGN}2k",
        "> \N{MULTIPLICATION SIGN}1M",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("250", "250"), ("1500", "1.5k"), ("-2000000", f"{MINUS}2M"), ("0.0005", "0.0005"), ("1E+13", "10T")],
)
def test_compact(value: str, text: str) -> None:
    assert compact(Decimal(value)) == text


def test_ratios_of_nothing_are_unknown() -> None:
    assert share(Decimal(1), None) is share(Decimal(1), Decimal(0)) is share(Decimal(1), Decimal(-1)) is None
    assert change(Decimal(1), None) is change(Decimal(1), Decimal(0)) is None
    assert share(Decimal(1), Decimal(3)) == Decimal("0.333333")
    assert change(Decimal(1), Decimal(3)) == Decimal("-0.666667")


@pytest.mark.parametrize(
    ("amount", "before", "ratio"), [("-50", "-100", "0.5"), ("-150", "-100", "-0.5"), ("25", "-100", "1.25")]
)
def test_a_change_of_a_negative_amount_is_a_part_of_its_absolute_value(amount: str, before: str, ratio: str) -> None:
    assert change(Decimal(amount), Decimal(before)) == Decimal(ratio)


@pytest.mark.parametrize("ratio", ["0.0004", "-0.0004", "-0", "0", "-0.00000001"])
def test_what_rounds_to_nothing_has_no_sign(ratio: str) -> None:
    assert percent(Decimal(ratio)) == percent_change(Decimal(ratio)) == f"0.0{THIN}%"


@pytest.mark.parametrize(
    ("currency", "text"),
    [
        ("JPY", "1,235"),
        ("KRW", "1,235"),
        ("KWD", "1,234.568"),
        ("CLF", "1,234.5678"),
        ("USD", "1,234.57"),
        (None, "1,234.57"),
    ],
)
def test_money_has_the_decimals_of_its_currency(currency: str | None, text: str) -> None:
    assert money(Decimal("1234.5678"), currency) == text
    assert difference(Decimal("1234.5678"), currency) == f"+{text}"


def test_less_than_the_smallest_unit_is_shown() -> None:
    assert [money(Decimal(value), "JPY") for value in ("0.5", "0", "-0.004")] == ["0.50", "0", f"{MINUS}0.0040"]


def test_ratios_of_long_decimals_do_not_lose_digits_first() -> None:
    before = Decimal("10000000000000000000.000000000000000001")
    assert change(before * 2, before) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, "(not named)"),
        ("", "(empty)"),
        (" \t", "(empty)"),
        ("a\tb\r\nc\x00", "a␉b␍␊c␀"),
        ("abc\u202edef\u2028", "abc�def�"),
        ("Zürich 👩‍💻 東京", "Zürich 👩‍💻 東京"),
    ],
)
def test_visible(text: str | None, shown: str) -> None:
    assert visible(text) == shown


def test_shorten_keeps_both_ends() -> None:
    text = "start" + "x" * 500 + "end"
    assert len(shorten(text)) <= LONGEST
    assert shorten(text).startswith("start")
    assert shorten(text).endswith("end")
    assert shorten("x" * LONGEST) == "x" * LONGEST


def test_markdown_takes_every_sign_for_a_letter() -> None:
    assert markdown("a|b") == r"a\|b"
    assert markdown("www.x.y http://z [l](u) a@b") == r"www\.x.y http\://z \[l\](u) a\@b"
    assert markdown("\\") == r"\\"
    assert markdown("1.50 + 3\n") == "1.50 + 3␊"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2025-07-18", "2025-07-18", "18 Jul 2025"),
        ("2025-07-01", "2025-07-18", "1 to 18 Jul 2025"),
        ("2025-06-20", "2025-07-18", "20 Jun to 18 Jul 2025"),
        ("2024-12-20", "2025-01-18", "20 Dec 2024 to 18 Jan 2025"),
    ],
)
def test_span(first: str, last: str, text: str) -> None:
    assert span(Period(first_day=date.fromisoformat(first), last_day=date.fromisoformat(last))) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, NOTHING),
        ("0", "0.00"),
        ("1234.567", "1,234.57"),
        ("-2.5", f"{MINUS}2.500"),
        ("0.0850", "0.08500"),
        ("0.0000025", "0.000002500"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("99999999999999999999.123456789012345678", "99,999,999,999,999,999,999.12"),
    ],
)
def test_costs_of_a_unit_keep_four_digits(value: str | None, text: str) -> None:
    assert unit_price(None if value is None else Decimal(value)) == text
