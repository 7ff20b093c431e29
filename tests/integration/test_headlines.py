"""Headline numbers of one lake that has what misleads: every number is calculated by hand in the comments.

The lake as it is on 24 November 2026. All loads were made on that day at 06:00.

AWS, USD, every day from 1 October: one usage charge of billed 10, effective 10, list 12, contracted 11; on 23 November,
which is not over for the vendor, billed 4, effective 4, list 5, contracted 4.5. And in November:
  1st  purchase of a commitment   billed 1000  effective    0  list 1000  contracted 1000
  2nd  usage that it covers       billed    0  effective  900  list 1500  contracted 1400
  2nd  unused commitment          billed    0  effective  100
  3rd  credit                     billed  -50  effective  -50
  4th  refund (correction)        billed  -20  effective  -20  list  -24  contracted  -22
  5th  tax                        billed   30  effective   30
  and a charge of 500 that is dated 1 January 2027
Contoso, USD, every day from 1 October to 17 November: a usage charge of billed 5, and no other cost
Fabrikam, EUR, 3 to 5 September: a usage charge of billed 7, and no other cost
Nippon, JPY, 22 November: a usage charge of billed 1234.5
Simple, GBP, 10 November: a purchase of 1000, and usage of list 1500 that it covers, effective 1000
Simple, CHF, 10 November: usage of list 100, effective 60; and the recurring fee of its commitment, as in AWS'
  own report: a purchase of 90, whose effective cost is the 30 that was not used
"""

import csv
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billstream.aggregator.insights.costs import Costs, SavingsAmounts
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import Currency, Insights, Meter, Period
from billstream.aggregator.pages.render import MARKDOWN_NAME, render
from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.values import plain
from billstream.aggregator.verify import verify
from tests.e2e.commands import REPOSITORY
from tests.integration.aggregator_support import Line, Row, commit_load, new_lake, settle

TODAY = date(2026, 11, 24)
LOADED = datetime(2026, 11, 24, 6, tzinfo=UTC)
SAMPLE = REPOSITORY.parent / "shared" / "data" / "focus_official_sample" / "FOCUS-1.0" / "focus_sample.csv"
THIN = "\N{NARROW NO-BREAK SPACE}"


def exact(*values: object) -> list[object]:
    """The values, decimals with all their digits and no others."""
    return [plain(value) if isinstance(value, Decimal) else value for value in values]


