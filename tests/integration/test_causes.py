"""Causes over a real lake: the slice of a series, price and quantity, sentences, and SQL that returns the charges."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.aggregator.causes.charges import Charges, days_between
from billstream.aggregator.causes.explain import explain_periods, explain_series
from billstream.aggregator.causes.values import Change
from billstream.aggregator.causes.words import Course
from billstream.common.lake import Lake
from billstream.common.lake.gate import one_select
from billstream.common.settings import Settings
from tests.integration.aggregator_support import Row, commit_load, new_lake

FIRST = date(2025, 11, 6)
HOSTILE = 'db\'; DROP TABLE charges; --\n"x" \\ {y} $1 ? \x00\x1b[31m \u202e 数据库'
NAMES = (
    "o'neil",
    "a\nb",
    "",
    "\x00",
    "'",
    "'' OR true --",
    "\\'",
    '"q"',
    "数据库 ✓",
    "\u202eevil",
    "\ufeff",
    "%_{0}$1?",
    None,
)
SERIES = {"currency": "USD", "provider": "Acme", "account": HOSTILE, "service": HOSTILE}
BASELINE = days_between(FIRST, FIRST + timedelta(13))
DAYS = days_between(FIRST + timedelta(14), FIRST + timedelta(16))


def noon(number: int) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC) + timedelta(number)


def charge(number: int, cost: str, resource: str | None = "db-1", **others: object) -> Row:
    values: dict[str, object] = {
        "billing_currency": "USD",
        "provider_name": "Acme",
        "sub_account_id": HOSTILE,
        "service_name": HOSTILE,
        "region_id": "us-east",
        "resource_id": resource,
        "charge_category": "Usage",
        "effective_cost": Decimal(cost),
        "billed_cost": Decimal(cost) * 2,
        **others,
    }
    return Row(noon(number), **values)  # type: ignore[arg-type]


def quantity(number: int, resource: str, price: str, units: str) -> Row:
    cost = str(Decimal(price) * Decimal(units))
    return charge(
        number,
        cost,
        resource,
        sub_account_id="b",
        service_name="calls",
        sku_id="call",
        pricing_quantity=Decimal(units),
        pricing_unit="1",
    )


def named(names: Sequence[str | None] = NAMES) -> list[Row]:
    """Two days of a service of each name."""
    return [
        charge(n, f"{n + 1}.{place:018d}", None, service_name=name, sub_account_id="names")
        for place, name in enumerate(names)
        for n in (13, 14)
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Seventeen days: from the fifteenth on a resource is new; calls have a higher price and are more."""
    rows = [charge(number, "52.000000000000000001", f"db-{n}") for number in range(17) for n in (1, 2)]
    news = [charge(number, "206.123456789012345678", HOSTILE) for number in range(14, 17)]
    not_usage = [
        charge(14, "1000", charge_category="Purchase"),
        charge(14, "-5", charge_category="Credit"),
        charge(15, "7", charge_class="Correction"),
        charge(15, "9", billing_currency="EUR"),
        charge(15, "9", sub_account_id=None, billing_account_id="other"),
    ]
    untold = [charge(16, "0", charge_category=None, effective_cost=None, billed_cost=Decimal("0.5"))]
    # The day ends with its last microsecond in UTC, whatever the time zone of who asks.
    midnight = [replace(charge(14, "3"), charge_period_start=noon(at) - timedelta(hours=12)) for at in (0, 17)]
    calls = [quantity(number, "c", "2", "10") for number in range(14)]
    calls += [quantity(number, "c", "3", "15") for number in range(14, 17)]
    with new_lake(tmp_path_factory.mktemp("causes")) as made:
        commit_load(made, "a1", rows[:1], scope="s3://b/it's\n1.csv")
        commit_load(made, "a2", [*rows, *midnight], replaces="a1", scope="s3://b/it's\n1.csv")
        commit_load(made, "b1", [*news, *not_usage, *untold, *calls, *named()], scope="s3://b/2.csv")
        yield made


def summed(lake: Lake, change: Change) -> tuple[Decimal, int, set[tuple[str, str]]]:
    """What the SQL of a change returns when `billstream sql` runs it: the sum, the rows, and their files."""
    found = lake.query(one_select(lake.connection, change.rows.sql)).to_pylist()
    amounts = [row["amount"] for row in found if row["amount"] is not None]
    return sum(amounts, Decimal(0)), len(found), {(row["bucket"], row["key"]) for row in found}


