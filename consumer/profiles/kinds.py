"""What may feed a column of which type."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from billstream.consumer.profiles.model import Source

_TEXT, _NUMBER, _TIME = "VARCHAR", "DECIMAL(38,18)", "TIMESTAMP WITH TIME ZONE"
_DECIMALS = 18
_MOST = Decimal(10) ** 20


def mismatch(source: Source, data_type: str) -> str | None:
    """Why `source` cannot feed a column of `data_type`, None when it can."""
    counting = any(part.amounts or part.negative or part.unless for part in source.first)
    arithmetic = bool(source.sum or source.product or source.by) or counting
    if arithmetic and data_type != _NUMBER:
        return (
            f"`sum`, `product`, `by`, `amounts`, `negative` and `unless` make numbers, and this column is a {data_type}"
        )
    if (source.mapping is not None or source.never) and data_type != _TEXT:
        return f"`map` and `never` are about texts, and this column is a {data_type}"
    if source.prefixed and not data_type.startswith("MAP"):
        return f"`prefixed` makes tags, and this column is a {data_type}"
    for given in (source.constant, source.default):
        if given is not None and not _is(given, data_type):
            return f"{given!r} is no value of a {data_type}"
    return None


def _is(text: str, data_type: str) -> bool:
    if data_type == _NUMBER:
        return _is_number(text)
    if data_type == _TIME:
        return _is_time(text)
    return data_type == _TEXT


def _is_number(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and abs(number) < _MOST and int(number.as_tuple().exponent) >= -_DECIMALS


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
