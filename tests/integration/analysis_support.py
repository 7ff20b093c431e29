"""A company of a few series, by day, for the tests of what follows a refresh."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tests.integration.aggregator_support import Row

TODAY = date(2025, 6, 20)
NOW = datetime(2025, 6, 20, 12, tzinfo=UTC)
FIRST = TODAY - timedelta(120)
SERVICES = (("prod", "Compute", "200.10"), ("prod", "Database", "90.05"), ("dev", "Compute", "60.01"))
WEEK = ("1", "1", "1", "1", "1", "0.7", "0.7")


def usual(day: date, base: str) -> Decimal:
    """What a series costs on a day: less at weekends, and a little up and down."""
    wobble = Decimal((day.toordinal() * 7919) % 13 - 6) / 400
    return (Decimal(base) * Decimal(WEEK[day.weekday()]) * (1 + wobble)).quantize(Decimal("0.000001"))


def charge(day: date, account: str, service: str, cost: Decimal, **more: object) -> Row:
    """One charge of usage at noon; `more` are further fields of it."""
    values: dict[str, object] = {
        "charge_period_start": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        "billing_currency": "EUR",
        "provider_name": "AWS",
        "sub_account_id": account,
        "billing_account_id": "payer",
        "service_name": service,
        "region_id": "eu-west-1",
        "charge_category": "Usage",
        "billed_cost": cost,
        "effective_cost": cost,
        "resource_id": f"{service}-1",
    }
    return Row(**{**values, **more})  # type: ignore[arg-type]


def company(
    last_day: date, cost: Callable[[date, str, str, Decimal], Decimal] = lambda _day, _account, _service, usual: usual
) -> Iterator[Row]:
    """The usage of every day up to the last; `cost` changes what a series costs on a day."""
    for number in range((last_day - FIRST).days + 1):
        day = FIRST + timedelta(number)
        for account, service, base in SERVICES:
            yield charge(day, account, service, cost(day, account, service, usual(day, base)))
