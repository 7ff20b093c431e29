"""What the insights say of a real lake, against sums made by hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.aggregator.insights.costs import Costs, Covered
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import DayAmount, Insights, Meter, Period, Ranking
from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.verify import verify
from billstream.common.lake import Lake
from tests.integration.aggregator_support import (
    NOW,
    Line,
    Row,
    commit_load,
    meddle,
    new_lake,
    remove_load,
    settle,
)

TODAY = datetime(2025, 3, 30, 12, tzinfo=UTC)
TEN = Decimal(10)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path, threads=2) as opened:  # an order must not be one by chance
        refresh_once(opened, now=NOW)
        yield opened


def insights_of(lake: Lake) -> Insights:
    report = refresh_once(lake, now=NOW)
    version = lake.snapshot_id()
    return read_insights(lake, report.watermark, version=version, snapshot_id=report.snapshot_id, today=TODAY.date())


def usd(day: int, billed: Decimal | None = TEN, *, month: int = 3, service: str | None = "chat") -> Row:
    return Row(TODAY.replace(month=month, day=day), "USD", service_name=service, billed_cost=billed)


def ranking_of(meter: Meter, dimension: str) -> Ranking:
    return next(ranking for ranking in meter.rankings if ranking.dimension == dimension)


def test_an_empty_lake_says_so(lake: Lake) -> None:
    insights = insights_of(lake)
    assert insights.first_charge_day is None
    assert insights.charge_rows == 0
    assert not insights.sources
    assert not insights.omissions
    assert not insights.currencies
    assert not insights.meters
    assert not insights.consumption
    assert insights.freshness.newest_file is None


def test_a_short_month_before_is_whole(lake: Lake) -> None:
    rows = [usd(30), usd(1), usd(28, month=2), usd(1, month=2), usd(30, month=1)]
    commit_load(lake, "a", rows, scope="s3://billing/a.csv")
    insights = insights_of(lake)
    assert insights.last_charge_day == date(2025, 3, 30)
    (meter,) = insights.meters
    assert meter.amounts == {"all_time": Decimal(50), "month_to_date": Decimal(20), "last_30_days": Decimal(20)}
    month, window = meter.comparisons["month"], meter.comparisons["thirty_days"]
    assert month.before_days == Period(first_day=date(2025, 2, 1), last_day=date(2025, 2, 28))
    assert (month.amount, month.before, month.change) == (Decimal(20), Decimal(20), Decimal(0))
    assert window.before_days == Period(first_day=date(2025, 1, 30), last_day=date(2025, 2, 28))
    assert (window.amount, window.before) == (Decimal(20), Decimal(30))


def test_costs_are_kept_apart_by_currency_and_exact(lake: Lake) -> None:
    tiny = Decimal("0.000000000000000001")
    both = Row(TODAY, "EUR", billed_cost=tiny, effective_cost=Decimal(2), list_cost=Decimal(3))
    only_list = Row(TODAY, "EUR", list_cost=Decimal(100))
    commit_load(lake, "a", [both, both, only_list, usd(30, Decimal(99999999999999999999))])
    euro, dollar = insights_of(lake).currencies
    two_of_three = Decimal("0.666667")
    assert euro.costs["all_time"] == Costs(
        billed_cost=2 * tiny,
        effective_cost=Decimal(4),
        list_cost=Decimal(106),
        charge_rows=3,
        covered={
            "billed_cost": Covered(charge_rows=2, share=two_of_three, billed_cost=2 * tiny),
            "effective_cost": Covered(charge_rows=2, share=two_of_three, billed_cost=2 * tiny),
            "list_cost": Covered(charge_rows=3, share=Decimal(1), billed_cost=2 * tiny),
        },
    )
    assert dollar.costs["all_time"].billed_cost == Decimal(99999999999999999999)


def test_savings_need_to_know_usage_from_purchases(lake: Lake) -> None:
    both = Row(TODAY, "EUR", effective_cost=Decimal(2), list_cost=Decimal(3))
    loss = replace(both, charge_category="Usage", effective_cost=Decimal(5))
    commit_load(lake, "a", [both, loss])
    (euro,) = insights_of(lake).currencies
    told = euro.savings.periods["all_time"]
    assert (told.total, told.other, told.usage_rows) == (Decimal(-2), Decimal(-2), 1)  # a loss is not cut to zero
    assert [(lack.lacks, lack.counted) for lack in euro.savings.not_told] == [
        (("charge_category", "contracted_cost"), False),
        (("contracted_cost",), True),
    ]


def test_missing_days_are_told_as_spans(lake: Lake) -> None:
    commit_load(lake, "a", [usd(1), usd(2), usd(5), usd(5), usd(7)])
    (currency,) = insights_of(lake).currencies
    assert (currency.first_charge_day, currency.last_charge_day) == (date(2025, 3, 1), date(2025, 3, 7))
    assert currency.missing_days == 3
    assert [(gap.first_day.day, gap.last_day.day) for gap in currency.gaps] == [(3, 4), (6, 6)]


def test_the_trend_has_the_days_that_have_amounts(lake: Lake) -> None:
    old = Row(TODAY - timedelta(days=92), "USD", billed_cost=TEN)
    commit_load(lake, "a", [old, usd(28), usd(28), usd(29, None), usd(30, Decimal(-1))])
    (meter,) = insights_of(lake).meters
    assert meter.daily == (
        DayAmount(day=date(2025, 3, 28), amount=Decimal(20)),
        DayAmount(day=date(2025, 3, 30), amount=Decimal(-1), state="filling"),
    )
    assert meter.amounts["all_time"] == Decimal(29)


def test_the_ten_largest_names_and_all_others_make_up_the_whole(lake: Lake) -> None:
    rows = [usd(30, Decimal(number), service=f"service-{number:02}") for number in range(1, 14)]
    before = usd(5, Decimal(26), month=2, service="service-13")
    more = [before, usd(29, Decimal(9), service=None), usd(5, TEN, month=2, service="gone"), usd(30, None, month=1)]
    commit_load(lake, "a", [*rows, *more], scope="s3://billing/a.csv")
    ranking = ranking_of(insights_of(lake).meters[0], "service")
    assert [entry.name for entry in ranking.entries[:6]] == [
        "service-13",
        "service-12",
        "service-11",
        "service-10",
        "service-09",
        None,
    ]
    first = ranking.entries[0]
    assert (first.amount, first.previous) == (Decimal(13), Decimal(26))
    assert (first.share, first.change) == (Decimal("0.130000"), Decimal("-0.500000"))
    assert ranking.others is not None
    assert ranking.others_count == 5  # service-01 to service-04, and the one that is gone
    assert (ranking.others.amount, ranking.others.previous) == (Decimal(10), TEN)
    assert sum((entry.share or Decimal(0)) for entry in (*ranking.entries, ranking.others)) == 1


def test_a_first_month_has_its_largest_names_without_a_comparison(lake: Lake) -> None:
    commit_load(lake, "a", [usd(30), usd(29, Decimal(30), service="search")], scope="s3://billing/a.csv")
    (meter,) = insights_of(lake).meters
    assert meter.comparisons == {}
    entries = ranking_of(meter, "service").entries
    assert [(entry.name, entry.amount) for entry in entries] == [("search", Decimal(30)), ("chat", TEN)]
    assert {entry.previous for entry in entries} == {None}
    assert ranking_of(meter, "region").entries[0].amount == Decimal(40)


def test_shares_of_nothing_or_less_are_unknown(lake: Lake) -> None:
    rows = [usd(30, Decimal(-5)), usd(30, Decimal(2), service="other"), usd(28, TEN, month=2)]
    commit_load(lake, "a", rows, scope="s3://billing/a.csv")
    ranking = ranking_of(insights_of(lake).meters[0], "service")
    assert [(entry.name, entry.share) for entry in ranking.entries] == [("other", None), ("chat", None)]


def test_credits_without_money_are_a_meter_of_their_own(lake: Lake) -> None:
    used = Row(TODAY, x_user_id="ada", service_name="chat", consumed_quantity=Decimal("1.5"), consumed_unit="Credits")
    paid = Row(TODAY, "USD", billed_cost=TEN, consumed_quantity=Decimal(7), consumed_unit="Tokens")
    before = [replace(row, charge_period_start=TODAY.replace(month=2, day=28)) for row in (used, paid)]
    commit_load(lake, "a", [used, used, paid, *before], scope="s3://billing/a.csv")
    insights = insights_of(lake)
    assert [(meter.kind, meter.currency, meter.unit) for meter in insights.meters] == [
        ("cost", "USD", None),
        ("quantity", None, "Credits"),
    ]
    credits_meter = insights.meters[1]
    assert credits_meter.amounts["month_to_date"] == Decimal(3)
    assert ranking_of(credits_meter, "user").entries[0].amount == Decimal(3)
    assert [(entry.unit, entry.amounts["all_time"], entry.charge_rows) for entry in insights.consumption] == [
        ("Credits", Decimal("4.5"), 3),
        ("Tokens", Decimal(14), 2),
    ]
    compared = insights.consumption[0].comparisons["month"]
    assert (compared.amount, compared.before, compared.change) == (Decimal(3), Decimal("1.5"), Decimal(1))


def test_costs_without_a_currency_are_visible_too(lake: Lake) -> None:
    commit_load(lake, "a", [Row(TODAY, effective_cost=TEN), Row(TODAY, consumed_quantity=TEN)])
    cost, quantity = insights_of(lake).meters
    assert (cost.kind, cost.measure, cost.currency, cost.amounts["all_time"]) == ("cost", "effective_cost", None, TEN)
    assert (quantity.kind, quantity.unit) == ("quantity", "")


@pytest.mark.parametrize(
    "moment", ["infinity", "-infinity", "294246-12-31", "0001-01-01", "3000-01-01", "4000-01-01 (BC)"]
)
def test_an_impossible_day_does_not_become_today(lake: Lake, moment: str) -> None:
    commit_load(lake, "a", [usd(30)])
    meddle(lake, f"INSERT INTO charges BY NAME SELECT 'b' AS load_id, TIMESTAMPTZ '{moment}' AS charge_period_start")
    insights = insights_of(lake)
    assert insights.last_charge_day == TODAY.date()
    assert (insights.charge_rows, insights.misdated_rows) == (1, 1)
    assert [omission.kind for omission in insights.omissions] == ["misdated_charges"]
    assert verify(lake) == []


# -- what changed, and how fresh ---------------------------------------------------------------------------


def test_changes_name_the_files_behind_them(lake: Lake) -> None:
    commit_load(lake, "a", [usd(1), usd(2)], scope="s3://billing/a.csv")
    commit_load(lake, "b", [usd(3)], scope="s3://billing/b.csv")
    insights_of(lake)
    commit_load(lake, "a2", [usd(1), usd(2, Decimal(15)), usd(3)], replaces="a", scope="s3://billing/a.csv")
    remove_load(lake, "b", scope="s3://billing/b.csv")
    commit_load(lake, "c", [Row(TODAY, consumed_quantity=TEN)])
    commit_load(lake, "brief", [usd(9)])
    remove_load(lake, "brief")
    changes = insights_of(lake).changes
    assert (changes.kind, changes.rows_added, changes.rows_removed) == ("refresh", 4, 3)
    assert [(entry.file, entry.action, entry.currency, entry.billed_cost) for entry in changes.files] == [
        ("s3://billing/a.csv", "replaced", "USD", Decimal(15)),
        ("s3://billing/b.csv", "removed", "USD", Decimal(-10)),
        ("c", "added", None, None),
    ]
    assert changes.files_changed == 3
    assert [(entry.currency, entry.rows_added, entry.rows_removed) for entry in changes.currencies] == [
        ("USD", 3, 3),
        (None, 1, 0),
    ]


def test_a_rebuild_does_not_claim_to_know_what_changed(lake: Lake) -> None:
    commit_load(lake, "a", [usd(1)])
    rebuild(lake)
    changes = insights_of(lake).changes
    assert (changes.kind, changes.files) == ("rebuild", ())
    assert changes.reason is not None


def test_the_first_refresh_names_every_file(tmp_path: Path) -> None:
    with new_lake(tmp_path, threads=2) as lake:
        commit_load(lake, "a", [usd(1)], scope="s3://billing/a.csv")
        assert [entry.file for entry in insights_of(lake).changes.files] == ["s3://billing/a.csv"]


def test_freshness_is_of_the_ledger(lake: Lake) -> None:
    commit_load(lake, "a", [usd(1)], scope="s3://billing/a.csv")
    settle(lake, Line("s3://billing/late.csv", "loaded", "late", rejected=2, at=NOW + timedelta(hours=1)))
    settle(lake, Line("s3://billing/bad.csv", "quarantined", rejected=5))
    settle(lake, Line("s3://billing/healed.csv", "quarantined"))
    settle(lake, Line("s3://billing/healed.csv", "loaded", "healed", at=NOW + timedelta(seconds=1)))
    freshness = insights_of(lake).freshness
    assert freshness.newest_file is not None
    assert freshness.newest_file.file == "s3://billing/late.csv"
    assert freshness.newest_file.processed_at == NOW + timedelta(hours=1)
    assert (freshness.loads, freshness.rejected_rows, freshness.quarantined_files) == (3, 7, 1)
    assert freshness.files_by_state == {"loaded": 3, "quarantined": 1}
    assert freshness.ledger_lines == 5


def test_insights_speak_of_one_snapshot(lake: Lake) -> None:
    commit_load(lake, "a", [usd(1)], scope="s3://billing/a.csv")
    report = refresh_once(lake, now=NOW)
    commit_load(lake, "b", [usd(2)], scope="s3://billing/b.csv")
    version = lake.snapshot_id()
    insights = read_insights(
        lake, report.watermark, version=version, snapshot_id=report.snapshot_id, today=TODAY.date()
    )
    assert insights.charge_rows == insights.freshness.loads == 1
    assert insights.snapshot_id == report.snapshot_id


def test_what_moved_most_comes_first_and_the_others_are_one_sum(lake: Lake) -> None:
    def moved(service: str, before: int, now: int) -> list[Row]:
        named = {"service_name": service, "sub_account_id": "a", "provider_name": "AWS"}
        return [
            Row(TODAY - timedelta(days=days), "USD", billed_cost=Decimal(cost), **named)  # type: ignore[arg-type]
            for days, cost in ((40, before), (5, now))
            if cost
        ]

    rows = [*moved("up", 1, 100), *moved("down", 300, 1), *moved("same", 7, 7), *moved("new", 0, 50)]
    rows += [row for number in range(1, 9) for row in moved(f"small {number}", 10, 10 + number)]
    every_day = [
        Row(TODAY - timedelta(days=days), "USD", billed_cost=Decimal(1), provider_name="AWS") for days in range(80)
    ]
    commit_load(lake, "a", [*rows, *every_day])
    (movers,) = insights_of(lake).movers
    found = [(one.service, int(one.change)) for one in movers.entries[:4]]
    assert found == [("down", -299), ("up", 99), ("new", 50), ("small 8", 8)]
    assert (movers.entries[0].provider, movers.entries[0].account) == ("AWS", "a")
    assert movers.entries[2].relative is None
    assert len(movers.entries) == 10
    assert (movers.others_count, int(movers.others_change)) == (1, 1)
    (months,) = insights_of(lake).months
    assert sum(one.amount for one in months.months) == sum(row.billed_cost or 0 for row in (*rows, *every_day))
    assert months.months[-1].month == date(2025, 3, 1)
