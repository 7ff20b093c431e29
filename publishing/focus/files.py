"""The files of one month: written batch by batch, never a month at a time, and on the disk when they are reported."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from billstream.publishing.focus.columns import FileFormat

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8_192
GROUP_BYTES = 32 * 1024 * 1024
"""Rows of so many bytes in memory are written at a time: a row group of Parquet."""
FILE_BYTES = 200 * 1024 * 1024
"""A file ends behind so many bytes of rows, as they are in memory. One of Parquet that unfolds to more, and has the
same values over and over, would look like a bomb to who loads it; billstream refuses such files beyond 256 MiB."""


@dataclass(frozen=True)
class WrittenFile:
    """One file: its name, rows, size and SHA-256."""

    name: str
    rows: int
    size_bytes: int
    sha256: str


class _Writer(Protocol):
    def write_table(self, table: "pa.Table") -> None: ...

    def close(self) -> None: ...


def write_files(
    batches: Iterable["pa.RecordBatch"], schema: "pa.Schema", folder: Path, form: FileFormat
) -> list[WrittenFile]:
    """Write rows to new files of a folder, as many as they need, at least one: a month without rows has a header.

    Args:
        batches: the rows.
        schema: of the rows.
        folder: exists, and is empty.
        form: of the files.

    Raises:
        OSError: the disk does not take them.
    """
    written, groups = list[WrittenFile](), _groups(batches, schema)
    group: pa.Table | None = next(groups, schema.empty_table())
    while group is not None:
        path, rows, size = folder / f"charges-{len(written) + 1:05d}.{form.value}", 0, 0
        with _new_file(path) as stream, _writing(stream, schema, form) as writer:
            while group is not None and size < FILE_BYTES:
                writer.write_table(group)
                rows, size, group = rows + group.num_rows, size + group.nbytes, next(groups, None)
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        written.append(WrittenFile(path.name, rows, path.stat().st_size, digest))
    return written


def _groups(batches: Iterable["pa.RecordBatch"], schema: "pa.Schema") -> Iterator["pa.Table"]:
    """Yield the rows in tables of about `GROUP_BYTES`."""
    import pyarrow as pa  # noqa: PLC0415 - see above

    some, size = list[pa.RecordBatch](), 0
    for batch in batches:
        some.append(batch)
        size += batch.nbytes
        if size >= GROUP_BYTES:
            yield pa.Table.from_batches(some, schema)
            some, size = [], 0
    if some:
        yield pa.Table.from_batches(some, schema)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file for its owner alone; its content is on the disk when the block ends."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def _writing(stream: BinaryIO, schema: "pa.Schema", form: FileFormat) -> Iterator[_Writer]:
    from pyarrow import csv, parquet  # noqa: PLC0415 - see above

    writer: _Writer
    if form is FileFormat.PARQUET:
        writer = parquet.ParquetWriter(stream, schema, compression="zstd", store_schema=False)
    else:
        # Every text in quotes, and no value at all for NULL: what is a text and what is nothing stays apart.
        writer = csv.CSVWriter(stream, schema, write_options=csv.WriteOptions(quoting_style="needed"))
    try:
        yield writer
    finally:
        writer.close()
