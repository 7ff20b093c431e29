"""One sample file, and how its rows become bytes."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billstream.cli.demo.samples.truth import Truth

Row = Mapping[str, str | Decimal]


@dataclass(frozen=True)
class SampleFile:
    """One object for the bucket, with the truth about the rows in it."""

    key: str
    body: bytes = field(repr=False)
    truth: Truth


def partition(day: date) -> str:
    """The Hive partition of a day, such as `year=2026/month=03/day=09`."""
    return f"year={day.year}/month={day.month:02}/day={day.day:02}"


def text(value: str | Decimal) -> str:
    """A cell: decimals in plain notation, with every digit they have."""
    return value if isinstance(value, str) else f"{value:f}"


def csv_bytes(header: Sequence[str], rows: Iterable[Row]) -> bytes:
    """The rows as a CSV file in UTF-8; a column that a row does not have is an empty cell.

    Raises:
        ValueError: a row has a column that the header has not.
    """
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: text(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue().encode()


def sample_file(key: str, header: Sequence[str], rows: Sequence[Row], *, cost: str, currency: str) -> SampleFile:
    """A file of good rows; `cost` and `currency` are the columns that hold what is billed, and in which currency."""
    truth = Truth.total(Truth(1, {str(row[currency]): Decimal(row[cost])}) for row in rows)
    return SampleFile(key, csv_bytes(header, rows), truth)
