"""The people whose usage is billed by name."""

from dataclasses import dataclass

_NAMES = """
amara bjorn chiara dmitri elif farid greta hiro ines jonas kavya liam mei noor oskar priya quentin rosa sven tala
umar vera wanjiru xin yara zoltan ada boris carmen diego edda fatou
"""
_TIERS = ("enterprise", "pro", "pro", "free", "pro", "enterprise", "free", "pro")
_REGIONS = ("us-east", "eu-west", "eu-west", "ap-south")


@dataclass(frozen=True)
class Person:
    """One user of the SaaS product. `weight` is how often they use it in proportion to the others."""

    email: str
    tier: str
    region: str
    weight: int


PEOPLE = tuple(
    Person(
        email=f"{name}@example.com",
        tier=_TIERS[number % len(_TIERS)],
        region=_REGIONS[number % len(_REGIONS)],
        weight=1 + 12 // (1 + number % 9),
    )
    for number, name in enumerate(_NAMES.split())
)