def on(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def november(day: int) -> datetime:
    return on(date(2026, 11, day))


def every_day(row: Row, last: date, first: date = date(2026, 10, 1)) -> list[Row]:
    days = (last - first).days + 1
    return [replace(row, charge_period_start=on(first + timedelta(days=number))) for number in range(days)]


def costs(
    billed: str, effective: str | None = None, listed: str | None = None, contracted: str | None = None
) -> dict[str, Any]:
    names = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
    values = (billed, effective, listed, contracted)
    return {name: None if value is None else Decimal(value) for name, value in zip(names, values, strict=True)}


def usage(provider: str, currency: str, when: datetime, **more: object) -> Row:
    return Row(when, currency, provider_name=provider, charge_category="Usage", **more)  # type: ignore[arg-type]


def aws() -> list[Row]:
    usual = usage("AWS", "USD", november(1), service_name="EC2", **costs("10", "10", "12", "11"))
    other = replace(
        usual, service_name="Other", billed_cost=None, effective_cost=None, list_cost=None, contracted_cost=None
    )
    return [
        *every_day(usual, date(2026, 11, 22)),
        replace(usual, charge_period_start=november(23), **costs("4", "4", "5", "4.5")),
        replace(other, charge_category="Purchase", **costs("1000", "0", "1000", "1000")),
        replace(
            other,
            charge_period_start=november(2),
            commitment_discount_status="Used",
            **costs("0", "900", "1500", "1400"),
        ),
        replace(other, charge_period_start=november(2), commitment_discount_status="Unused", **costs("0", "100")),
        replace(other, charge_period_start=november(3), charge_category="Credit", **costs("-50", "-50")),
        replace(other, charge_period_start=november(4), charge_class="Correction", **costs("-20", "-20", "-24", "-22")),
        replace(other, charge_period_start=november(5), charge_category="Tax", **costs("30", "30")),
        replace(usual, charge_period_start=datetime(2027, 1, 1, tzinfo=UTC), **costs("500", "500")),
    ]


def simple() -> list[Row]:
    bought = Row(
        november(10), "GBP", provider_name="Simple", charge_category="Purchase", **costs("1000", "0", "1000", "1000")
    )
    used = usage("Simple", "GBP", november(10), commitment_discount_status="Used", **costs("0", "1000", "1500", "1500"))
    return [bought, used]


def recurring_fee() -> list[Row]:
    fee = Row(
        november(10), "CHF", provider_name="Simple", charge_category="Purchase", commitment_discount_status="Unused"
    )
    used = usage("Simple", "CHF", november(10), commitment_discount_status="Used", **costs("0", "60", "100", "100"))
    return [replace(fee, **costs("90", "30", "0")), used]


def official_sample() -> list[Row]:
    """The rows of the FOCUS Foundation's sample, under a currency of their own."""

    def cost(text: str) -> Decimal | None:
        return None if text == "NULL" else Decimal(text)

    def word(text: str) -> str | None:
        return None if text == "NULL" else text

    with SAMPLE.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                datetime.fromisoformat(row["ChargePeriodStart"]).replace(tzinfo=UTC),
                "XTS",
                provider_name=row["ProviderName"],
                charge_category=row["ChargeCategory"],
                charge_class=word(row["ChargeClass"]),
                commitment_discount_status=word(row["CommitmentDiscountStatus"]),
                billed_cost=cost(row["BilledCost"]),
                effective_cost=cost(row["EffectiveCost"]),
                list_cost=cost(row["ListCost"]),
                contracted_cost=cost(row["ContractedCost"]),
            )
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def insights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Insights]:
    contoso = every_day(usage("Contoso", "USD", november(1), service_name="Desk", **costs("5")), date(2026, 11, 17))
    fabrikam = every_day(usage("Fabrikam", "EUR", november(1), **costs("7")), date(2026, 9, 5), first=date(2026, 9, 3))
    nippon = [usage("Nippon", "JPY", november(22), **costs("1234.5"))]
    loads = {"aws": aws(), "contoso": contoso, "fabrikam": fabrikam, "nippon": nippon, "simple": simple()}
    loads["fee"] = recurring_fee()
    if SAMPLE.exists():
        loads["sample"] = official_sample()
    with new_lake(tmp_path_factory.mktemp("headlines")) as lake:
        for name, rows in loads.items():
            commit_load(lake, name, rows, scope=f"s3://billing/{name}.csv", at=LOADED)
        settle(lake, Line("s3://billing/broken.csv", "quarantined", at=LOADED))
        settle(lake, Line("s3://billing/part-1.csv", "awaiting_manifest", at=LOADED))
        settle(lake, Line("s3://billing/gone.csv", "missing", at=LOADED))
        settle(lake, Line("s3://billing/secret.csv", "denied", at=LOADED))
        settle(lake, Line("s3://billing/bad.csv", "loaded", "bad", rejected=2, at=LOADED))
        report = refresh_once(lake, now=LOADED)
        assert verify(lake) == []
        found = read_insights(
            lake, report.watermark, version=lake.snapshot_id(), snapshot_id=report.snapshot_id, today=TODAY
        )
        # The commands of the banner are there to be pasted.
        queries = [shlex.split(omission.command or "") for omission in found.omissions]
        for query in queries:
            assert query[:2] in (["billstream", "sql"], ["billstream", "quarantine"])
            if query[1] == "sql":
                lake.query(query[2])
        yield found


