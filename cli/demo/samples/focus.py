"""Cost files of a cloud vendor in FOCUS 1.2, one per day."""

import random
from datetime import date, timedelta
from decimal import Decimal

from billstream.cli.demo.samples.files import SampleFile, partition, sample_file
from billstream.cli.demo.samples.fleet import fleet
from billstream.cli.demo.samples.other_lines import other_lines, upfront_purchase
from billstream.cli.demo.samples.season import Season, jitter
from billstream.cli.demo.samples.usage_lines import usage_line
from billstream.cli.demo.samples.vendors import Vendor

_COLUMNS = """
AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd
BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus
CommitmentDiscountType ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost InvoiceId
InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity PricingUnit ProviderName PublisherName
RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName ServiceSubcategory SkuId
SkuMeter SkuPriceId SubAccountId SubAccountName SubAccountType Tags x_ServiceTier x_UserId
"""
HEADER = tuple(_COLUMNS.split())


def focus_file(vendor: Vendor, season: Season, day: date, seed: int, *, factor: Decimal = Decimal(1)) -> SampleFile:
    """The file of one day; `factor` multiplies all usage, as a restated file's differs from the first one's."""
    key = f"focus/vendor={vendor.slug}/{partition(day)}/charges.csv"
    rng = random.Random(f"{seed}/{key}")  # noqa: S311 - nothing secret
    level = season.level(day) * factor
    usage = [
        usage_line(
            vendor,
            deployment,
            level * season.used_more(deployment.sku, deployment.account, day) * jitter(rng),
            dearer=season.dearer(deployment.sku, day),
        )
        for deployment in fleet(vendor, seed)
    ]
    common = _common(vendor, day)
    upfront = [upfront_purchase(vendor)] if vendor.committed and day == season.purchase else []
    rows = [{**common, **row} for row in (*usage, *other_lines(vendor, usage), *upfront)]
    return sample_file(key, HEADER, rows, cost="BilledCost", currency="BillingCurrency")


def _common(vendor: Vendor, day: date) -> dict[str, str | Decimal]:
    month = day.replace(day=1)
    return {
        "BillingAccountId": vendor.billing_account,
        "BillingAccountName": "Example Retail Group",
        "BillingAccountType": "Organization",
        "BillingCurrency": vendor.currency,
        "BillingPeriodStart": _midnight(month),
        "BillingPeriodEnd": _midnight((month + timedelta(days=31)).replace(day=1)),
        "ChargePeriodStart": _midnight(day),
        "ChargePeriodEnd": _midnight(day + timedelta(days=1)),
        "InvoiceId": f"{vendor.slug.upper()}-{day:%Y%m}",
        "InvoiceIssuerName": vendor.name,
        "ProviderName": vendor.name,
        "PublisherName": vendor.name,
    }


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
