"""The first records of a file, read without a profile."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from billstream.common.errors import Poison
from billstream.consumer.decode import PlainText, open_tabular
from billstream.consumer.decode.header import PREAMBLE_LINES, Header, by_shape, later_headers, read_header
from billstream.consumer.decode.scan import Scan
from billstream.consumer.profiles import Profile, ProfileRegistry
from billstream.consumer.trial.bench import Bench

ROWS = 1000
_CELLS = 200_000
_LINES = 30
_NUMBER = 1_001  # of the scan: none of a load has it


@dataclass(frozen=True)
class Sample:
    """A header, and the first records in the temporary table `sample`: text cells named c0, c1, …; empty ones NULL."""

    path: Path
    header: tuple[str, ...]
    delimiter: str
    rows: int
    engine: duckdb.DuckDBPyConnection
    preamble: tuple[str, ...] = ()

    def cells(self) -> list[list[str]]:
        """Return, by position, the cells of each column that are not empty."""
        rows = self.engine.execute("FROM sample").fetchall()
        return [[row[position] for row in rows if row[position] is not None] for position in range(len(self.header))]

    def asked(self, terms: list[str]) -> list[Any]:
        """Return the values of aggregates over the sample."""
        row = self.engine.execute(f"SELECT {', '.join(terms)} FROM sample").fetchone() if terms else None
        return list(row or [])


def read_sample(bench: Bench, path: Path) -> Sample:
    """Read the header and the first records, as a load reads them.

    Raises:
        Poison: the file cannot be read, or has no header.
    """
    text = bench.text(path)
    header = text.parquet.names if text.parquet else _header(text)
    registry = ProfileRegistry([_anything(header)], [])
    tabular = open_tabular("sample", text, registry)
    engine = bench.lake.engine
    scan = Scan([tabular], bench.types, number=_NUMBER)
    scan.prepare(engine)
    cells = ", ".join(f"c{position}" for position in range(len(header)))
    # A file of thousands of columns has fewer rows in the sample: each cell is looked at in many ways.
    rows = min(ROWS, _CELLS // len(header))
    try:
        engine.execute("SET preserve_insertion_order = true")
        engine.execute(f"CREATE OR REPLACE TEMP TABLE sample AS SELECT {cells} FROM {scan.reader()} LIMIT {rows}")
    except duckdb.Error as error:
        raise Poison(f"{path}: DuckDB cannot read the file: {str(error).splitlines()[0]}") from error
    finally:
        engine.execute("SET preserve_insertion_order = false")
    found = engine.execute("SELECT count(*) FROM sample").fetchone()
    above = tuple(_lines_above(text.path, tabular.first_line)) if text.parquet is None else ()
    return Sample(path, header, tabular.delimiter, int(found[0]) if found else 0, engine, above)


def _lines_above(path: Path, line: int) -> list[str]:
    with path.open(encoding="utf-8-sig") as stream:
        return [text.rstrip("\r\n") for text in islice(stream, min(line - 1, PREAMBLE_LINES))]


def _anything(header: tuple[str, ...]) -> Profile:
    """Return a profile for exactly this header."""
    return Profile.model_validate(
        {
            "name": "sample",
            "title": "a sample",
            "match": {"one_of": [header]},
            "columns": {"charge_period_start": {"constant": "1970-01-01", "required": True}},
        }
    )


def _header(text: PlainText) -> tuple[str, ...]:
    """Return the header, found by its shape; else the first line that has as many cells as most lines."""
    found = list(islice(headers(text.path), PREAMBLE_LINES))
    if not found:
        raise Poison("The file has no header.")
    if shaped := by_shape(found):
        return shaped.names
    counts = Counter(len(header.names) for header in found[:_LINES])
    usual = max(counts, key=lambda width: (width > 1, counts[width], width))
    return next(header.names for header in found if len(header.names) == usual)


def headers(path: Path) -> Iterator[Header]:
    """Yield every line of a file that may be its header, from the first on."""
    # A first line that cannot be a header is often a title; the header comes later then.
    with suppress(Poison):
        if header := read_header(path):
            yield header
    yield from later_headers(path)
