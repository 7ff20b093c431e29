"""Arrivals in a lake: what each refresh records, and what the insights learn from it.

AWS, USD, two accounts: 45 of a day on the day after it, 100 on the next; account a-2 has no day after 14 November.
AWS, EUR: all on the next day. Late, USD: a day comes two days after its end, and none after 8 November.
Refreshes run at 06:00 from 21 October to 24 November 2026.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billstream.aggregator.completeness import arrivals
from billstream.aggregator.completeness.values import Completeness
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.pages.render import HTML_NAME, MARKDOWN_NAME, render
from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.common.lake import Lake
from tests.integration.aggregator_support import Row, commit_load, meddle, new_lake

FIRST, TODAY = date(2026, 10, 20), date(2026, 11, 24)
DAY = timedelta(days=1)
SHARES: dict[tuple[str, str, str], tuple[int, ...]] = {
    ("AWS", "USD", "a-1"): (45, 100),
    ("AWS", "USD", "a-2"): (45, 100),
    ("AWS", "EUR", "a-1"): (100,),
    ("Late", "USD", "l-1"): (0, 0, 100),
}
LAST = {("AWS", "USD", "a-2"): date(2026, 11, 14), ("Late", "USD", "l-1"): date(2026, 11, 8)}
MORE = {"service_name": "S", "effective_cost": None}


def charge(key: tuple[str, str, str], day: date, amount: int, **more: Any) -> Row:  # noqa: ANN401 - columns
    provider, currency, account = key
    at = datetime.combine(day, time(12), UTC)
    billed = Decimal(amount)
    values = {"charge_category": "Usage", "billed_cost": billed, **more}
    return Row(at, currency, provider_name=provider, billing_account_id=account, **values)


def amount_of(key: tuple[str, str, str], day: date, seen: date) -> int:
    """What is there of a day at 06:00 of another one."""
    age = (seen - day).days - 1
    shares = SHARES[key]
    return 0 if age < 0 or not FIRST <= day <= LAST.get(key, TODAY) else shares[min(age, len(shares) - 1)]


def rows_of(day: date, seen: date) -> list[Row]:
    return [charge(key, day, amount) for key in SHARES if (amount := amount_of(key, day, seen))]


def at_six(day: date) -> datetime:
    return datetime.combine(day, time(6), UTC)


def recorded_until(last: date) -> str:
    """The rows that refreshes from 21 October to a day would have recorded, as SQL values."""
    rows = []
    for day in (FIRST + n * DAY for n in range((last - FIRST).days)):
        for key in SHARES:
            for seen in (day + n * DAY for n in range(1, 4)):
                amount = amount_of(key, day, seen)
                if seen <= last and amount != amount_of(key, day, seen - DAY):
                    provider, currency, account = key
                    age = (seen - day).days - 1
                    rows.append(
                        f"('{currency}', '{provider}', '{account}', '{day}', '{at_six(seen)}', {age}, {amount})"
                    )
    return ", ".join(rows)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """The refreshes of the last three days are made; what those before recorded is written as it would be."""
    start = TODAY - 2 * DAY
    with new_lake(tmp_path_factory.mktemp("arrivals")) as opened:
        meddle(opened, f"INSERT INTO day_arrivals VALUES {recorded_until(start)}")
        settled = TODAY - 6 * DAY
        old = [row for n in range((settled - FIRST).days) for row in rows_of(FIRST + n * DAY, start)]
        commit_load(opened, "old", old, scope="s3://b/old", at=at_six(start))
        (before,) = opened.rows("SELECT count(*) FROM day_arrivals")
        for seen in (start, TODAY - DAY, TODAY):
            for day in (settled + n * DAY for n in range((seen - settled).days)):
                if rows := rows_of(day, seen):
                    replaced = f"{day}-{seen - DAY}" if seen > start and rows_of(day, seen - DAY) else None
                    commit_load(
                        opened, f"{day}-{seen}", rows, replaces=replaced, scope=f"s3://b/{day}", at=at_six(seen)
                    )
            refresh_once(opened, now=at_six(seen))
            if seen == start:
                assert opened.rows("SELECT count(*) FROM day_arrivals") == [before], "all of it was recorded"
        yield opened


def insights_of(lake: Lake) -> Insights:
    report = refresh_once(lake, now=at_six(TODAY))
    return read_insights(
        lake, report.watermark, version=lake.snapshot_id(), snapshot_id=lake.snapshot_id(), today=TODAY
    )


def found(insights: Insights) -> dict[tuple[str | None, str | None], Completeness]:
    return {(entry.provider, entry.currency): entry for entry in insights.completeness}


def recorded(lake: Lake, day: date) -> list[tuple[Any, ...]]:
    select = (
        "SELECT billing_account_id, age_days, amount FROM day_arrivals WHERE charge_day = $1 AND provider_name = 'AWS'"
    )
    return lake.rows(f"{select} AND billing_currency = 'USD' ORDER BY ALL", [day])


def test_each_amount_is_recorded_with_its_age(lake: Lake) -> None:
    assert recorded(lake, date(2026, 11, 3)) == [
        (account, age, Decimal(amount)) for account in ("a-1", "a-2") for age, amount in ((0, 45), (1, 100))
    ]


def test_the_insights_learn_each_habit_and_say_up_to_when(lake: Lake) -> None:
    insights = insights_of(lake)
    told = found(insights)
    dollars, euros, late = told["AWS", "USD"], told["AWS", "EUR"], told["Late", "USD"]
    assert (dollars.learned, dollars.maturity_days, dollars.shares) == (True, 1, (Decimal("0.45"), Decimal(1)))
    assert dollars.last_complete_day == date(2026, 11, 22)
    assert {entry.day.day: (entry.state, entry.share) for entry in dollars.days[-2:]} == {
        22: ("complete", None),
        23: ("filling", Decimal("0.45")),
    }
    # Watched since 21 October; on the 24th the 16th of November has the age of 7.
    assert dollars.settled_days == 27
    assert dollars.basis.startswith("Learned from 27 settled days, 2026-10-21 to 2026-11-16: at the age of 1 half")
    assert (euros.maturity_days, euros.last_complete_day) == (0, date(2026, 11, 23))
    assert [(entry.account, entry.newest_day) for entry in dollars.silent_accounts] == [("a-2", date(2026, 11, 14))]
    # Its day of the 8th came on the 11th; the habit allows two days, and one from day to day.
    assert late.stale is not None
    assert (late.maturity_days, late.stale.silent_days, late.stale.usual_days) == (2, 13, 3)
    assert {entry.day: entry.state for entry in late.days}[date(2026, 11, 10)] == "missing"
    assert [(entry.month.month, entry.state) for entry in euros.months] == [(10, "closed"), (11, "open")]

    omissions = {entry.kind: entry for entry in insights.omissions}
    assert omissions["stale_sources"].names == ("Late: no new day for 13 days, usual are 3; ends 8 Nov 2026",)
    assert "lagging_sources" not in omissions
    (month,) = [meter.comparisons["month"] for meter in insights.meters if meter.currency == "EUR"]
    assert month.days.last_day == date(2026, 11, 23)

    pages = render(insights)
    assert "| AWS | USD | 2026-11-22 | 1 | 2026-11-23 filling (45.0" in pages[MARKDOWN_NAME]
    assert "(silent for 13 days)" in pages[HTML_NAME]


def test_a_rebuild_records_nothing_and_changes_no_word(lake: Lake) -> None:
    before, rows = insights_of(lake), lake.rows("SELECT count(*) FROM day_arrivals")
    rebuild(lake, now=at_six(TODAY))
    assert lake.rows("SELECT count(*) FROM day_arrivals") == rows
    assert insights_of(lake).completeness == before.completeness


def test_an_issuer_closes_its_months(lake: Lake) -> None:
    told = {"2026-10-01": "Open", "2026-11-01": "Closed"}
    for month, status in told.items():
        values = f"'p', TIMESTAMPTZ '{month} 00:00:00+00', '{status}', 'aws '"
        columns = "load_id, billing_period_start, billing_period_status, invoice_issuer_name"
        meddle(lake, f"INSERT INTO billing_periods ({columns}) VALUES ({values})")
    months = found(insights_of(lake))["AWS", "EUR"].months
    meddle(lake, "DELETE FROM billing_periods WHERE load_id = 'p'")
    assert [(entry.state, entry.told_by) for entry in months] == [
        ("closing", "billing_periods"),
        ("closed", "billing_periods"),
    ]


def test_days_that_change_leave_and_grow_old(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ("AWS", "JPY", "j")
    old, day = TODAY - 120 * DAY, TODAY - 10 * DAY
    no_usage = [charge(key, day, 9, charge_category="Tax"), charge(key, day, 9, charge_class="Correction")]
    rows = [charge(key, old, 1), charge(key, day, 8, effective_cost=Decimal(5)), charge(key, TODAY + DAY, 1), *no_usage]
    jpy = "SELECT charge_day, age_days, amount FROM day_arrivals WHERE billing_currency = 'JPY' ORDER BY seen_at"

    commit_load(lake, "j1", rows)
    refresh_once(lake, now=at_six(TODAY))
    # Neither tax nor corrections, effective before billed cost, nothing of the future and nothing of 120 days ago.
    assert lake.rows(jpy) == [(day, 9, Decimal(5))]
    commit_load(lake, "j2", [charge(key, day, 2, charge_category=None)], replaces="j1")
    refresh_once(lake, now=at_six(TODAY))
    meddle(lake, "DELETE FROM charges WHERE load_id = 'j2'")
    refresh_once(lake, now=at_six(TODAY + DAY))
    assert lake.rows(jpy) == [(day, 9, Decimal(5)), (day, 9, Decimal(2)), (day, 10, Decimal(0))]
    # When enough can go, the last of each age remains.
    monkeypatch.setattr(arrivals, "FEWEST_TO_REWRITE", 1)
    monkeypatch.setattr(arrivals, "MANY_FILES", 0)
    commit_load(lake, "j3", [charge(key, day, 3)])
    refresh_once(lake, now=at_six(TODAY + DAY))
    assert lake.rows(jpy) == [(day, 9, Decimal(2)), (day, 10, Decimal(3))]
    refresh_once(lake, now=at_six(TODAY + 200 * DAY))
    commit_load(lake, "j4", [charge(key, TODAY + 200 * DAY, 3)])
    refresh_once(lake, now=at_six(TODAY + 200 * DAY))
    assert lake.rows("SELECT charge_day, age_days, amount FROM day_arrivals") == [
        (TODAY + 200 * DAY, -1, Decimal(3)),
    ], "the charges of the future have passed their 120 days, too"