@pytest.fixture(scope="module")
def markdown(insights: Insights) -> str:
    return render(insights)[MARKDOWN_NAME]


def currency(insights: Insights, code: str) -> Currency:
    return next(entry for entry in insights.currencies if entry.currency == code)


def meter(insights: Insights, code: str) -> Meter:
    return next(entry for entry in insights.meters if entry.currency == code)


def test_a_card_can_be_added_up(insights: Insights, markdown: str) -> None:
    """Month to date, 1 to 23 November.

    billed      22 * 10 + 4 = 224 (AWS) + 1000 - 50 - 20 + 30 + 17 * 5 (Contoso) = 1269, of 29 + 17 = 46 charges
    effective   224 + 0 + 900 + 100 - 50 - 20 + 30 = 1184, of 29 charges (29/46), which are billed 1269 - 85 = 1184
    list        22 * 12 + 5 = 269 + 1000 + 1500 - 24 = 2745, of 26 charges (26/46), billed 224 + 1000 + 0 - 20 = 1204
    contracted  22 * 11 + 4.5 = 246.5 + 1000 + 1400 - 22 = 2624.5, of the same 26 charges
    """
    month: Costs = currency(insights, "USD").costs["month_to_date"]
    assert exact(month.billed_cost, month.charge_rows) == ["1269", 46]
    assert exact(month.effective_cost, month.list_cost, month.contracted_cost) == ["1184", "2745", "2624.5"]
    covered = [exact(name, part.charge_rows, part.share, part.billed_cost) for name, part in month.covered.items()]
    assert covered == [
        ["billed_cost", 46, "1", "1269"],
        ["effective_cost", 29, "0.630435", "1184"],
        ["list_cost", 26, "0.565217", "1204"],
        ["contracted_cost", 26, "0.565217", "1204"],
    ]
    assert f"| 1,269.00 | 1,184.00 (63.0{THIN}% of charges, billed 1,184.00) | 2,745.00 (56.5{THIN}% of" in markdown


def test_savings_are_of_usage_and_in_parts(insights: Insights, markdown: str) -> None:
    """Month to date, usage without corrections.

    list 269 + 1500 = 1769; effective 224 + 900 = 1124; unused 100; total 1769 - 1124 - 100 = 545, 545/1769 = 0.308084
    negotiated  22 * 1 + 0.5 + (1500 - 1400) = 122.5
    commitment  1400 - 900 = 500
    other       22 * (11 - 10) + (4.5 - 4) = 22.5
    total       122.5 + 500 + 22.5 - 100 = 545
    of 23 + 1 + 1 charges among 23 + 1 + 1 + 17 = 42: 0.595238
    """
    savings = currency(insights, "USD").savings
    assert savings.periods["month_to_date"] == SavingsAmounts(
        total=Decimal(545),
        negotiated=Decimal("122.5"),
        commitment=Decimal(500),
        other=Decimal("22.5"),
        unused=Decimal(100),
        list_cost=Decimal(1769),
        effective_cost=Decimal(1124),
        rate=Decimal("0.308084"),
        usage_rows=42,
        charge_rows=25,
        share=Decimal("0.595238"),
    )
    assert savings.formula.total == "list_cost - effective_cost - unused"
    row = f"| 545.00 | 30.8{THIN}% | 122.50 | 500.00 | 22.50 | 100.00 | 59.5{THIN}% |"
    assert row in markdown
    assert "Savings = list\\_cost - effective\\_cost - unused, over usage alone" in markdown


def test_what_a_vendor_does_not_tell_is_said(insights: Insights, markdown: str) -> None:
    """Contoso tells no effective, list or contracted cost: 31 + 17 = 48 charges, 48 * 5 = 240."""
    (lack,) = currency(insights, "USD").savings.not_told
    assert (lack.provider, lack.lacks) == ("Contoso", ("effective_cost", "list_cost", "contracted_cost"))
    assert exact(lack.charge_rows, lack.billed_cost, lack.counted) == [48, "240", False]
    assert (
        "USD, Contoso: effective\\_cost, list\\_cost, contracted\\_cost of 48 charges (billed 240.00): not told"
        in markdown
    )
    assert currency(insights, "EUR").savings.periods["all_time"].total is None
    assert "| EUR | All time | not told |" in markdown


