"""Plain usage files of an AI product: one row per piece of work, with the credits it took."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billstream.cli.demo.samples.files import Row, SampleFile, partition, sample_file
from billstream.cli.demo.samples.people import PEOPLE, Person
from billstream.cli.demo.samples.season import Season, jitter

HEADER = (
    "usage_timestamp",
    "user",
    "service",
    "service_tier",
    "resource_type",
    "region",
    "credits",
    "cost",
    "currency",
)
CURRENCY = "USD"
# Service, what was done, and the credits that it takes.
WORK = (
    ("Quill Assistant", "chat", Decimal("0.85")),
    ("Quill Assistant", "chat", Decimal("0.85")),
    ("Quill Assistant", "code review", Decimal("4.20")),
    ("Quill Assistant", "agent run", Decimal("18.60")),
    ("Quill Search", "answer", Decimal("0.32")),
    ("Quill Studio", "image", Decimal("2.75")),
)
PRICE_PER_CREDIT = {"free": Decimal(0), "pro": Decimal("0.395"), "enterprise": Decimal("0.312")}
CREDIT = Decimal("0.0001")
MONEY = Decimal("0.000001")
LEAST_ROWS, MOST_ROWS = 50, 150


def usage_file(season: Season, day: date, seed: int, *, name: str = "usage") -> SampleFile:
    """The file of one day."""
    key = f"usage/vendor=quill/{partition(day)}/{name}.csv"
    rng = random.Random(f"{seed}/{key}")  # noqa: S311 - nothing secret
    count = min(MOST_ROWS, max(LEAST_ROWS, int(75 * season.level(day))))
    rows = sorted((_row(day, rng) for _ in range(count)), key=lambda row: str(row["usage_timestamp"]))
    return sample_file(key, HEADER, rows, cost="cost", currency="currency")


def _row(day: date, rng: random.Random) -> Row:
    person = _somebody(rng)
    service, work, ordinary = rng.choice(WORK)
    used = (ordinary * jitter(rng, percent=60)).quantize(CREDIT)
    return {
        "usage_timestamp": _moment(day, rng),
        "user": person.email,
        "service": service,
        "service_tier": person.tier,
        "resource_type": work,
        "region": person.region,
        "credits": used,
        "cost": (used * PRICE_PER_CREDIT[person.tier]).quantize(MONEY),
        "currency": CURRENCY,
    }


def _somebody(rng: random.Random) -> Person:
    return rng.choices(PEOPLE, [person.weight for person in PEOPLE])[0]


def _moment(day: date, rng: random.Random) -> str:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (midnight + timedelta(seconds=rng.randrange(6 * 3600, 22 * 3600))).strftime("%Y-%m-%dT%H:%M:%SZ")
