"""Arrow's CSV reader over a text, with a referee where it is more tolerant than DuckDB.

Arrow reads several times as fast as DuckDB, and refuses a record with too few or too many cells. Only inside and around
quotes it takes what DuckDB's strict parser refuses: `"x"y` becomes xy. So that parser counts the records of a text that
has a quote anywhere, which costs a third of a reading; what the parser refuses, Arrow does not get. Only a space behind
a closing quote is read by both, and in two ways: DuckDB leaves it out.
"""

import mmap
import re
from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa
from pyarrow import csv

from billstream.consumer.decode.scan import Malformed, Scan
from billstream.consumer.decode.tabular import Tabular

BLOCK_BYTES = 1_000_000
"""Arrow refuses a record that does not end in the block behind the one it begins in, so none of more than two blocks.

That keeps it below `MAX_RECORD_BYTES`, beyond which DuckDB rejects a record."""


class Refused(Exception):  # noqa: N818 - it is an answer
    """The text is left to DuckDB; `str(error)` is the reason, for the log."""


def is_readable(file: Tabular) -> bool:
    """Return whether Arrow may try a file: a text of several columns, each record of which has a cell for each."""
    binding = file.header_binding
    return not (
        file.text.parquet
        or len(binding.header) == 1  # an empty line might be a value
        or binding.unpivoted
        or binding.profile.records.short_rows == "pad"
    )


def batches(file: Tabular, records: int | None) -> Iterator[pa.RecordBatch]:
    """Yield the records, their cells as text, in columns named c0, c1, …; a cell that means no value is NULL.

    Args:
        file: a text for which `is_readable` holds.
        records: their number by the referee; None for a text without quotes.

    Raises:
        Refused: the text is not what it should be, at any point of the reading.
    """
    binding, count = file.header_binding, 0
    names = [f"c{index}" for index in range(len(binding.header))]
    try:
        with csv.open_csv(
            file.path,
            read_options=csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(
                delimiter=file.delimiter,
                quote_char=False if records is None else '"',
                # Only where fewer records are than lines: it costs a third more.
                newlines_in_values=records is not None and records + 1 != file.text.lines,
            ),
            convert_options=csv.ConvertOptions(
                check_utf8=False,  # the text was checked before
                column_types=dict.fromkeys(names, pa.string()),
                null_values=["", *binding.profile.values.nulls],
                strings_can_be_null=True,
            ),
        ) as reader:
            for batch in reader:
                count += batch.num_rows
                yield batch
    except pa.ArrowInvalid as error:
        raise Refused(str(error)) from error
    if records is not None and count != records:
        raise Refused(f"Arrow reads {count} records, and DuckDB {records}")


def counted_by_referee(
    files: Sequence[Tabular], types: dict[str, str], engine: duckdb.DuckDBPyConnection
) -> dict[str, int | str]:
    """Return, by load, the number of records of each text with quotes; a reason in its place for one that is malformed.

    Args:
        files: texts that are written alike.
        types: the columns of their table with their DuckDB types.
        engine: its strict parser is the referee.
    """
    counts, quoted = dict[str, int | str](), list[Tabular]()
    for file in files:
        with file.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
            if text.find(b'"') >= 0:
                quoted.append(file)
                # Only where such a pair of characters is, as this one costs more.
                if text.find(b'" ') >= 0 and re.search(
                    rb'" +(?:[\r\n]|%b|\Z)' % re.escape(file.delimiter.encode()), text
                ):
                    counts[file.load_id] = "a space stands behind a closing quote"
    quoted = [file for file in quoted if file.load_id not in counts]
    if not quoted:
        return counts
    try:
        return counts | Scan(quoted, types, number=0, malformed=Malformed.FAIL).records_read(engine)
    except duckdb.Error as error:
        if len(quoted) == 1:
            return counts | {quoted[0].load_id: str(error).splitlines()[0]}
    # Few are malformed, so each is tried alone only now.
    for file in quoted:
        counts |= counted_by_referee([file], types, engine)
    return counts
