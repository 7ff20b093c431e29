"""Ratios of exact amounts: the one place where insights round."""

from decimal import Decimal, localcontext

SIX_DECIMALS = Decimal("0.000001")


def share(amount: Decimal | int, whole: Decimal | int | None) -> Decimal | None:
    """Return `amount` as a part of `whole`, to six decimals; None unless the whole is positive."""
    if whole is None or whole <= 0:
        return None
    return _quotient(amount, whole)


def change(amount: Decimal, before: Decimal | None) -> Decimal | None:
    """Return the increase over `before` as a ratio to its absolute value, to six decimals; None when it is zero.

    From -100 to -50 is an increase of 0.5: less is credited.
    """
    if before is None or before == 0:
        return None
    with localcontext(prec=80):
        return _quotient(amount - before, abs(before))


def _quotient(part: Decimal | int, whole: Decimal | int) -> Decimal:
    with localcontext(prec=80):
        return (Decimal(part) / Decimal(whole)).quantize(SIX_DECIMALS)
