"""The resources a company runs at a vendor: the same ones every day, so that their costs can be followed."""

import json
import random
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from billstream.cli.demo.samples.people import PEOPLE
from billstream.cli.demo.samples.vendors import Sku, Vendor

_TEAMS = ("payments", "search", "data", "research", "platform")


@dataclass(frozen=True)
class Deployment:
    """One resource. `size` is its usage in proportion to the price list's ordinary day."""

    sku: Sku
    account: str
    account_id: str
    region_id: str
    region_name: str
    resource_id: str
    resource_name: str
    size: Decimal
    owner: str
    tags: str


@cache
def fleet(vendor: Vendor, seed: int) -> tuple[Deployment, ...]:
    """Every resource at a vendor, in a fixed order."""
    return tuple(
        _deployment(vendor, sku, account, region, seed)
        for account in vendor.accounts
        for region in vendor.regions
        for sku in vendor.skus
    )


def _deployment(vendor: Vendor, sku: Sku, account: str, region: tuple[str, str], seed: int) -> Deployment:
    rng = random.Random(f"{seed}/{vendor.slug}/{account}/{region}/{sku.sku_id}")  # noqa: S311 - nothing secret
    kind = sku.resource_type.lower().replace(" ", "-")
    return Deployment(
        sku=sku,
        account=account,
        account_id=f"{vendor.slug}-{1000 + vendor.accounts.index(account)}",
        region_id=region[0],
        region_name=region[1],
        resource_id=f"{vendor.slug}:{region[0]}:{kind}/{rng.getrandbits(48):012x}",
        resource_name=f"{account}-{kind}-{rng.randint(1, 9)}",
        size=Decimal(rng.randint(200, 1800)) / 1000,
        owner=rng.choice(PEOPLE).email if sku.incident or sku.tier == "enterprise" else "",
        tags=_tags(account, rng),
    )


def _tags(account: str, rng: random.Random) -> str:
    """A JSON object, as FOCUS has it; one resource in ten was never tagged."""
    if rng.randint(1, 10) == 1:
        return ""
    tags = {
        "team": rng.choice(_TEAMS),
        "environment": "staging" if account.endswith("staging") else "production",
        "cost-center": f"cc-{rng.randint(101, 108)}",
    }
    return json.dumps(tags)
