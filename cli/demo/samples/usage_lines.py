"""The usage lines of a FOCUS file: what one resource cost on one day."""

from decimal import Decimal

from billstream.cli.demo.samples.files import Row
from billstream.cli.demo.samples.fleet import Deployment
from billstream.cli.demo.samples.vendors import Vendor

MONEY = Decimal("0.00000001")
PRICE = Decimal("0.0000000001")
QUANTITY = Decimal("0.001")
COMMITMENT_DISCOUNT = Decimal("0.28")


def money(amount: Decimal) -> Decimal:
    """Rounded to the eight decimals that the vendors bill with."""
    return amount.quantize(MONEY)


def usage_line(vendor: Vendor, deployment: Deployment, level: Decimal, *, dearer: Decimal = Decimal(1)) -> Row:
    """One resource's day. Committed usage is billed with the commitment, so its own BilledCost is zero.

    `level` is the usage in proportion to an ordinary day, `dearer` the price in proportion to the price list's.
    """
    sku = deployment.sku.model_copy(update={"price": deployment.sku.price * dearer})
    quantity = (sku.daily * deployment.size * level).quantize(QUANTITY)
    contracted = money(quantity * sku.price * (1 - vendor.discount))
    effective = money(contracted * (1 - COMMITMENT_DISCOUNT)) if _committed(deployment) else contracted
    return {
        **_place(deployment),
        **(commitment(vendor) if _committed(deployment) else {"PricingCategory": "Standard"}),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"{sku.service}: {sku.meter}, {sku.price:f} {vendor.currency} per unit ({sku.unit})",
        "ConsumedQuantity": quantity,
        "ConsumedUnit": sku.unit,
        "PricingQuantity": quantity,
        "PricingUnit": sku.unit,
        "ListUnitPrice": sku.price,
        "ContractedUnitPrice": (sku.price * (1 - vendor.discount)).quantize(PRICE),
        "ListCost": money(quantity * sku.price),
        "ContractedCost": contracted,
        "EffectiveCost": effective,
        "BilledCost": Decimal(0) if _committed(deployment) else effective,
    }


def _committed(deployment: Deployment) -> bool:
    return deployment.sku.committed and deployment.account.endswith("-prod")


def _place(deployment: Deployment) -> Row:
    """Return the columns of what was charged and where, without amounts."""
    sku = deployment.sku
    return {
        "RegionId": deployment.region_id,
        "RegionName": deployment.region_name,
        "AvailabilityZone": f"{deployment.region_id}-a" if sku.category == "Compute" else "",
        "ResourceId": deployment.resource_id,
        "ResourceName": deployment.resource_name,
        "ResourceType": sku.resource_type,
        "ServiceCategory": sku.category,
        "ServiceSubcategory": sku.subcategory,
        "ServiceName": sku.service,
        "SkuId": sku.sku_id,
        "SkuMeter": sku.meter,
        "SkuPriceId": f"{sku.sku_id}-P1",
        "SubAccountId": deployment.account_id,
        "SubAccountName": deployment.account,
        "SubAccountType": "Project",
        "Tags": deployment.tags,
        "x_ServiceTier": sku.tier,
        "x_UserId": deployment.owner,
    }


def commitment(vendor: Vendor) -> dict[str, str]:
    """The columns that say which commitment a line belongs to."""
    return {
        "PricingCategory": "Committed",
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": f"{vendor.slug}-commitment-7f21",
        "CommitmentDiscountName": "One-year spend commitment",
        "CommitmentDiscountStatus": "Used",
        "CommitmentDiscountType": "Spend Commitment",
    }