def test_a_new_resource_is_the_cause(lake: Lake) -> None:
    change = explain_series(lake, SERIES, DAYS, BASELINE, course=Course(open=True))

    assert change.before == Decimal("52.000000000000000001") * 28 + 3
    assert change.after == Decimal("52.000000000000000001") * 6 + Decimal("206.123456789012345678") * 3 + Decimal("0.5")
    assert change.cause is not None
    assert [(part.dimension, part.value) for part in change.cause.where] == [("resource", HOSTILE)]
    assert change.cause.new_on == date(2025, 11, 20)
    assert change.cause.after == Decimal("206.123456789012345678") * 3
    assert summed(lake, change) == (change.after, 10, {("b", "it's\n1.csv"), ("b", "2.csv")})
    assert (change.rows.count, change.rows.file_count) == (10, 2)


def test_the_sentence_has_amounts_and_dates_in_one_printable_line(lake: Lake) -> None:
    sentence = explain_series(lake, SERIES, DAYS, BASELINE, course=Course(open=True)).sentence
    assert "in us-east rose from about 104 to 310 USD a day since 20 Nov (+198 %, 618 USD so far)" in sentence
    assert "100 % of it" not in sentence
    assert "all of it is resource db'; DROP TABLE charges" in sentence
    assert sentence.endswith(", new on 20 Nov.")
    assert sentence.isprintable()


def test_price_and_quantity_are_told_apart(lake: Lake) -> None:
    series = {"currency": "USD", "provider": "Acme", "account": "b", "service": "calls"}
    change = explain_series(lake, series, DAYS, BASELINE)
    # A day: 10 at 2 before, 15 at 3 after. Price (3 - 2) * 15, quantity (15 - 10) * 2, over three days.
    assert change.change == Decimal(75)
    parts = change.price_volume
    assert (parts.price, parts.quantity, parts.begun, parts.untold) == (
        Decimal(45),
        Decimal(30),
        Decimal(0),
        Decimal(0),
    )
    assert "price +45.00 USD, quantity +30.00 USD" in change.sentence
    assert change.cause is not None
    assert change.cause.where[0].value == "c"  # the only resource that there is
    assert (parts.largest[0].price_before, parts.largest[0].price_after) == (Decimal(2), Decimal(3))


def test_periods_have_lines_of_their_own_and_movers_in_order(lake: Lake) -> None:
    before = Charges(days_between(FIRST + timedelta(11), FIRST + timedelta(13)))
    found = explain_periods(lake, before, Charges(DAYS), most=3)

    euros, dollars = found.currencies
    assert (euros.currency, dollars.currency) == ("EUR", "USD")
    lines = {line.line: line.change for line in dollars.lines}
    assert {name: lines[name] for name in ("Purchase", "Credit", "Correction")} == {
        "Purchase": 1000,
        "Credit": -5,
        "Correction": 7,
    }
    assert dollars.usage is not None
    assert dollars.usage.change == lines["Usage"]
    assert dollars.mover_count == 3 + len(NAMES)
    assert [mover.where[3].value for mover in dollars.movers] == [HOSTILE, "b", "other"]
    for mover in (*dollars.movers, dollars.usage):
        assert summed(lake, mover)[:2] == (mover.after, mover.rows.count)


def check_names(lake: Lake, names: Sequence[str | None] = NAMES) -> None:
    before, after = (Charges(days_between(noon(n).date(), noon(n).date()), {"account": "names"}) for n in (13, 14))
    (dollars,) = explain_periods(lake, before, after, most=20).currencies
    assert {mover.where[-1].value for mover in dollars.movers} == set(names)
    for mover in dollars.movers:
        assert summed(lake, mover)[:2] == (mover.after, 1)
        assert mover.rows.sql.replace("\n", "").isprintable()
        assert mover.sentence.isprintable()


def test_names_of_any_form_stay_inside_their_quotes(lake: Lake) -> None:
    check_names(lake)


def test_names_of_any_form_stay_inside_their_quotes_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with Lake.open(Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1), create=True) as lake:
        commit_load(lake, "n1", named(NAMES[:5]), scope="s3://b/names.csv")
        check_names(lake, NAMES[:5])


def test_another_cost_and_another_length_of_periods(lake: Lake) -> None:
    after = Charges(DAYS, {"service": "calls"}, cost="billed_cost")
    found = explain_periods(lake, Charges(BASELINE), after, most=1)
    (change,) = found.currencies[0].movers
    assert (change.before, change.expected, change.after) == (Decimal(560), Decimal(120), Decimal(270))
    assert "from 40.00 to 90.00 USD a day" in change.sentence
    assert summed(lake, change)[0] == 270
