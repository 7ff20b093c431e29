"""Templates of keys: a closed language that is matched segment by segment, from the end of the key, in linear time.

| segment | stands for |
|---|---|
| `{export}` | the first segment of every template: any number of leading segments, none included |
| `{name}` | a segment that repeats the last one of the export |
| `{delivery}` | one segment, the folder of one delivery |
| `{yyyymmdd-yyyymmdd}` | one segment: the first and the last day of the period, or the day after the last |
| `{yyyy-mm}`, `{yyyy}` and `{mm}` | the month of the period; a text may stand before them, as `BILLING_PERIOD=` |
| all else | itself; `*` in it is any text within the segment |

Case counts in folders that stand for themselves, and nowhere else: AWS writes `BILLING_PERIOD=` and `billing_period=`.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from billstream.consumer.layouts.place import Place

_PLACEHOLDER = re.compile(r"([^{}*]*)\{(yyyymmdd-yyyymmdd|yyyy-mm|yyyy|mm)\}")
_WHOLE = frozenset({"{name}", "{delivery}"})
_PERIODS = ({"yyyymmdd-yyyymmdd"}, {"yyyy-mm"}, {"yyyy", "mm"})


@dataclass(frozen=True)
class _Segment:
    """One segment of a template; `period` is the part of the period that it names, `text` what stands before it."""

    text: str
    period: str | None = None

    @classmethod
    def of(cls, text: str) -> "_Segment":
        placeholder = _PLACEHOLDER.fullmatch(text)
        return cls(placeholder[1].casefold(), placeholder[2]) if placeholder else cls(text)

    def fits(self, part: str, leading: Sequence[str], found: dict[str, str]) -> bool:
        """Whether a segment of a key fits; what it stands for is noted in `found`."""
        if self.period:
            found[self.period] = part[len(self.text) :]
            return part[: len(self.text)].casefold() == self.text
        if self.text == "{delivery}":
            found["delivery"] = part
            return part != ""
        if self.text == "{name}":
            return bool(leading) and part == leading[-1]
        return glob(self.text, part) if "*" in self.text else self.text == part


@dataclass(frozen=True)
class Template:
    """One template; see the module."""

    text: str
    segments: tuple["_Segment", ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template.

        Raises:
            ValueError: it is none; the text says why.
        """
        first, *segments = text.split("/")
        if first != "{export}" or not segments or not all(segments):
            raise ValueError(f"{text!r} must begin with {{export}}/ and have no empty segment")
        for segment in segments:
            if ("{" in segment or "}" in segment) and segment not in _WHOLE and not _PLACEHOLDER.fullmatch(segment):
                raise ValueError(f"{text!r} has a segment that is not understood: {segment!r}")
        understood = tuple(_Segment.of(segment) for segment in segments)
        periods = {segment.period for segment in understood if segment.period}
        if periods not in _PERIODS:
            raise ValueError(f"{text!r} must name the period once, as one of {{yyyymmdd-yyyymmdd}}, {{yyyy-mm}}, …")
        return cls(text, understood)

    def match(self, key: str) -> Place | None:
        """Where the key stands, if it fits."""
        parts = key.split("/")
        if len(parts) < len(self.segments) or _climbs(key, parts):
            return None
        leading, tail = parts[: -len(self.segments)], parts[-len(self.segments) :]
        found: dict[str, str] = {}
        for segment, part in zip(self.segments, tail, strict=True):
            if not segment.fits(part, leading, found):
                return None
        period = _period(found)
        prefix = "".join(f"{part}/" for part in leading)
        return Place(prefix, period, found.get("delivery")) if period else None


def glob(pattern: str, text: str) -> bool:
    """Whether `text` fits `pattern`, in which `*` is any text; case does not count."""
    first, *rest = pattern.casefold().split("*")
    text = text.casefold()
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    position = len(first)
    for piece in rest[:-1]:
        position = text.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return text.endswith(rest[-1]) and len(text) - len(rest[-1]) >= position


def _climbs(key: str, parts: Sequence[str]) -> bool:
    """Whether a folder is one that a file system would take for another one."""
    return "./" in f"{key}/" and not {".", ".."}.isdisjoint(parts)


def _period(found: dict[str, str]) -> str | None:
    try:
        if days := found.get("yyyymmdd-yyyymmdd"):
            return _of_days(days)
        if month := found.get("yyyy-mm"):
            year, _, number = month.partition("-")
            return _month(year, number) if len(number) == len("mm") else None
        return _month(found["yyyy"], found["mm"])
    except (ValueError, KeyError):
        return None


def _month(year: str, month: str) -> str | None:
    if (
        not (year + month).isascii()
        or not (year + month).isdigit()
        or len(year) != len("yyyy")
        or len(month) > len("mm")
    ):
        return None
    return f"{date(int(year), int(month), 1):%Y-%m}"


def _of_days(text: str) -> str | None:
    if not re.fullmatch(r"[0-9]{8}-[0-9]{8}", text):
        return None
    first, last = (date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in text.split("-"))
    if first > last:
        return None
    end = date(first.year, first.month, calendar.monthrange(first.year, first.month)[1])
    whole = first.day == 1 and (last == end or (last - end).days == 1)
    return f"{first:%Y-%m}" if whole else text
