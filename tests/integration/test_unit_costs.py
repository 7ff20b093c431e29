"""Unit costs of one lake, every number calculated by hand.

November 2026, each charge on a day of the 30 days up to the 29th, or of the 30 days before. USD, AWS:
  EC2, price p1, SKU vm: before 10 hours for 20, now 20 hours for 60: the hour rises from 2 to 3
  S3, no price, SKU disk: before 5 GB for 10, now 4 GB for 8, told as consumed quantity alone
  EC2, price p2: now alone, 1 hour for 7
  Lambda, neither SKU nor quantity: 5 before and 9 now
  a correction of p1, a purchase and an unused commitment are no usage
EUR, Tokens: SKU model, no effective cost: before 1,000 tokens for 4, now 3,000 for 6; with zero as the effective cost.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.aggregator.budgets.metrics import Metric, MetricTable
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.kpis import unit_costs
from billstream.aggregator.kpis.metric_days import evaluate_metrics, store_metrics
from billstream.aggregator.kpis.values import UnitCosts
from billstream.aggregator.pages.render import HTML_NAME, MARKDOWN_NAME, render
from billstream.aggregator.refresh import refresh_once
from billstream.common.lake import Lake
from tests.integration.aggregator_support import Row, commit_load, new_lake

TODAY = date(2026, 12, 1)
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def charge(month: int, day: int, cost: str, sku: str | None = None, quantity: str | None = None, **more: object) -> Row:
    row = Row(
        datetime(2026, month, day, tzinfo=UTC),
        "USD",
        provider_name="AWS",
        service_name="EC2",
        charge_category="Usage",
        billed_cost=Decimal(cost),
        effective_cost=Decimal(cost),
        sku_price_id=sku,
        pricing_quantity=Decimal(quantity) if quantity else None,
        pricing_unit="Hours" if quantity else None,
        sku_id="vm" if sku else None,
    )
    return replace(row, **more)  # type: ignore[arg-type]


def disk(month: int, day: int, cost: str, quantity: str) -> Row:
    given = {"sku_id": "disk", "consumed_unit": "GB", "service_name": "S3"}
    return charge(month, day, cost, consumed_quantity=Decimal(quantity), **given)


def tokens(month: int, day: int, cost: str, quantity: str, effective: str | None = None) -> Row:
    row = charge(month, day, cost, billing_currency="EUR", provider_name="Tokens", charge_category=None)
    told = None if effective is None else Decimal(effective)
    return replace(
        row, effective_cost=told, sku_meter="model", consumed_quantity=Decimal(quantity), consumed_unit="tokens"
    )


HOSTILE = "'; DROP TABLE charges; -- \u202e\x00"
ROWS = [
    charge(10, 3, "8", "p1", "4"),
    charge(10, 20, "12", "p1", "6"),
    charge(11, 5, "30", "p1", "10"),
    charge(11, 29, "30", "p1", "10"),
    charge(11, 29, "-2", "p1", "1", charge_class="Correction"),
    charge(11, 29, "50", "p1", "1", charge_category="Purchase"),
    charge(11, 29, "3", "p1", "1", commitment_discount_status="Unused"),
    charge(11, 6, "7", "p2", "1"),
    disk(10, 4, "10", "5"),
    disk(11, 7, "8", "4"),
    charge(10, 5, "5", service_name="Lambda"),
    charge(11, 8, "9", service_name=HOSTILE),
    charge(9, 1, "999", "p1", "1"),
    charge(11, 30, "500", "p1", "1"),  # the newest day is not complete
    tokens(9, 20, "1", "1"),
    tokens(10, 30, "4", "1000"),
    tokens(11, 20, "6", "3000", effective="0"),
    tokens(11, 30, "1", "1"),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with new_lake(tmp_path_factory.mktemp("unit_costs")) as opened:
        commit_load(opened, "a", ROWS, scope="s3://billing/a.csv")
        refresh_once(opened, now=NOON)
        yield opened


def read(lake: Lake) -> Insights:
    report = refresh_once(lake, now=NOON)
    return read_insights(
        lake, report.watermark, version=lake.snapshot_id(), snapshot_id=report.snapshot_id, today=TODAY
    )


def of(insights: Insights, currency: str) -> UnitCosts:
    return next(entry for entry in insights.unit_costs if entry.currency == currency)


def amounts(*values: str | int | None) -> list[Decimal | None]:
    return [None if value is None else Decimal(value) for value in values]


def written(lake: Lake, tables: list[MetricTable]) -> int:
    """Evaluate and store metrics as the aggregator does; returns the number of rows written."""
    days, rows = evaluate_metrics(lake, tables, TODAY), []
    lake.commit(lambda con: rows.append(store_metrics(con, days)), claims=[], author="test", message="metrics")
    return rows[0]


def test_unit_costs_by_hand(lake: Lake) -> None:
    insights = read(lake)
    usd, eur = of(insights, "USD"), of(insights, "EUR")
    assert (usd.first_day, usd.last_day) == (date(2026, 10, 31), date(2026, 11, 29))
    assert (usd.first_day_before, usd.last_day_before) == (date(2026, 10, 1), date(2026, 10, 30))

    (mover,) = usd.movers
    assert (mover.sku, mover.unit, mover.service) == ("p1", "Hours", "EC2")
    # 20 hours at the former price of 2 would have cost 40.
    assert [mover.unit_cost_before, mover.unit_cost, mover.change] == amounts(2, 3, "0.5")
    assert [mover.price_effect, mover.volume_effect] == amounts(20, 20)
    assert [usd.cost, usd.cost_before] == amounts(84, 35)
    # p1 +20 and the disk 0 by price; p1 +20 and the disk -2 by quantity; p2 7 and Lambda 4 are all else.
    assert [usd.price_effect, usd.volume_effect, usd.other_effect] == amounts(20, 18, 11)
    assert [usd.price_change, usd.priced, usd.consumed] == amounts("0.416667", "0.8", "0.2")  # 20 / (40 + 8)
    (largest,) = usd.largest
    assert (largest.sku, largest.unit) == ("disk", "GB")
    assert [largest.unit_cost, largest.change] == amounts(2, 0)
    assert {lack.lacks: lack.charge_rows for lack in usd.not_told} == {("sku_id",): 1, ("pricing_quantity",): 1}

    # Billed where no effective cost is told, also where it is zero beside a billed cost.
    (model,) = eur.largest
    assert model.sku == "model"
    assert [model.unit_cost_before, model.unit_cost] == amounts("0.004", "0.002")
    assert [model.price_effect, model.volume_effect] == amounts(-6, 8)
    assert eur.movers == eur.largest


def test_fewer_days_are_compared_when_there_are_too_many_charges(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_costs, "MOST_CHARGES", 5)
    usd = of(read(lake), "USD")
    assert (usd.first_day, usd.last_day) == (date(2026, 11, 23), date(2026, 11, 29))
    assert (usd.first_day_before, usd.last_day_before) == (date(2026, 10, 24), date(2026, 10, 30))
    assert [usd.cost, usd.cost_before, usd.price_effect] == amounts(30, None, None)


def test_metrics_beside_the_costs_of_the_same_days(lake: Lake) -> None:
    orders = Metric(name="shop", currency="USD", file="orders.csv", where={"service_name": ("EC2", "S3")})
    quantities = {
        ("orders", date(2026, 10, 3)): Decimal(2),  # cost 8; the costs of 4 and 20 October have no quantity
        ("orders", date(2026, 11, 5)): Decimal(5),  # 30
        ("orders", date(2026, 11, 29)): Decimal(3),  # 30 - 2 + 3
        ("orders", date(2026, 11, 30)): Decimal(1),  # not complete
        ("orders", date(2026, 11, 2)): Decimal(9),  # no cost
        ("orders", date(2020, 1, 1)): Decimal(1),
        ("users", date(2026, 11, 5)): Decimal(0),
    }
    path = Path("orders.csv")
    assert written(lake, [MetricTable(orders, path, quantities, "")]) > 0
    assert written(lake, [MetricTable(orders, path, quantities, "")]) == 0
    insights = read(lake)
    shop, users = of(insights, "USD").metrics
    november, october = shop.months
    assert [october.cost, october.quantity, october.unit_cost] == amounts(8, 2, 4)
    assert [october.covered] == amounts("0.266667")  # 8 of 30
    assert [november.cost, november.quantity, november.unit_cost] == amounts(61, 8, "7.625")
    assert [november.change] == amounts("0.90625")
    assert (november.last_day, november.days) == (date(2026, 11, 29), 2)
    assert [users.months[0].quantity, users.months[0].unit_cost] == amounts(0, None)

    # Another quantity of the last day: nothing before it is written again.
    assert (
        written(lake, [MetricTable(orders, path, {**quantities, ("orders", date(2026, 11, 30)): Decimal(2)}, "")]) == 2
    )

    pages = render(insights)
    assert "| p1 | AWS | EC2 | Hours | 60.00 | 2.000 | 3.000 | +50.0" in pages[MARKDOWN_NAME]
    assert "| shop | orders | 2026-11 | 2026-11-29 | 61.00 | 8 | 7.625 |" in pages[MARKDOWN_NAME]
    assert '<a href="#unit-costs">Unit costs</a>' in pages[HTML_NAME]
