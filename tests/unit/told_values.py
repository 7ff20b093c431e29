"""Values of what follows a refresh, with names that somebody else wrote, for the tests of the pages."""

from datetime import UTC, date, datetime
from decimal import Decimal

from billstream.aggregator.anomalies.values import Anomaly
from billstream.aggregator.budgets.values import BudgetPeriod, BudgetRule
from billstream.aggregator.causes.values import Cause, Change, Part, PriceVolume, Rows
from billstream.aggregator.forecasting.values import MonthForecast

FIRST, LAST = date(2025, 5, 28), date(2025, 5, 30)
NOTHING = Decimal(0)


def anomalies(hostile: str) -> tuple[Anomaly, ...]:
    """An open one with its cause, and one that a restatement took away, without."""
    change = Change(
        where=(Part(dimension="service", value=hostile),),
        before=Decimal(700),
        after=Decimal("930.000000000000000001"),
        expected=Decimal(300),
        change=Decimal("630.000000000000000001"),
        relative=Decimal("2.1"),
        cause=Cause(
            where=(Part(dimension="resource", value=hostile),),
            explains=True,
            share=Decimal("0.92"),
            before=NOTHING,
            after=Decimal(580),
            new_on=FIRST,
        ),
        price_volume=PriceVolume(price=NOTHING, quantity=NOTHING, begun=NOTHING, untold=Decimal(630), largest=()),
        sentence=f"{hostile} rose from about 100 to 310 USD a day since 28 May (+210 %, 630 USD so far).",
        rows=Rows(
            sql=f"SELECT '{hostile}'",
            count=3,
            files=(f"s3://b/{hostile}.csv", "s3://bucket/" + "long" * 30),
            file_count=2,
        ),
    )
    told = {"currency": "USD", "provider": hostile, "account": hostile, "service": hostile, "user": None}
    first = Anomaly(
        id="0123456789ab",
        tier="page",
        kind="spike",
        direction="up",
        state="open",
        reason=None,
        decided_by=None,
        first_day=FIRST,
        last_day=LAST,
        days=3,
        complete=False,
        detected_on=LAST,
        actual=change.after,
        expected=change.expected,
        impact=change.change,
        relative=change.relative,
        score=Decimal("12.5"),
        sentence=change.sentence,
        change=change,
        **told,
    )
    second = first.model_copy(
        update={"id": "ba9876543210", "tier": "notice", "state": "withdrawn", "reason": hostile, "change": None}
    )
    return (first, second)


def forecast(hostile: str) -> tuple[MonthForecast, ...]:
    """One of a currency with an interval, and one of a service without."""
    whole = MonthForecast(
        month=date(2025, 5, 1),
        scope="currency",
        currency="USD",
        provider=None,
        account=None,
        service=None,
        complete_to=date(2025, 5, 29),
        so_far=Decimal("1234.50"),
        recurring=Decimal("100.00"),
        expected=Decimal("1500.25"),
        low=Decimal("1450.00"),
        high=Decimal("1550.50"),
        method="weekday_medians",
        history_days=90,
        origins=12,
        why_no_interval=None,
    )
    named = {"provider": hostile, "account": hostile, "service": hostile}
    why = "No interval: 3 days of history, and it takes 28."
    part = whole.model_copy(
        update={"scope": "service", **named, "low": None, "high": None, "why_no_interval": why, "origins": 0}
    )
    return (whole, part)


def budgets(hostile: str) -> tuple[BudgetPeriod, ...]:
    """One whose forecast fires."""
    at = datetime(2025, 5, 30, 6, tzinfo=UTC)
    rule = BudgetRule(
        rule="forecast:1",
        state="firing",
        sentence="a forecast of 1,500.25 USD, nine times in ten above 1,450.00 USD, has reached 100 % of 1,400.00 USD",
        changed_at=at,
        fired_at=at,
        acknowledged_by=None,
        reason=None,
    )
    period = BudgetPeriod(
        budget=hostile,
        owner=hostile,
        currency="USD",
        cost="effective_cost",
        first_day=date(2025, 5, 1),
        last_day=date(2025, 5, 31),
        amount=Decimal(1400),
        actual=Decimal("1234.50"),
        actual_to=LAST,
        used=Decimal("0.881786"),
        forecast=Decimal("1500.25"),
        forecast_low=Decimal("1450.00"),
        forecast_high=Decimal("1550.50"),
        complete_to=date(2025, 5, 29),
        evaluated_at=at,
        rules=(rule,),
    )
    return (period,)
