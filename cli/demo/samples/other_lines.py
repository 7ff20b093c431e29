"""The lines of a FOCUS file beside usage: the commitment itself, a credit, a discount after the fact, and tax."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from billstream.cli.demo.samples.files import Row
from billstream.cli.demo.samples.usage_lines import commitment, money
from billstream.cli.demo.samples.vendors import Vendor

CREDIT = Decimal("0.015")
VOLUME_DISCOUNT = Decimal("0.035")
UPFRONT = Decimal(26000)


def other_lines(vendor: Vendor, usage: Sequence[Row]) -> Iterator[Row]:
    """Return the lines that add to a day's usage lines, or are taken off them."""
    billed = _total(usage, "BilledCost")
    covered = _total(usage, "EffectiveCost") - billed
    if covered:
        yield {
            **_amount("Purchase", "One-year spend commitment, daily fee", covered),
            **commitment(vendor),
            "ChargeFrequency": "Recurring",
            "CommitmentDiscountStatus": "",
            "EffectiveCost": Decimal(0),  # it is in the effective cost of the usage that it covers
        }
    yield _amount("Credit", "Promotional credit", money(billed * -CREDIT))
    yield _volume_discount(max(usage, key=lambda row: Decimal(row["BilledCost"])))
    if vendor.tax:
        yield _amount("Tax", "Value added tax", money((billed + covered) * vendor.tax))


def upfront_purchase(vendor: Vendor) -> Row:
    """A commitment that is paid at once: money of one day, and cost of none."""
    return {
        **_amount("Purchase", "Three-year commitment, paid upfront", UPFRONT),
        **commitment(vendor),
        "CommitmentDiscountStatus": "",
        "EffectiveCost": Decimal(0),
    }


def _volume_discount(dearest: Row) -> Row:
    discount = _amount("Adjustment", "Volume discount", money(Decimal(dearest["BilledCost"]) * -VOLUME_DISCOUNT))
    return discount | {name: dearest[name] for name in ("ServiceName", "ServiceCategory", "SubAccountId", "RegionId")}


def _amount(category: str, description: str, amount: Decimal) -> dict[str, str | Decimal]:
    """A charge that is an amount and no more: there is nothing about it that could be discounted."""
    return {
        "ChargeCategory": category,
        "ChargeDescription": description,
        "ChargeFrequency": "One-Time",
        "ServiceCategory": "Other",
        "ServiceName": "Billing",
        **dict.fromkeys(("ListCost", "ContractedCost", "EffectiveCost", "BilledCost"), amount),
    }


def _total(rows: Sequence[Row], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))
