"""KPIs of one lake, every number calculated by hand.

2 November 2026, AWS, USD, each one charge, billed / effective / list / contracted:
  a  Compute, Standard             10 / 10 / 12 / 11
  b  Compute, Committed, Used       0 / 30 / 50 / 45
  c  Compute, Committed, Unused     0 / 10 /  - /  -
  d  Storage, Standard              8 /  8 /  8 /  8
  e  Compute, Dynamic               4 /  4 / 20 / 20
  purchase 100 / 0 / 100 / 100; credit -5; tax 3; a correction of usage -2 (all four)
Contoso, EUR: usage of billed 5, and no other cost. Zero, GBP: usage of a commitment, billed 5, effective 0.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.kpis.values import Kpi, KpiAmount
from billstream.aggregator.pages.render import HTML_NAME, MARKDOWN_NAME, render
from billstream.aggregator.refresh import refresh_once
from tests.e2e.commands import REPOSITORY
from tests.integration.aggregator_support import Row, commit_load, new_lake

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
SAMPLE = REPOSITORY.parent / "shared" / "data" / "focus_official_sample" / "FOCUS-1.0" / "focus_sample.csv"
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def charge(category: str, *costs: str | None, **more: str) -> Row:
    values = {name: None if cost is None else Decimal(cost) for name, cost in zip(COSTS, costs, strict=False)}
    row = Row(datetime(2026, 11, 2, tzinfo=UTC), "USD", provider_name="AWS", charge_category=category)
    return replace(row, **values, **more)  # type: ignore[arg-type]


def usage(family: str, pricing: str, *costs: str | None, **more: str) -> Row:
    return charge("Usage", *costs, service_category=family, pricing_category=pricing, **more)


ROWS = [
    usage("Compute", "Standard", "10", "10", "12", "11"),
    usage("Compute", "Committed", "0", "30", "50", "45", commitment_discount_status="Used"),
    usage("Compute", "Committed", "0", "10", commitment_discount_status="Unused"),
    usage("Storage", "Standard", "8", "8", "8", "8"),
    usage("Compute", "Dynamic", "4", "4", "20", "20"),
    charge("Purchase", "100", "0", "100", "100"),
    charge("Credit", "-5", "-5"),
    charge("Tax", "3", "3"),
    charge("Usage", "-2", "-2", "-2", "-2", charge_class="Correction"),
    charge("Usage", "5", provider_name="Contoso", billing_currency="EUR"),
    charge("Usage", "5", "0", provider_name="Zero", billing_currency="GBP", commitment_discount_status="Used"),
]


def official_sample() -> list[Row]:
    """The rows of the FOCUS Foundation's sample, under a currency of their own."""
    named = {
        "provider_name": "ProviderName",
        "charge_category": "ChargeCategory",
        "charge_class": "ChargeClass",
        "commitment_discount_status": "CommitmentDiscountStatus",
        "pricing_category": "PricingCategory",
        "service_category": "ServiceCategory",
    }
    costs = dict(zip(COSTS, ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), strict=True))
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = [{name: None if text == "NULL" else text for name, text in row.items()} for row in csv.DictReader(file)]
    return [
        Row(
            datetime.fromisoformat(row["ChargePeriodStart"] or "").replace(tzinfo=UTC),
            "XTS",
            **{name: row[column] for name, column in named.items()},  # type: ignore[arg-type]
            **{name: None if (text := row[column]) is None else Decimal(text) for name, column in costs.items()},  # type: ignore[arg-type]
        )
        for row in rows
    ]


@pytest.fixture(scope="module")
def insights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Insights]:
    with new_lake(tmp_path_factory.mktemp("kpis")) as lake:
        commit_load(lake, "a", ROWS, scope="s3://billing/a.csv")
        if SAMPLE.exists():
            commit_load(lake, "sample", official_sample(), scope="s3://billing/sample.csv")
        report = refresh_once(lake, now=NOON)
        yield read_insights(
            lake, report.watermark, version=lake.snapshot_id(), snapshot_id=report.snapshot_id, today=date(2026, 11, 10)
        )


