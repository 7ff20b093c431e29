"""Currencies as headers and titles name them: ISO 4217's codes, and the signs that stand for them.

The codes are those of ISO 4217, list one (maintained by SIX, https://www.six-group.com/en/products-services/financial-information/market-reference-data/data-standards.html),
without precious metals, units of account and test codes, and with the codes withdrawn since 2006, which old bills have.
"""

import re
import unicodedata

_CODES = frozenset(
    # One word for each: a list of 170 literals would be read by nobody.
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS
    UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    BYR EEK HRK LTL LVL MRO SKK SLL STD VEF ZMK ZWL
    """.split()  # noqa: SIM905
)
# Codes that are words beside "cost" and "total": `cost_all` is no amount in Albanian leks. They count in brackets only.
_WORDS = frozenset({"ALL", "TOP"})
# None: the sign of several currencies, so nobody knows which.
_SIGNS: dict[str, str | None] = {
    "¥": None,
    **dict.fromkeys(("US$", "USD$", "$"), "USD"),
    **dict.fromkeys(("CN¥", "RMB", "元"), "CNY"),
    **dict.fromkeys(("JP¥", "円"), "JPY"),
    **dict.fromkeys(("CA$", "C$"), "CAD"),
    **dict.fromkeys(("AU$", "A$"), "AUD"),
    "NZ$": "NZD",
    "HK$": "HKD",
    "NT$": "TWD",
    "R$": "BRL",
    "S$": "SGD",
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₪": "ILS",
    "₫": "VND",
    "₴": "UAH",
    "₦": "NGN",
    "₱": "PHP",
    "฿": "THB",
}
_SIGN = re.compile("|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True)), re.IGNORECASE)
_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{3}(?![A-Za-z0-9])")
_CODE_IN_A_TEXT = re.compile(r"(?<![A-Za-z0-9])[A-Z]{3}(?![A-Za-z0-9])")


def is_currency(code: str) -> bool:
    """Return whether a text is the code of a currency, in any case."""
    return code.upper() in _CODES


def code_in_name(code: str, name: str) -> str | None:
    """Return `code` in capitals if it names a currency where it stands in the column name `name`, else None."""
    upper = code.upper()
    if upper not in _CODES or (upper in _WORDS and f"({upper})" not in name.upper()):
        return None
    return upper


def sign_in(text: str) -> tuple[str, str, str | None] | None:
    """Return what stands before and behind the first currency sign of `text`, and its code; None without a sign.

    The code is None for a sign of several currencies, such as ¥. A $ alone is the US dollar: headers in which it is
    another write CA$ or the code.
    """
    found = _SIGN.search(unicodedata.normalize("NFKC", text))
    if found is None:
        return None
    text = found.string
    # RMB is a sign that is made of letters, so it has to stand alone.
    if found[0].isalpha() and found[0].isascii() and not _alone(text, found.start(), found.end()):
        return None
    return text[: found.start()], text[found.end() :], _SIGNS[found[0].upper()]


def with_currency(name: str) -> str:
    """Return a column name with `{currency}` in the place of its code or sign; without one, the name itself."""
    for found in _WORD.finditer(name):
        if code_in_name(found[0], name):
            return f"{name[: found.start()]}{{currency}}{name[found.end() :]}"
    sign = sign_in(name)
    return f"{sign[0]}{{currency}}{sign[1]}" if sign else name


def currency_of(text: str) -> str | None:
    """Return the currency that a text such as `usd`, `US Dollar (USD)` or `€` names; None unless it is exactly one."""
    text = text.strip()
    if is_currency(text):
        return text.upper()
    codes = {code for code in _CODE_IN_A_TEXT.findall(text) if code in _CODES}
    if codes:
        return codes.pop() if len(codes) == 1 else None
    sign = sign_in(text)
    return sign[2] if sign else None


def _alone(text: str, start: int, end: int) -> bool:
    return not (text[:start][-1:].isalnum() or text[end:][:1].isalnum())
