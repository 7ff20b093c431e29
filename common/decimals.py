"""Decimals as text."""

from decimal import Decimal


def decimal_text(value: Decimal) -> str:
    """Return every digit that counts: no exponent, and no zeros behind the last digit that is not zero."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
