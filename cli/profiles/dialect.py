"""How the cells of a sample are written: which columns read as times or numbers, and in which way.

DuckDB reads the cells here with the same SQL as in a load, so what is found here holds there.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from billstream.cli.profiles.sample import Sample
from billstream.consumer.decode import values as sql
from billstream.consumer.profiles.model import Values

ENOUGH = 0.5
"""The share of a column's cells that must read for the column to count as one of times, or of numbers."""

_DATES = (
    "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d",
    "%Y.%m.%d", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMS = ("iso", *(f"{date}{clock}" for date in _DATES for clock in _CLOCKS))
_PARTS = {"Y": "9{4}", "y": "99", "m": "99?", "d": "99?", "H": "99?", "I": "99?", "M": "99", "S": "99"}
_SHAPES = {
    form: re.compile(re.sub("%(.)", lambda part: _PARTS.get(part[1], "[A-Za-z]+"), re.escape(form))) for form in _FORMS
} | {"iso": re.compile("9{4}-99-99.*", re.DOTALL)}
_DIGITS = {8: "%Y%m%d", 10: "epoch_seconds", 13: "epoch_milliseconds"}
_OF_TIME = re.compile(r"date|day|time|stamp|epoch|period|created|start|end|datum|fecha|jour", re.IGNORECASE)
_EPOCH = (946_684_800, 4_102_444_800)  # the years 2000 to 2100

# What stands before the decimals, and what groups the digits.
_STYLES = (
    (".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (",", "\u00a0"), (",", "\u202f"), (".", "'"), (".", " "),
    (".", "\u00a0"),
)  # fmt: skip
_PLAIN_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_NUMERIC = re.compile(r"[^A-Za-z:/]*[0-9][^A-Za-z:/]*([eE][+-]?[0-9]+)?[^A-Za-z:/]*")
_SURE_NULLS = frozenset({"null", "(null)", "n/a", "#n/a", "\\n"})
_LIKELY_NULLS = frozenset({"-", "--", "\u2013", "\u2014", "na", "nan", "none", "nil"})


@dataclass(frozen=True)
class Column:
    """One column of the sample: its cells without what means no value."""

    position: int
    name: str
    cells: tuple[str, ...]
    nulls: frozenset[str]

    @cached_property
    def digits(self) -> int | None:
        """How many digits each of its cells has, if they are nothing else, and all have as many."""
        lengths = {len(cell.strip()) if cell.strip().isdecimal() else None for cell in self.cells}
        return next(iter(lengths)) if len(lengths) == 1 else None

    @cached_property
    def numeric(self) -> bool:
        """Whether its cells look like numbers, however they are written."""
        return bool(self.cells) and self.share(bool(_NUMERIC.fullmatch(cell)) for cell in self.cells) >= ENOUGH

    @cached_property
    def plain(self) -> bool:
        """Whether all its cells are numbers as programs write them."""
        return bool(self.cells) and all(_PLAIN_NUMBER.fullmatch(cell) for cell in self.cells)

    @cached_property
    def fractional(self) -> bool:
        """Whether it looks like money rather than a count or an identifier."""
        return any(not cell.strip().isdecimal() for cell in self.cells)

    def share(self, answers: Iterable[bool]) -> float:
        """How many of the answers, one for each cell, are yes."""
        return sum(answers) / max(len(self.cells), 1)


def columns_of(sample: Sample) -> list[Column]:
    """The columns with their cells, the words for "no value" apart."""
    pairs = zip(sample.header, sample.cells(), strict=True)
    return [_column(position, name, cells) for position, (name, cells) in enumerate(pairs)]


def _column(position: int, name: str, cells: Sequence[str]) -> Column:
    sure = {cell for cell in cells if cell.strip().casefold() in _SURE_NULLS}
    rest = [cell for cell in cells if cell not in sure]
    likely = {cell for cell in rest if cell.strip().casefold() in _LIKELY_NULLS}
    values = [cell for cell in rest if cell not in likely]
    # "NA" may be a region, and "none" a class: only among values that are full of digits it is clear what they mean.
    if not values or any(not any(c.isdigit() for c in cell) for cell in values):
        return Column(position, name, tuple(rest), frozenset(sure))
    return Column(position, name, tuple(values), frozenset(sure | likely))


# -- times -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """How the times of one column are written: in one form, or in one of two that the sample cannot tell apart.

    `read` is how many of its cells read so.
    """

    forms: tuple[str, ...]
    read: int


def times_of(sample: Sample, columns: Sequence[Column]) -> dict[int, Times]:
    """By position, the columns of which at least `ENOUGH` cells read as times."""
    found = {column.position: times for column in columns if (times := _times(sample, column))}
    sure = {times.forms[0] for times in found.values() if len(times.forms) == 1}
    told = {position: next((form for form in times.forms if form in sure), None) for position, times in found.items()}
    return {p: Times((form,), times.read) if (form := told[p]) else times for p, times in found.items()}


def _times(sample: Sample, column: Column) -> Times | None:
    if not column.cells:
        return None
    if column.digits is not None:
        return _of_digits(column, column.digits)
    likely = {form for shape in {re.sub("[0-9]", "9", cell) for cell in column.cells} for form in _forms_of(shape)}
    forms = [form for form in _FORMS if form in likely]
    if not forms:
        return None
    terms = [f"count({sql.time_value(f'c{column.position}', [form], 'UTC')})" for form in forms]
    counts = dict(zip(forms, sample.asked(terms), strict=True))
    best = max(forms, key=lambda form: counts[form])
    if counts[best] < ENOUGH * len(column.cells):
        return None
    rival = best.translate(str.maketrans("md", "dm"))
    doubtful = rival != best and counts.get(rival) == counts[best]
    return Times((best, rival) if doubtful else (best,), counts[best])


@lru_cache(maxsize=10_000)
def _forms_of(shape: str) -> tuple[str, ...]:
    """The forms in which a text of this shape may be written, digits being 9; most texts are in none."""
    return tuple(form for form, pattern in _SHAPES.items() if pattern.fullmatch(shape.strip()))


def _of_digits(column: Column, length: int) -> Times | None:
    """Digits alone may be anything: they are a time only where the name speaks of time as well."""
    form = _DIGITS.get(length)
    if form is None or not _OF_TIME.search(column.name):
        return None
    if form == "%Y%m%d":
        plausible = all(_is_date(cell.strip()) for cell in column.cells)
    else:
        unit = 1 if form == "epoch_seconds" else 1000
        plausible = all(_EPOCH[0] <= int(cell) // unit <= _EPOCH[1] for cell in column.cells)
    return Times((form,), len(column.cells)) if plausible else None


def _is_date(digits: str) -> bool:
    try:
        date.fromisoformat(digits)
    except ValueError:
        return False
    return True


# -- numbers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    """How the numbers of a sample are written; by position, how many cells of a column read so.

    `doubtful` tells that they read as well with the other decimal point, as something else.
    """

    decimal_point: str
    thousands: str
    symbols: tuple[str, ...]
    read: dict[int, int]
    doubtful: bool


def numbers_of(sample: Sample, columns: Sequence[Column]) -> Numbers:
    """The way in which most cells of the columns that look like numbers read."""
    numeric = [column for column in columns if column.numeric]
    signs = {c for column in numeric for cell in column.cells for c in cell if unicodedata.category(c) == "Sc"}
    symbols = tuple(sorted(signs))
    # Where a semicolon splits the cells, a comma most likely is the decimal point.
    styles = sorted(_STYLES, key=lambda style: style[0] != ",") if sample.delimiter == ";" else list(_STYLES)
    styles.sort(key=lambda style: style != (".", ""))
    totals = {style: sum(_looking_so(column, style, symbols) for column in numeric) for style in styles}
    best = max(styles, key=lambda style: totals[style])
    rivals = [style for style in styles if style[0] != best[0] and totals[style] == totals[best]]
    counts = {column.position: _read(sample, column, best, symbols) for column in numeric}
    read = {c.position: counts[c.position] for c in numeric if counts[c.position] >= ENOUGH * len(c.cells)}
    return Numbers(*best, symbols, read, doubtful=best != (".", "") and bool(rivals))


def _looking_so(column: Column, style: tuple[str, str], symbols: tuple[str, ...]) -> int:
    """How many cells of a column look like numbers of this style; none where it is not `ENOUGH` of them."""
    pattern = _number(style, symbols)
    plain = style[0] == "."
    count = sum(bool(pattern.fullmatch(c) or (plain and _PLAIN_NUMBER.fullmatch(c))) for c in column.cells)
    return count if count >= ENOUGH * len(column.cells) else 0


@lru_cache(maxsize=100)
def _number(style: tuple[str, str], symbols: tuple[str, ...]) -> re.Pattern[str]:
    """What a number looks like; signs and brackets may stand anywhere around it, DuckDB has the last word."""
    point, group = map(re.escape, style)
    around = rf"[\s()+\-{''.join(map(re.escape, symbols))}]*"
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if group else ""
    return re.compile(rf"{around}(?:{grouped}[0-9]+)(?:{point}[0-9]*)?{around}", re.ASCII)


def _read(sample: Sample, column: Column, style: tuple[str, str], symbols: tuple[str, ...]) -> int:
    """How many cells of a column DuckDB reads as numbers of this style."""
    if column.plain and style[0] == ".":
        return len(column.cells)
    values = Values(decimal_point=style[0], thousands=style[1], symbols=symbols)
    cell = sql.plain_number(f"c{column.position}", values)
    return int(sample.asked([f"count(rounded_decimal({cell}))"])[0])
