"""Price and volume: how much of a change is a price that differs, and how much a quantity. Pure, in exact decimals.

Within one SKU, price, region and unit, with p the cost of one unit and q the quantity:

    change = (p_after - p_before) * q_after + (q_after - q_before) * p_before

The first part is the price, the second the quantity (FinOps: price effect and volume effect). The sum is exact, as the
price is what the quantity leaves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from billstream.aggregator.causes.values import PriceChange, PriceVolume

MOST_PRICES = 3
PLACES = Decimal(1).scaleb(-18)


@dataclass(frozen=True)
class Sold:
    """Cost and quantity of one SKU in one unit before and after; None: charges that tell no SKU or no quantity."""

    sku: str | None
    unit: str
    cost_before: Decimal
    cost_after: Decimal
    quantity_before: Decimal | None
    quantity_after: Decimal | None


def scaled(amount: Decimal, days_after: int, days_before: int) -> Decimal:
    """Return an amount of some days as it were over others, to 18 decimals; the amount itself for as many days."""
    if days_after == days_before or not days_before:
        return amount
    with localcontext(prec=80):
        return (amount * days_after / days_before).quantize(PLACES)


def price_and_volume(sold: Iterable[Sold]) -> PriceVolume:
    """Return the parts of a change; together they are exactly the costs after less those before.

    Args:
        sold: the amounts before must be over as many days as those after (`scaled`).
    """
    price = quantity = begun = untold = Decimal(0)
    changes = []
    for one in sold:
        change = one.cost_after - one.cost_before
        before, after = one.quantity_before, one.quantity_after
        if before is None or after is None or before < 0 or after < 0:
            untold += change
        elif not before and not one.cost_before:
            begun += change
        elif not before:
            untold += change
        else:
            told = _told(one, before, after)
            price += told.price_effect
            quantity += told.quantity_effect
            changes.append(told)
    changes.sort(key=lambda one: (-abs(one.price_effect) - abs(one.quantity_effect), one.sku, one.unit))
    return PriceVolume(price=price, quantity=quantity, begun=begun, untold=untold, largest=tuple(changes[:MOST_PRICES]))


def _told(one: Sold, before: Decimal, after: Decimal) -> PriceChange:
    with localcontext(prec=80):
        price_before = one.cost_before / before
        volume = ((after - before) * price_before).quantize(PLACES)
        return PriceChange(
            sku=one.sku or "",
            unit=one.unit,
            quantity_before=before,
            quantity_after=after,
            price_before=price_before.quantize(PLACES),
            price_after=(one.cost_after / after).quantize(PLACES) if after else None,
            price_effect=one.cost_after - one.cost_before - volume,
            quantity_effect=volume,
        )
