"""The notation of times and numbers in a sample, column by column.

DuckDB reads the cells here with the same SQL as in a load, so the result holds there too.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from billstream.consumer.decode import values as sql
from billstream.consumer.profiles.model import Values
from billstream.consumer.trial.sample import Sample

ENOUGH = 0.5
"""The share of a column's cells that must be readable as times, or as numbers, for the column to count as such."""

_DATES = (
    "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d",
    "%Y.%m.%d", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
MONTHS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%Y%m")
_FORMS = ("iso", *(f"{date}{clock}" for date in _DATES for clock in _CLOCKS), *MONTHS[:-1])
_PARTS = {"Y": "9{4}", "y": "99", "m": "99?", "d": "99?", "H": "99?", "I": "99?", "M": "99", "S": "99"}
_SHAPES = {
    form: re.compile(re.sub("%(.)", lambda part: _PARTS.get(part[1], "[A-Za-z]+"), re.escape(form))) for form in _FORMS
} | {"iso": re.compile("9{4}-99-99.*", re.DOTALL)}
_DIGITS = {6: "%Y%m", 8: "%Y%m%d", 10: "epoch_seconds", 13: "epoch_milliseconds"}
_OF_TIME = re.compile(
    r"date|day|time|stamp|epoch|period|created|start|end|month|datum|monat|fecha|jour|mois|日期|账期", re.IGNORECASE
)
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
    """One column of the sample: its cells without those that mean no value."""

    position: int
    name: str
    cells: tuple[str, ...]
    nulls: frozenset[str]

    @cached_property
    def digits(self) -> int | None:
        """The number of digits in each cell, if all cells are digits only and of one length; else None."""
        lengths = {len(cell.strip()) if cell.strip().isdecimal() else None for cell in self.cells}
        return next(iter(lengths)) if len(lengths) == 1 else None

    @cached_property
    def numeric(self) -> bool:
        """True if its cells look like numbers in any notation."""
        return bool(self.cells) and self.share(bool(_NUMERIC.fullmatch(cell)) for cell in self.cells) >= ENOUGH

    @cached_property
    def plain(self) -> bool:
        """True if all its cells are numbers as programs write them."""
        return bool(self.cells) and all(_PLAIN_NUMBER.fullmatch(cell) for cell in self.cells)

    @cached_property
    def fractional(self) -> bool:
        """True if it looks like money rather than a count or an identifier."""
        return any(not cell.strip().isdecimal() for cell in self.cells)

    def share(self, answers: Iterable[bool]) -> float:
        """Return the share of true answers; there is one for each cell."""
        return sum(answers) / max(len(self.cells), 1)


def columns_of(sample: Sample) -> list[Column]:
    """Return the columns with their cells, words for "no value" apart."""
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
    """The form of the times in one column; two forms when the sample fits both.

    `read` is the number of its cells that are readable in this form.
    """

    forms: tuple[str, ...]
    read: int


def times_of(sample: Sample, columns: Sequence[Column]) -> dict[int, Times]:
    """Return, by position, the columns whose cells are times, at least `ENOUGH` of them."""
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
    """Return the possible time forms of a text of this shape, with 9 for each digit; most texts have none."""
    return tuple(form for form, pattern in _SHAPES.items() if pattern.fullmatch(shape.strip()))


def _of_digits(column: Column, length: int) -> Times | None:
    """Return the form of times written as digits only, if the column's name also speaks of time."""
    form = _DIGITS.get(length)
    if form is None or not _OF_TIME.search(column.name):
        return None
    if form.startswith("%"):
        # A month is its first day.
        days = [cell.strip() + ("01" if form == "%Y%m" else "") for cell in column.cells]
        plausible = all(_is_date(day) and day.startswith(("19", "20")) for day in days)
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
    """The notation of the numbers in a sample; `read` has, by position, the number of readable cells of each column.

    `doubtful` tells that they read as well with the other decimal point, as something else.
    """

    decimal_point: str
    thousands: str
    symbols: tuple[str, ...]
    read: dict[int, int]
    doubtful: bool


def numbers_of(sample: Sample, columns: Sequence[Column]) -> Numbers:
    """Return the notation in which most cells of the numeric columns are readable."""
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
    """Return how many cells of a column look like numbers in this style; 0 where it is fewer than `ENOUGH`."""
    pattern = _number(style, symbols)
    plain = style[0] == "."
    count = sum(bool(pattern.fullmatch(c) or (plain and _PLAIN_NUMBER.fullmatch(c))) for c in column.cells)
    return count if count >= ENOUGH * len(column.cells) else 0


@lru_cache(maxsize=100)
def _number(style: tuple[str, str], symbols: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a number. Signs and brackets may stand anywhere around it: DuckDB decides."""
    point, group = map(re.escape, style)
    around = rf"[\s()+\-{''.join(map(re.escape, symbols))}]*"
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if group else ""
    return re.compile(rf"{around}(?:{grouped}[0-9]+)(?:{point}[0-9]*)?{around}", re.ASCII)


def _read(sample: Sample, column: Column, style: tuple[str, str], symbols: tuple[str, ...]) -> int:
    """Return how many cells of a column DuckDB reads as numbers in this style."""
    if column.plain and style[0] == ".":
        return len(column.cells)
    values = Values(decimal_point=style[0], thousands=style[1], symbols=symbols)
    cell = sql.plain_number(f"c{column.position}", values)
    return int(sample.asked([f"count(rounded_decimal({cell}))"])[0])
