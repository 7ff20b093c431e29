"""Arrow's CSV reader over a text whose quotes are sound.

It reads several times as fast as DuckDB, and refuses a record with too few or too many cells. Only where quotes stand
elsewhere than they should, it takes what DuckDB's strict parser refuses: such a text is not given to it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.typed.quotes import Quotes

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
        or "rescued" in binding.values  # what it is made of depends on what the cell has
    )


def batches(file: Tabular, quotes: Quotes, *, alone: bool) -> Iterator[pa.RecordBatch]:
    """Yield the records, their cells as text, in columns named c0, c1, …; a cell that means no value is NULL.

    Args:
        file: a text for which `is_readable` holds.
        quotes: those of the text, which are sound.
        alone: no other text is read at the same time, so reading it may take a second core.

    Raises:
        Refused: the text is not what it should be, at any point of the reading.
    """
    yield from _read(file.path, file, quotes, threads=alone, header=True)


def together(files: Sequence[Tabular], quotes: Quotes) -> tuple[list[int], list[pa.RecordBatch]]:
    """Return the number of records of each text, and the records of all of them as `batches` yields those of one.

    To begin with a text costs as much as reading three hundred records.

    Args:
        files: small texts that are written alike, and have no line end within a cell.
        quotes: those of all.

    Raises:
        Refused: one of them is not what it should be, or has an empty line.
    """
    texts = [_records(file.path) for file in files]
    counts = [text.count(b"\n") for text in texts]
    found = list(_read(pa.BufferReader(b"".join(texts)), files[0], quotes, threads=False, header=False))
    # No line has two records, so each has one where there are as many as lines.
    if sum(batch.num_rows for batch in found) != sum(counts):
        raise Refused("a text has an empty line")
    return counts, found


def _records(path: Path) -> bytes:
    """Return a text without its header; each line has its end."""
    _, _, records = path.read_bytes().partition(b"\n")
    return records if records.endswith(b"\n") or not records else records + b"\n"


def _read(
    source: Path | pa.BufferReader, like: Tabular, quotes: Quotes, *, threads: bool, header: bool
) -> Iterator[pa.RecordBatch]:
    binding = like.header_binding
    names = [f"c{index}" for index in range(len(binding.header))]
    try:
        with csv.open_csv(
            source,  # type: ignore[arg-type]
            read_options=csv.ReadOptions(
                column_names=names, skip_rows_after_names=int(header), block_size=BLOCK_BYTES, use_threads=threads
            ),
            parse_options=csv.ParseOptions(
                delimiter=like.delimiter,
                quote_char='"' if quotes.any else False,
                newlines_in_values=quotes.around_lines,  # costs a third more
            ),
            convert_options=csv.ConvertOptions(
                check_utf8=False,  # the text was checked before
                column_types=dict.fromkeys(names, pa.string()),
                null_values=["", *binding.profile.values.nulls],
                strings_can_be_null=True,
            ),
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise Refused(str(error)) from error
