"""The SQL that turns a text cell into a TIMESTAMPTZ."""

import re
from collections.abc import Sequence

from billstream.common.lake.catalog import literal

TIME_TYPE = "TIMESTAMP WITH TIME ZONE"
FIRST_TIME = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"  # what Python, and most others, can hold
LAST_TIME = "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
_OFFSET = r" ?(?:UTC|[zZ]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_ISO = rf"\s*{_DATE}(?:{_CLOCK}(?:{_OFFSET})?)?\s*"
_WITH_OFFSET = rf"\s*{_DATE}{_CLOCK}{_OFFSET}\s*"
_PARTS = rf"^\s*({_DATE})[T ]([0-9]{{2}}:[0-9]{{2}})(:[0-9]{{2}})?(?:[.,]([0-9]+))?({_OFFSET})?\s*$"
_SHAPES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "H": "[0-9]{1,2}",
    "I": "[0-9]{1,2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{1,9}",
    "z": "(?:[zZ]|[+-][0-9]{2}(?::?[0-9]{2})?)",
    "p": "[AaPp][Mm]",
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]{3,9}",
    "j": "[0-9]{1,3}",
    "%": "%",
}
_EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}


def time_value(cell: str, forms: Sequence[str], zone: str) -> str:
    """`cell` as TIMESTAMPTZ when it is written in one of `forms`, else NULL.

    Args:
        cell: the name of a text column.
        forms: iso, epoch_seconds, epoch_milliseconds, or strptime formats; the first that fits is taken.
        zone: the time zone of texts without an offset.
    """
    readings = [_reading(cell, form, zone) for form in forms] or [f"NULL::{TIME_TYPE}"]
    return readings[0] if len(readings) == 1 else f"coalesce({', '.join(readings)})"


def _reading(cell: str, form: str, zone: str) -> str:
    if form == "iso":
        return iso_timestamp(cell, zone)
    if form in _EPOCHS:
        # At most 14 digits: a sum of microseconds that fits.
        whole = f"CASE WHEN regexp_full_match({cell}, '\\s*-?[0-9]{{1,14}}\\s*') THEN TRY_CAST({cell} AS BIGINT) END"
        return f"try(make_timestamptz({whole} * {_EPOCHS[form]}))"
    # DuckDB would read a year of two digits as one of four, and 'infinity' as 1900.
    parsed = f"try_strptime({cell}, {literal(form)})"
    moment = f"{parsed}::TIMESTAMPTZ" if "%z" in form else f"timezone({literal(zone)}, {parsed})"
    return f"CASE WHEN regexp_full_match({cell}, {literal(_pattern(form))}) THEN {moment} END"


def _pattern(form: str) -> str:
    """What a text in a strptime format looks like."""
    parts = re.split(r"%-?(.)", form)
    shapes = [_SHAPES[part] if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    return rf"\s*{''.join(shapes)}\s*"


def iso_timestamp(cell: str, zone: str = "UTC") -> str:
    """`cell` as TIMESTAMPTZ when it is ISO 8601, NULL otherwise; without an offset it is of `zone`.

    The guard is for what DuckDB would take as well: '9/1/24' as the first of September of the year 9, 'infinity',
    'epoch', offsets of four days. The common forms pass by a look at a few characters, others by a pattern.
    """
    date = f"substring({cell}, 5, 1) = '-' AND substring({cell}, 8, 1) = '-' AND substring({cell}, 10, 1) >= '0'"
    common = (
        f"(length({cell}) = 10 OR right({cell}, 1) = 'Z' OR (length({cell}) = 19 AND substring({cell}, 17, 1) = ':'))"
    )
    guard = f"{date} AND ({common} OR regexp_full_match({cell}, {literal(_ISO)}))"
    if zone == "UTC":
        return f"CASE WHEN {guard} THEN {_cast(cell, 'TIMESTAMPTZ')} END"
    return (
        f"CASE WHEN NOT ({guard}) THEN NULL"
        f" WHEN regexp_full_match({cell}, {literal(_WITH_OFFSET)}) THEN {_cast(cell, 'TIMESTAMPTZ')}"
        f" ELSE timezone({literal(zone)}, {_cast(cell, 'TIMESTAMP')}) END"
    )


def _cast(cell: str, data_type: str) -> str:
    """DuckDB does not take 00:00Z without seconds, a comma before their fraction, nor a space before an offset."""

    def part(number: int) -> str:
        return f"regexp_extract({cell}, {literal(_PARTS)}, {number})"

    seconds = f"coalesce(nullif({part(3)}, ''), ':00')"
    whole = f"concat({part(1)}, ' ', {part(2)}, {seconds}, '.', {part(4)}, '0', replace(trim({part(5)}), 'UTC', 'Z'))"
    return f"coalesce(TRY_CAST({cell} AS {data_type}), TRY_CAST({whole} AS {data_type}))"