def test_a_purchase_is_not_saved_money(insights: Insights) -> None:
    """1500 at list prices, paid by a purchase of 1000: 500 are saved, not 1500."""
    assert currency(insights, "GBP").savings.periods["all_time"].total == 500


def test_what_a_recurring_fee_leaves_unused_is_a_loss(insights: Insights) -> None:
    """100 - 60 - 30 = 10 are saved, not 40."""
    saved = currency(insights, "CHF").savings.periods["all_time"]
    assert exact(saved.total, saved.unused, saved.list_cost, saved.effective_cost) == ["10", "30", "100", "60"]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the real files are not on this machine")
def test_savings_of_the_official_sample(insights: Insights) -> None:
    """Usage: list 20.6203386184 + 0.1426790222 + 1.97651418586 + 0.26507392473 = 23.0046 (rounded), effective 16 + 0 +
    1.97651418586 + 0 = 17.9765: 5.0281 are saved, not 5.41. Oracle tells no contracted cost, and an effective
    cost of zero beside a billed one.
    """
    savings = currency(insights, "XTS").savings
    told = savings.periods["all_time"]
    assert told.total is not None
    assert told.negotiated is not None
    assert (round(told.total, 4), round(told.negotiated, 4)) == (Decimal("5.0281"), Decimal("4.7633"))
    (lack,) = savings.not_told
    assert (lack.provider, lack.lacks, lack.counted) == ("Oracle", ("contracted_cost",), True)
    assert "an effective cost of zero beside a billed cost" in lack.reason


def test_only_days_that_all_sources_have_are_compared(insights: Insights, markdown: str) -> None:
    """AWS is complete to 22 November, Contoso to the 17th.

    1 to 17 November: 17 * 10 + 1000 - 50 - 20 + 30 + 17 * 5 = 1215; 1 to 17 October: 17 * 15 = 255; 960/255 = 3.764706
    30 days to 17 November, of which the 30 days before have only 1 to 18 October (18 * 15 = 270): 31 October to
    17 November, 18 * 15 + 960 = 1230; 960/270 = 3.555556
    """
    found = meter(insights, "USD")
    month, window = found.comparisons["month"], found.comparisons["thirty_days"]
    assert month.days == Period(first_day=date(2026, 11, 1), last_day=date(2026, 11, 17))
    assert month.before_days == Period(first_day=date(2026, 10, 1), last_day=date(2026, 10, 17))
    assert exact(month.amount, month.before, month.change) == ["1215", "255", "3.764706"]
    assert window.days == Period(first_day=date(2026, 10, 31), last_day=date(2026, 11, 17))
    assert window.before_days == Period(first_day=date(2026, 10, 1), last_day=date(2026, 10, 18))
    assert exact(window.amount, window.before, window.change) == ["1230", "270", "3.555556"]
    assert found.covers == "Up to 22 Nov 2026; Contoso ends 17 Nov; 23 Nov is filling"
    assert f"- USD: {found.covers}." in markdown
    services = next(ranking for ranking in found.rankings if ranking.dimension == "service")
    # Other: 960 of November; EC2: 18 * 10 in both; Desk: 18 * 5 in both.
    assert [exact(entry.name, entry.amount, entry.previous) for entry in services.entries] == [
        ["Other", "960", None],
        ["EC2", "180", "180"],
        ["Desk", "90", "90"],
    ]