def kpi(insights: Insights, name: str, currency: str = "USD") -> Kpi:
    return next(entry for entry in insights.kpis if (entry.name, entry.currency) == (name, currency))


def told(insights: Insights, name: str, currency: str = "USD") -> KpiAmount:
    return kpi(insights, name, currency).periods["all_time"]


@pytest.mark.parametrize(
    ("name", "numerator", "denominator", "value"),
    [
        # list 12 + 50 + 8 + 20 = 90, effective 10 + 30 + 8 + 4 = 52, unused 10
        ("effective_savings_rate", "28", "90", "0.311111"),
        # contracted 11 + 45 + 8 + 20 = 84; 84 - 52 - 10
        ("contracted_savings_rate", "22", "84", "0.261905"),
        ("negotiated_savings", "6", None, "6"),  # 1 + 5 + 0 + 0
        ("commitment_savings", "5", None, "5"),  # 45 - 30 - 10
        ("commitment_waste", "10", None, "10"),
        ("commitment_coverage", "50", "70", "0.714286"),  # 12 + 50 + 8; spot cannot be covered
        ("commitment_coverage_compute", "50", "62", "0.806452"),
        ("commitment_utilisation", "30", "40", "0.75"),
        ("prepaid_not_yet_used", "100", None, "100"),
        ("credits", "-5", None, "-5"),
        ("tax", "3", None, "3"),
        ("corrections", "-2", None, "-2"),
        ("adjustments", None, None, None),
    ],
)
def test_kpis_by_hand(
    insights: Insights, name: str, numerator: str | None, denominator: str | None, value: str | None
) -> None:
    found = told(insights, name)
    expected = [None if text is None else Decimal(text) for text in (numerator, denominator, value)]
    assert [found.numerator, found.denominator, found.value] == expected
    assert kpi(insights, name).formula
    assert found.covered == 1
    assert kpi(insights, name).periods["month_to_date"] == found


def test_what_a_vendor_does_not_tell_is_said_and_never_zero(insights: Insights) -> None:
    rates = ("effective_savings_rate", "commitment_coverage", "commitment_utilisation", "commitment_waste")
    for name in rates:
        assert told(insights, name, "EUR").value is None
    lacks = {lack.lacks for lack in kpi(insights, "commitment_coverage", "EUR").not_told}
    assert lacks == {("list_cost",), ("pricing_category",)}
    assert told(insights, "commitment_coverage", "EUR").covered == 0
    (lack,) = kpi(insights, "commitment_utilisation", "GBP").not_told
    assert (lack.provider, lack.lacks, lack.billed_cost) == ("Zero", ("effective_cost",), Decimal(5))
    used = told(insights, "commitment_utilisation", "GBP")
    assert used.value is None
    assert used.covered == 0


def test_both_pages_show_them(insights: Insights) -> None:
    pages = render(insights)
    assert "| USD | commitment utilisation | 75.0\N{NARROW NO-BREAK SPACE}% |" in pages[MARKDOWN_NAME]
    row = r'>Commitment utilisation <span class="muted under">[^<]*</span></th><td>USD</td><td class="n">75\.0'
    assert re.search(row, pages[HTML_NAME])
    assert "| EUR | commitment" not in pages[MARKDOWN_NAME]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the real files are not on this machine")
def test_the_official_sample(insights: Insights) -> None:
    """Counted by another tool: 5.0281 saved, 21.86 %, 4.7633 negotiated, credits -2.6137, 0.63 % covered."""
    rate = told(insights, "effective_savings_rate", "XTS")
    assert (round(rate.numerator or 0, 4), round(rate.value or 0, 4)) == (Decimal("5.0281"), Decimal("0.2186"))
    assert round(told(insights, "negotiated_savings", "XTS").value or 0, 4) == Decimal("4.7633")
    assert round(told(insights, "credits", "XTS").value or 0, 4) == Decimal("-2.6137")
    assert told(insights, "tax", "XTS").value is None
    assert round(told(insights, "commitment_coverage", "XTS").value or 0, 4) == Decimal("0.0063")
    assert told(insights, "commitment_utilisation", "XTS").value in {None, Decimal(0)}
