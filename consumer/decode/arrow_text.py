"""Arrow's CSV reader over a text, with a referee where it is more tolerant than DuckDB.

Arrow reads several times as fast as DuckDB, and refuses a record with too few or too many cells. Only inside and around
quotes it takes what DuckDB's strict parser refuses: `"x"y` becomes xy. So that parser counts the records of a text that
has a quote anywhere, which costs a third of a reading; what the parser refuses, Arrow does not get. Only a space behind
a closing quote is read by both, and in two ways: DuckDB leaves it out.
"""

import re
from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa
from pyarrow import csv

from billstream.consumer.decode.compression import chunks
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
        has_quote, has_space = _quotes_of(file)
        if has_space:
            counts[file.load_id] = "a space stands behind a closing quote"
        elif has_quote:
            quoted.append(file)
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


def _quotes_of(file: Tabular) -> tuple[bool, bool]:
    """Return whether a text has a quote anywhere, and whether one is followed by spaces to the end of its cell."""
    behind = re.compile(rb'" +[\r\n%b]' % re.escape(file.delimiter.encode()))
    has_quote, open_end = False, b""
    with file.path.open("rb") as stream:
        for chunk in chunks(stream):
            text = open_end + chunk
            has_quote = has_quote or b'"' in text
            # The pair of characters first: to look for it costs a tenth of what the pattern does.
            if has_quote and b'" ' in text and behind.search(text):
                return True, True
            words = text.rstrip(b" ")
            open_end = text[len(words) - 1 :] if words.endswith(b'"') else b""
    return has_quote, len(open_end) > 1
