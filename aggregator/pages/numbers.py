"""Numbers for people: rounded, with thousands separators and a true minus sign."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
DECIMALS = 2
OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""Currencies whose smallest unit is not a hundredth, by its decimals (ISO 4217)."""
MOST_DECIMALS = 18
MANIFOLD, INCALCULABLE = Decimal(9), Decimal(10) ** 6
COMPACT = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "G"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))


def money(value: Decimal | None, currency: str | None = None) -> str:
    """Return an amount rounded to the smallest unit of its currency; a smaller amount, to two significant digits."""
    return NOTHING if value is None else _signed(f"{_rounded(value, decimals_of(currency)):,f}")


def quantity(value: Decimal | None) -> str:
    """Return an amount like `money`, without trailing zeros: most quantities are whole."""
    text = money(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_price(value: Decimal | None) -> str:
    """Return the cost of one unit with four significant digits, and two decimals at least: most units are cheap."""
    if value is None:
        return NOTHING
    decimals = min(max(DECIMALS, 3 - value.adjusted()), MOST_DECIMALS) if value else DECIMALS
    with localcontext(prec=80, rounding=ROUND_HALF_EVEN):
        return _signed(f"{value.quantize(Decimal(1).scaleb(-decimals)):,f}")


def difference(value: Decimal | None, currency: str | None = None) -> str:
    """Return an amount like `money`, with its sign."""
    text = money(value, currency)
    return f"+{text}" if value is not None and value > 0 else text


def effect(value: Decimal | None, currency: str | None = None) -> str:
    """Return an amount like `difference`; less than the smallest unit is 0: effects are quotients."""
    if value is not None and abs(value) * 2 < Decimal(1).scaleb(-decimals_of(currency)):
        value = Decimal(0)
    return difference(value, currency)


def count(value: int) -> str:
    """Return a whole number with thousands separators."""
    return _signed(f"{value:,d}")


def counted(value: int, noun: str) -> str:
    """Return a number with its noun: 1 charge, 1,200 charges."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def percent(ratio: Decimal | None) -> str:
    """Return a ratio as a percentage: 0.256 is 25.6 %. What rounds to nothing has no sign."""
    if ratio is None:
        return NOTHING
    # abs() takes the sign of a negative zero.
    rounded = (ratio * 100).quantize(Decimal("0.1"))
    return _signed(f"{rounded or abs(rounded):,.1f}\N{NARROW NO-BREAK SPACE}%")


def percent_change(ratio: Decimal | None) -> str:
    """Return a ratio like `percent`, with its sign; ten times as much and more, as that: x12."""
    if ratio is not None and ratio >= MANIFOLD:
        most = "> " if ratio >= INCALCULABLE else ""
        times = min(ratio + 1, INCALCULABLE)
        return f"{most}\N{MULTIPLICATION SIGN}{compact(Decimal(f'{times:.3g}'))}"
    text = percent(ratio)
    return f"+{text}" if ratio is not None and round(ratio, 3) > 0 else text


def compact(value: Decimal) -> str:
    """Return a round number for an axis: 1500 is 1.5k."""
    for size, letter in COMPACT:
        if abs(value) >= size:
            return _signed(f"{(value / size).normalize():f}{letter}")
    return _signed(f"{value.normalize():f}")


def decimals_of(currency: str | None) -> int:
    """Return the number of decimals of a currency's smallest unit."""
    return next((decimals for decimals, codes in OTHER_DECIMALS.items() if currency in codes.split()), DECIMALS)


def _rounded(value: Decimal, decimals: int) -> Decimal:
    # Amounts have up to 38 digits, more than the default context keeps.
    with localcontext(prec=80, rounding=ROUND_HALF_EVEN):
        smallest = Decimal(1).scaleb(-decimals)
        if value == 0 or abs(value) >= smallest:
            return abs(value).quantize(smallest) if value == 0 else value.quantize(smallest)
        return value.quantize(Decimal(1).scaleb(-min(1 - value.adjusted(), MOST_DECIMALS)))


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
