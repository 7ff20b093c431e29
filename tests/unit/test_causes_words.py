"""Price and quantity in exact decimals, literals of SQL, and sentences: pure rules of causes."""

from datetime import date, timedelta
from decimal import Decimal, localcontext

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.aggregator.causes.charges import COSTS, days_between, in_days
from billstream.aggregator.causes.price_volume import Sold, price_and_volume, scaled
from billstream.aggregator.causes.rows import literal
from billstream.aggregator.causes.values import Cause, Part, PriceVolume
from billstream.aggregator.causes.words import (
    Course,
    amount_in_words,
    between_sentence,
    percent_in_words,
    reason_in_words,
    since_sentence,
    subject_in_words,
)
from billstream.cli.explain.commands import Cost

AMOUNTS = st.decimals(-10_000, 10_000, places=6)
QUANTITIES = st.none() | st.decimals(0, 10_000, places=3)
LAST = date(2026, 11, 24)
NOTHING = PriceVolume(price=Decimal(0), quantity=Decimal(0), begun=Decimal(0), untold=Decimal(0), largest=())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.builds(Sold, st.sampled_from(["a", None]), st.just("h"), AMOUNTS, AMOUNTS, QUANTITIES, QUANTITIES)))
def test_the_parts_of_a_change_are_the_change(sold: list[Sold]) -> None:
    parts = price_and_volume(sold)
    change = sum((one.cost_after - one.cost_before for one in sold), Decimal(0))
    with localcontext(prec=80):
        assert parts.price + parts.quantity + parts.begun + parts.untold == change


@pytest.mark.parametrize(
    ("sold", "price", "quantity", "begun", "untold"),
    [
        (("a", "20", "45", "10", "15"), 15, 10, 0, 0),
        (("a", "20", "0", "10", "0"), 0, -20, 0, 0),
        (("a", "0", "30", "0", "3"), 0, 0, 30, 0),
        (("a", "20", "45", None, "15"), 0, 0, 0, 25),
        (("a", "5", "45", "0", "15"), 0, 0, 0, 40),  # a fee before, which no quantity explains
        (("a", "0", "30", "3", "3"), 30, 0, 0, 0),  # was free
    ],
)
def test_price_and_quantity(sold: tuple[str, ...], price: int, quantity: int, begun: int, untold: int) -> None:
    sku, *amounts = sold
    before, after, units_before, units_after = (None if one is None else Decimal(one) for one in amounts)
    assert before is not None
    assert after is not None
    parts = price_and_volume([Sold(sku, "h", before, after, units_before, units_after)])
    assert [parts.price, parts.quantity, parts.begun, parts.untold] == [price, quantity, begun, untold]


def test_amounts_are_scaled_to_other_days_and_are_exact_for_as_many() -> None:
    assert scaled(Decimal("1.000000000000000001"), 7, 7) == Decimal("1.000000000000000001")
    assert scaled(Decimal(14), 3, 7) == 6
    assert scaled(Decimal(14), 3, 0) == 14


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=20), min_size=20, max_size=40))
def test_a_literal_is_printable_and_is_its_value(texts: list[str]) -> None:
    written = [literal(text) for text in texts]
    assert all(map(str.isprintable, written))
    assert duckdb.sql(f"SELECT {', '.join(written)}").fetchall() == [tuple(texts)]


def test_days_with_gaps_become_ranges() -> None:
    days = days_between(LAST, LAST + timedelta(2)) - {LAST + timedelta(1)}
    assert in_days(days, literal).count(" OR ") == 1
    assert in_days(days_between(LAST, LAST + timedelta(2)), literal).count(" OR ") == 0
    assert in_days(frozenset(), literal) == "false"


def test_the_command_offers_every_cost() -> None:
    assert {cost.value for cost in Cost} == COSTS.keys()


@pytest.mark.parametrize(
    ("value", "text"),
    [("1234567.8", "1,234,568 USD"), ("-12.345", "-12.34 USD"), ("0.0000234", "0.000023 USD"), ("0", "0 USD")],
)
def test_amounts_in_words(value: str, text: str) -> None:
    assert amount_in_words(Decimal(value), "USD") == text


