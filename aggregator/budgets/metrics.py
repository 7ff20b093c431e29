"""Metrics: quantities of the business by day, such as orders, from CSV files that the file of budgets names."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType

import structlog

from billstream.aggregator.budgets.model import Categories, Counted, Word

COLUMNS = ("day", "unit", "quantity")
LONGEST_FILE = 10_000_000  # bytes
MOST_LINES = 100_000
LONGEST_UNIT = 100
_LARGEST = Decimal(10) ** 20

Quantities = Mapping[tuple[str, date], Decimal]
"""The quantity of each unit and day."""

log = structlog.get_logger(__name__)


class Metric(Counted):
    """A quantity of the business, and the costs that it is set against. `file` is relative to the file of budgets."""

    categories: Categories = ("Usage",)
    file: Word


@dataclass(frozen=True)
class MetricTable:
    """A metric with its quantities, the file that they are of, and a digest of its content."""

    metric: Metric
    path: Path
    quantities: Quantities
    digest: str

    @classmethod
    def read(cls, metric: Metric, path: Path) -> "MetricTable":
        """Read the quantities of a metric.

        Raises:
            ValueError: the file cannot be read, or a line is not valid; the text names the file and the line.
        """
        content = _content(path)
        return cls(metric, path, read_quantities(path, content), hashlib.sha256(content).hexdigest())

    def reread(self) -> "MetricTable":
        """Return the metric with the quantities that its file has now; as it is while the file is not valid.

        Files of quantities grow each day, and whoever reads one may meet it half written.
        """
        try:
            content = _content(self.path)
            if hashlib.sha256(content).hexdigest() == self.digest:
                return self
            return self.read(self.metric, self.path)
        except ValueError as error:
            log.warning("metric_not_read", metric=self.metric.name, reason=str(error))
            return self


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LONGEST_FILE:
        raise ValueError(f"{path} has more than {LONGEST_FILE:,} bytes")
    return content


def read_quantities(path: Path, content: bytes) -> Quantities:
    """Return the quantities of a CSV file with the columns day, unit and quantity, in any order.

    Raises:
        ValueError: a line is not valid; the text names the file and the line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8") from error
    found: dict[tuple[str, date], Decimal] = {}
    for line, unit, day, quantity in _lines(path, text):
        if (unit, day) in found:
            raise ValueError(f"{path}, line {line}: there is a line of {day} and {unit!r} before it")
        found[unit, day] = quantity
    return MappingProxyType(found)


def _lines(path: Path, text: str) -> Iterator[tuple[int, str, date, Decimal]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise ValueError(f"{path}, line 1: the columns must be {', '.join(COLUMNS)}")
        for number, values in enumerate(reader):
            if number >= MOST_LINES:
                raise ValueError(f"{path} has more than {MOST_LINES:,} lines")
            if not values:
                continue
            try:
                yield reader.line_num, *_checked(header, values)
            except ValueError as error:
                raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _checked(header: list[str], values: list[str]) -> tuple[str, date, Decimal]:
    if len(values) != len(header):
        raise ValueError(f"it has {len(values)} values, not {len(header)}")
    row = {name: value.strip() for name, value in zip(header, values, strict=True)}
    unit = row["unit"]
    if not 0 < len(unit) <= LONGEST_UNIT or not unit.isprintable():
        raise ValueError(f"the unit must have 1 to {LONGEST_UNIT} printable characters")
    try:
        day = date.fromisoformat(row["day"])
    except ValueError:
        raise ValueError(f"{row['day'][:20]!r} is no day such as 2026-12-01") from None
    try:
        quantity = Decimal(row["quantity"])
    except InvalidOperation:
        raise ValueError(f"{row['quantity'][:20]!r} is no number such as 1250.5") from None
    if not quantity.is_finite() or not 0 <= quantity < _LARGEST or int(quantity.as_tuple().exponent) < -18:  # noqa: PLR2004
        raise ValueError("the quantity must be from 0 to below 10^20, with 18 decimals at most")
    return unit, day, quantity
