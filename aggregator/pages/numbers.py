"""Numbers for people: rounded, with thousands separators and a true minus sign."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
CENT = Decimal("0.01")
MOST_DECIMALS = 18
MANIFOLD, INCALCULABLE = Decimal(9), Decimal(10) ** 6
COMPACT = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "G"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))


def money(value: Decimal | None) -> str:
    """Return an amount rounded to the cent; one smaller than a cent, to two significant digits."""
    return NOTHING if value is None else _signed(f"{_rounded(value):,f}")


def quantity(value: Decimal | None) -> str:
    """Return an amount like `money`, without trailing zeros: most quantities are whole."""
    text = money(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def difference(value: Decimal | None) -> str:
    """Return an amount like `money`, with its sign."""
    text = money(value)
    return f"+{text}" if value is not None and value > 0 else text


def count(value: int) -> str:
    """Return a whole number with thousands separators."""
    return _signed(f"{value:,d}")


def counted(value: int, noun: str) -> str:
    """Return a number with its noun: 1 charge, 1,200 charges."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def percent(ratio: Decimal | None) -> str:
    """Return a ratio as a percentage: 0.256 is 25.6 %."""
    return NOTHING if ratio is None else _signed(f"{ratio * 100:,.1f}\N{NARROW NO-BREAK SPACE}%")


def percent_change(ratio: Decimal | None) -> str:
    """Return a ratio like `percent`, with its sign; ten times as much and more, as that: x12."""
    if ratio is not None and ratio >= MANIFOLD:
        most = "> " if ratio >= INCALCULABLE else ""
        times = min(ratio + 1, INCALCULABLE)
        return f"{most}\N{MULTIPLICATION SIGN}{compact(Decimal(f'{times:.3g}'))}"
    text = percent(ratio)
    return f"+{text}" if ratio is not None and ratio > 0 else text


def compact(value: Decimal) -> str:
    """Return a round number for an axis: 1500 is 1.5k."""
    for size, letter in COMPACT:
        if abs(value) >= size:
            return _signed(f"{(value / size).normalize():f}{letter}")
    return _signed(f"{value.normalize():f}")


def _rounded(value: Decimal) -> Decimal:
    # Amounts have up to 38 digits, more than the default context keeps.
    with localcontext(prec=80, rounding=ROUND_HALF_EVEN):
        if value == 0:
            return Decimal("0.00")
        if abs(value) >= CENT:
            return value.quantize(CENT)
        decimals = min(1 - value.adjusted(), MOST_DECIMALS)
        return value.quantize(Decimal(1).scaleb(-decimals))


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