def test_the_unfinished_day_is_in_the_totals_and_marked(insights: Insights) -> None:
    """Last 30 days, 25 October to 23 November: 7 * 15 + 1269 = 1374; all time: 31 * 15 + 1269 = 1734."""
    found = meter(insights, "USD")
    assert found.amounts == {"all_time": 1734, "month_to_date": 1269, "last_30_days": 1374}
    states = {entry.day.day: entry.state for entry in found.daily if entry.day >= date(2026, 11, 16)}
    assert states == {
        **dict.fromkeys([16, 17], "complete"),
        **dict.fromkeys([18, 19, 20, 21, 22], "lagging"),
        23: "filling",
    }


def test_the_clock_ends_the_periods(insights: Insights, markdown: str) -> None:
    """USD 31 * 2 + 46 = 108 charges, EUR 3, JPY 1, GBP 2, CHF 2, without the one of 2027."""
    assert (insights.today, insights.last_charge_day) == (TODAY, date(2026, 11, 23))
    assert insights.charge_rows - len(official_sample() if SAMPLE.exists() else ()) == 116
    (ahead,) = insights.future
    assert exact(ahead.provider, ahead.currency, ahead.charge_rows, ahead.billed_cost) == ["AWS", "USD", 1, "500"]
    assert ahead.first_day == ahead.last_day == date(2027, 1, 1)
    assert "| AWS | USD | 2027-01-01 to 2027-01-01 | 1 | 500.00 | 500.00 |" in markdown


def test_a_currency_without_charges_shows_its_own_last_month(insights: Insights, markdown: str) -> None:
    """EUR: 3 * 7 = 21 in September."""
    found = meter(insights, "EUR")
    assert not found.current
    assert found.periods["month_to_date"] == Period(first_day=date(2026, 9, 1), last_day=date(2026, 9, 5))
    assert found.amounts["month_to_date"] == 21
    assert found.comparisons == {}
    assert "Without charges in November 2026:" in markdown
    assert "| **EUR** | Billed cost | 1 to 5 Sep 2026 | 21.00 | 21.00 |" in markdown
    assert [entry.currency for entry in insights.meters if entry.current] == ["USD", "CHF", "GBP", "JPY"]


def test_yen_have_no_decimals(markdown: str) -> None:
    assert "| **JPY** | Billed cost | 1 to 22 Nov 2026 | 1,234 |" in markdown


def test_the_banner_names_what_is_not_in_the_numbers(insights: Insights, markdown: str) -> None:
    """Four sources are more than three days behind: Contoso, Fabrikam, and Simple in both of its currencies."""
    told = {omission.kind: (omission.count, omission.names) for omission in insights.omissions}
    assert told == {
        "quarantined_files": (1, ("s3://billing/broken.csv",)),
        "unreadable_files": (1, ("s3://billing/secret.csv",)),
        "rejected_records": (2, ("s3://billing/bad.csv",)),
        "awaiting_manifest": (1, ("s3://billing/part-1.csv",)),
        "missing_files": (1, ("s3://billing/gone.csv",)),
        "lagging_sources": (
            4,
            ("Contoso: ends 17 Nov 2026", "Fabrikam: ends 5 Sep 2026", "Simple: ends 10 Nov 2026"),
        ),
        "future_charges": (1, ("AWS: up to 1 Jan 2027",)),
    }
    assert all(omission.command for omission in insights.omissions)
    assert "## Not in these numbers" in markdown
    assert (
        "| 1 file is in quarantine; nothing of it counts. | s3\\://billing/broken.csv | billstream quarantine list |"
        in markdown
    )


def test_each_source_has_its_last_complete_day(insights: Insights) -> None:
    told = {
        source.provider: (source.last_charge_day.day, source.last_complete_day, source.filling_day)
        for source in insights.sources
        if source.currency != "XTS"
    }
    assert told == {
        "AWS": (23, date(2026, 11, 22), date(2026, 11, 23)),
        "Contoso": (17, date(2026, 11, 17), None),
        "Fabrikam": (5, date(2026, 9, 5), None),
        "Simple": (10, date(2026, 11, 10), None),
        "Nippon": (22, None, date(2026, 11, 22)),
    }
