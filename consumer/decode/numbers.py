"""The SQL that turns a text cell into a DECIMAL(38,18), exactly or not at all.

Reading text as a wide decimal is slow in DuckDB, and a cast to a decimal of smaller scale rounds silently. So a
number takes the narrow, fast cast only when its text cannot need more digits than the narrow type keeps; all other
texts take the slow cast, and only when a pattern shows that it is exact.
"""

import re

from billstream.common.lake.catalog import literal
from billstream.consumer.profiles.model import Values

COST_TYPE = "DECIMAL(38,18)"

# An optional sign, at most 20 digits before the point and 18 after it, zeros around these.
_EXACT = r"^\s*[+-]?(0*[0-9]{1,20}(\.[0-9]{0,18}0*)?|\.[0-9]{1,18}0*)\s*$"
_NUMBER = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$"
_SCIENTIFIC = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][+-]?0*[0-9]{1,3}\s*$"
_FACTOR = "DECIMAL(19,9)"  # two of these make a DECIMAL(38,18) without a digit lost
_HALF = "1000000000::HUGEINT"
_ONE = "1000000000000000000::HUGEINT"


def exact_decimal(cell: str) -> str:
    """`cell` as DECIMAL(38,18), or NULL where that would round, overflow, or is no number.

    DuckDB's casts take '- ', which spreadsheets write for nothing, as 0. So what does not begin with a digit or
    a point must at least end with one to be cast at once.
    """
    plain = f"({cell} >= '.' OR right({cell}, 1) BETWEEN '.' AND '9')"
    return (
        f"CASE WHEN {_has_exponent(cell)} THEN {_exact_wide(_without_exponent(cell))} ELSE coalesce("
        # 13 characters have at most 12 digits behind the point, also in '.123456789012'.
        f"CASE WHEN length({cell}) <= 13 AND {plain} THEN TRY_CAST({cell} AS DECIMAL(18,12)) END::{COST_TYPE}, "
        f"CASE WHEN length({cell}) <= 20 AND starts_with({cell}, '0.') AND {plain}"
        f" THEN TRY_CAST({cell} AS DECIMAL(18,18)) END::{COST_TYPE}, "
        f"{_exact_wide(cell)}) END"
    )


def rounded_decimal(cell: str) -> str:
    """`cell` as DECIMAL(38,18), NULL where it is no number or too large.

    Digits beyond the 18th decimal are rounded half away from zero, as DuckDB casts text to a decimal. Only what
    has such digits takes that cast: it is slow.
    """
    text = f"CASE WHEN {_has_exponent(cell)} THEN {_without_exponent(cell)} ELSE {cell} END"
    cast = f"CASE WHEN regexp_matches({text}, '{_NUMBER}') THEN TRY_CAST({text} AS {COST_TYPE}) END"
    return f"coalesce({exact_decimal(cell)}, {cast})"


def undecorated(cell: str, values: Values) -> str:
    """The text of a number without currency signs and grouping, and with a point: '$10,000.00 ' as '10000.00'.

    Digits are grouped by three or not at all, and brackets are a minus, as accountants write it. What is written
    otherwise stays as it is, unless its point is a comma: then it is NULL.
    """
    symbols = "|".join(re.escape(symbol) for symbol in values.symbols)
    sign = rf"\s*(?:{symbols})?\s*" if symbols else r"\s*"
    grouped = rf"[0-9]{{1,3}}(?:{re.escape(values.thousands)}[0-9]{{3}})+|" if values.thousands else ""
    digits = rf"(?:{grouped}[0-9]+)(?:{re.escape(values.decimal_point)}[0-9]*)?"
    number = rf"[+-]?{sign}{digits}{sign}"
    pattern = rf"\s*(?:[+-]?{sign}{digits}{sign}|{sign}[+-]{digits}{sign}|\({number}\))\s*"
    kept = rf"[^0-9+\-{re.escape(values.decimal_point)}]"
    bare = f"regexp_replace({cell}, {literal(kept)}, '', 'g')"
    if values.decimal_point != ".":
        bare = f"replace({bare}, {literal(values.decimal_point)}, '.')"
    other = cell if values.decimal_point == "." else "NULL"
    return (
        f"CASE WHEN regexp_full_match({cell}, {literal(pattern)})"
        f" THEN CASE WHEN contains({cell}, '(') THEN '-' ELSE '' END || {bare} ELSE {other} END"
    )