def test_small_percentages_have_a_decimal() -> None:
    ratios = [Decimal("0.0024"), Decimal("-0.5"), Decimal("12.345"), Decimal(0)]
    assert [percent_in_words(one, signed=True) for one in ratios] == ["+0.2 %", "-50 %", "+1,234 %", "+0 %"]


def cause(*where: tuple[str, str | None], share: str = "0.92", explains: bool = True, new: date | None = None) -> Cause:
    parts = tuple(Part(dimension=name, value=value) for name, value in where)
    return Cause(where=parts, explains=explains, share=Decimal(share), before=Decimal(0), after=Decimal(0), new_on=new)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (cause(("resource", "db-7"), new=date(2026, 11, 20)), ": 92 % of it is resource db-7, new on 20 Nov"),
        (cause(("region", "east"), ("service", "db"), share="1"), ": all of it is service db in region east"),
        (cause(("user", None)), ": 92 % of it is charges without a user"),
        (cause(), ": all parts of it alike"),
        (
            cause(("user", "ann"), share="0.3", explains=False),
            ": no part has half of it; the largest, with 30 %, is user ann",
        ),
        (cause(("user", "ann"), share="1.4"), ": it is user ann, and other charges moved the other way"),
        (None, ""),
    ],
)
def test_a_cause_in_words(found: Cause | None, text: str) -> None:
    assert reason_in_words(found, NOTHING, Decimal(10), "USD", LAST) == text


def test_price_and_quantity_are_named_only_where_they_are_nearly_all() -> None:
    told = NOTHING.model_copy(update={"price": Decimal(-2), "quantity": Decimal(12)})
    assert reason_in_words(None, told, Decimal(10), "USD", LAST) == ": price -2.00 USD, quantity +12.00 USD"
    other = told.model_copy(update={"untold": Decimal(5)})
    assert reason_in_words(None, other, Decimal(15), "USD", LAST) == ""


def test_the_sentence_of_an_anomaly() -> None:
    parts = [Part(dimension="service", value="Managed SQL")]
    said = since_sentence(
        subject=subject_in_words(parts, "us-east"),
        currency="USD",
        days=sorted(days_between(date(2026, 11, 20), date(2026, 11, 22))),
        expected=Decimal(312),
        actual=Decimal(930),
        course=Course(open=True),
        reason=": 92 % of it is resource db-7, new on 20 Nov",
    )
    assert said == (
        "Managed SQL in us-east rose from about 104 to 310 USD a day since 20 Nov (+198 %, 618 USD so far): "
        "92 % of it is resource db-7, new on 20 Nov."
    )


@pytest.mark.parametrize(
    ("days", "expected", "actual", "text"),
    [
        (1, "100", "40", "S fell from about 100 to 40.00 USD a day on 24 Nov (-60 %, -60.00 USD)."),
        (2, "200", "0", "S fell from about 100 to 0 USD a day from 24 Nov to 25 Nov (-100 %, -200 USD)."),
        (2, "0", "300", "S is new from 24 Nov to 25 Nov with about 150 USD a day (300 USD)."),
    ],
)
def test_sentences_of_anomalies_that_ended(days: int, expected: str, actual: str, text: str) -> None:
    said = since_sentence(
        subject="S",
        currency="USD",
        days=[LAST + timedelta(number) for number in range(days)],
        expected=Decimal(expected),
        actual=Decimal(actual),
        course=Course(),
        reason="",
    )
    assert said == text


@pytest.mark.parametrize(
    ("expected", "actual", "per_day", "text"),
    [
        ("0", "7", None, "S is new: 7.00 USD."),
        ("7", "0", None, "S ended: 7.00 USD before."),
        ("7", "7", 7, "S did not change: 1.00 USD a day."),
        ("-10", "-5", None, "S rose from -10.00 to -5.00 USD (+50 %)."),
    ],
)
def test_sentences_of_two_periods(expected: str, actual: str, per_day: int | None, text: str) -> None:
    said = between_sentence(
        subject="S", currency="USD", expected=Decimal(expected), actual=Decimal(actual), per_day=per_day, reason=""
    )
    assert said == text
