"""Values of settings as people write them: sizes (`512MB`, `512Mi`, `2g`), durations (`30s`, `5m`), places, words."""

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator


class Readers(StrEnum):
    """The accounts of this host, beside our own, that may read what is published."""

    OWNER = "owner"
    GROUP = "group"
    EVERYONE = "everyone"


class LogLevel(StrEnum):
    """Least severe log events that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Word = TypeVar("Word", bound=StrEnum)

_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?|\.\d{1,9})\s*([A-Za-z]*)", re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "sec": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_LEAST_MEMORY = 1_000_000
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_S3_URL = re.compile(r"s3://[A-Za-z0-9][^/\s?#]*(/[^?#]*)?")


def bytes_in(text: str) -> int:
    """Return the bytes of a size. K, M, G and T are powers of 1000, Ki, Mi, Gi and Ti of 1024; B and case are free.

    Raises:
        ValueError: the text is not a size.
    """
    number, unit = _parts(text)
    letters = unit.lower().removesuffix("b")
    power = _POWERS.get(letters.removesuffix("i"))
    if power is None or letters == "i":
        raise ValueError("must be a number of bytes, or a number with a unit (kB, MB, GB, TB; KiB, MiB, GiB, TiB)")
    return int(number * (1024 if letters.endswith("i") else 1000) ** power)


def seconds_in(text: str) -> Decimal:
    """Return the seconds of a duration; a number alone counts seconds.

    Raises:
        ValueError: the text is not a duration.
    """
    number, unit = _parts(text)
    factor = _SECONDS.get(unit.lower() or "s")
    if factor is None:
        raise ValueError("must be a number of seconds, or a number with a unit (ms, s, m, h, d)")
    return number * factor


def _parts(text: str) -> tuple[Decimal, str]:
    found = _QUANTITY.fullmatch(text.strip())
    if not found:
        raise ValueError("must be a number, with or without a unit")
    return Decimal(found[1]), found[2]


def _size(value: object) -> object:
    return bytes_in(value) if isinstance(value, str) else value


def _duration(value: object) -> object:
    # A whole number stays one, for settings that take no fractions.
    return f"{seconds_in(value).normalize():f}" if isinstance(value, str) else value


def _memory(value: str) -> str:
    """Return a size in the words of DuckDB, which knows no `Mi`."""
    found = _QUANTITY.fullmatch(value.strip())
    if bytes_in(value) < _LEAST_MEMORY or not found:
        raise ValueError("must be at least 1MB, as a number with a unit (MB, GB; MiB, GiB)")
    letters = found[2].lower().removesuffix("b")
    return f"{found[1]}{letters[:1].upper()}{letters[1:]}B"


def _no_url(value: object) -> object:
    # As a path it would be a folder with the name of the scheme, such as `s3:`.
    if isinstance(value, str) and _URL.match(value):
        raise ValueError("must be a folder or file of this host, not a URL")
    return value


def folder_or_s3(value: str) -> str:
    """Return the value.

    Raises:
        ValueError: it is a URL of another kind than `s3://bucket/prefix/`.
    """
    if _URL.match(value) and not _S3_URL.fullmatch(value):
        raise ValueError("must be a folder of this host, or an S3 prefix; other kinds of URLs are not supported")
    return value


def _small(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Bytes = Annotated[int, BeforeValidator(_size)]
"""A setting in bytes."""

Seconds = Annotated[float, BeforeValidator(_duration)]
"""A setting in seconds, fractions included."""

WholeSeconds = Annotated[int, BeforeValidator(_duration)]
"""A setting in seconds."""

Memory = Annotated[str, AfterValidator(_memory)]
"""A setting for DuckDB's memory, as DuckDB reads it: `512MB`."""

Folder = Annotated[Path, BeforeValidator(_no_url)]
"""A setting that names a folder, or a file, of this host."""

DataPath = Annotated[str, AfterValidator(folder_or_s3)]
"""A setting that names a folder of this host or an S3 prefix."""

AnyCase = Annotated[Word, BeforeValidator(_small)]
"""A setting with a few words to choose from, in any case."""