def product(one: str, other: str, *, exact: bool) -> str:
    """The product of two DECIMAL(38,18), NULL where it does not fit.

    Args:
        one: a factor.
        other: the other factor.
        exact: whether a product with more than 18 decimals is NULL too; else it is rounded half away from zero.
    """
    factors = [f"TRY_CAST({factor} AS {_FACTOR})" for factor in (one, other)]
    narrow = " AND ".join(f"{factor} = {cast}" for factor, cast in zip((one, other), factors, strict=True))
    wide = _wide_product(_atoms(one), _atoms(other), exact=exact)
    return (
        f"CASE WHEN {one} IS NULL OR {other} IS NULL THEN NULL"
        f" WHEN {narrow} THEN ({factors[0]} * {factors[1]})::{COST_TYPE} ELSE try({wide}) END"
    )


def _atoms(number: str) -> str:
    """A DECIMAL(38,18) as a whole number of its last decimals."""
    return f"replace({number}::VARCHAR, '.', '')::HUGEINT"


def _wide_product(one: str, other: str, *, exact: bool) -> str:
    """Two numbers of atoms multiplied, their halves one by one, as no integer holds the product of two such numbers."""
    halves = f"{{'a': {one} // {_HALF}, 'b': {one} % {_HALF}, 'c': {other} // {_HALF}, 'd': {other} % {_HALF}}}"
    middle = "(h.a * h.d + h.b * h.c)"
    rest = f"({middle} % {_HALF} * {_HALF} + h.b * h.d)"
    up = f"CASE WHEN abs({rest} % {_ONE}) * 2 >= {_ONE} THEN sign({rest})::HUGEINT ELSE 0 END"
    atoms = f"(h.a * h.c + {middle} // {_HALF} + {rest} // {_ONE} + {up})"
    fits = f"{rest} % {_ONE} = 0" if exact else "true"
    number = (
        f"(({atoms}) // {_ONE})::{COST_TYPE}"
        f" + (({atoms}) % {_ONE})::DECIMAL(18,0) * 0.000000000000000001::DECIMAL(19,18)"
    )
    return f"list_transform([{halves}], lambda h: CASE WHEN {fits} THEN ({number})::{COST_TYPE} END)[1]"


def amounts(cell: str, name: str, *, exact: bool) -> str:
    """The sum of the numbers called `name` in a JSON array of objects; NULL where it is none.

    The numbers are taken from the text, as a JSON reader would make floating-point numbers of them; the array is
    parsed to see that there is one for each of its objects.
    """
    each = exact_decimal("amount") if exact else rounded_decimal("amount")
    entries = f"TRY_CAST({cell} AS JSON[])"
    pattern = rf'"{re.escape(name)}"\s*:\s*"?(-?[0-9][0-9.eE+-]*)"?\s*[,}}]'
    texts = f"regexp_extract_all({cell}, {literal(pattern)}, 1)"
    numbers = f"list_transform({texts}, lambda amount: {each})"
    named = f"list_filter({entries}, lambda entry: json_exists(entry, {literal(_json_path(name))}))"
    whole = (
        f"len({named}) = len({entries}) AND len({texts}) = len({entries}) AND list_count({numbers}) = len({entries})"
    )
    return f"CASE WHEN {whole} THEN try(coalesce(list_sum({numbers}), 0)::{COST_TYPE}) END"


def _json_path(name: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{quoted}"'


def _exact_wide(text: str) -> str:
    return f"CASE WHEN regexp_matches({text}, '{_EXACT}') THEN TRY_CAST({text} AS {COST_TYPE}) END"


def _has_exponent(cell: str) -> str:
    return f"contains({cell}, 'e') OR contains({cell}, 'E')"


def _without_exponent(cell: str) -> str:
    """A number in scientific notation as plain text, its point moved; NULL for what is none.

    DuckDB's own casts of such texts take 8e-40 as 1e-18, and let 1.7e20 pass as a DECIMAL(38,18).
    """
    whole = f"regexp_extract({cell}, '^\\s*[+-]?([0-9]*)', 1)"
    fraction = f"regexp_extract({cell}, '\\.([0-9]*)', 1)"
    power = f"TRY_CAST(regexp_extract({cell}, '[eE]([+-]?[0-9]+)', 1) AS INTEGER)"
    sign = f"CASE WHEN regexp_matches({cell}, '^\\s*-') THEN '-' ELSE '' END"
    longer = f"rpad({fraction}, greatest({power}, length({fraction}))::INTEGER, '0')"
    padded = f"lpad({whole}, greatest(-{power}, length({whole}))::INTEGER, '0')"
    return (
        f"CASE WHEN NOT regexp_matches({cell}, '{_SCIENTIFIC}') THEN NULL"
        f" WHEN {power} < 0 THEN concat({sign}, left({padded}, (length({padded}) + {power})::INTEGER), '.',"
        f" right({padded}, -{power}), {fraction})"
        f" ELSE concat({sign}, {whole}, left({longer}, {power}), '.', substring({longer}, {power} + 1)) END"
    )
