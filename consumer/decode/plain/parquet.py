"""Parquet files, checked from the first page to the last before DuckDB sees them.

DuckDB answers a damaged Parquet file with errors of every class, some of which end its whole process state. So one pass
with Arrow decodes every page first, within bounds, and reports what is wrong. The metadata of row groups and of their
columns is not read: Arrow 26 ends the process over some that are damaged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from billstream.common.errors import Poison
from billstream.consumer.decode.header import MAX_COLUMNS
from billstream.consumer.decode.plain.compression import BOMB_BYTES, BOMB_RATIO
from billstream.consumer.decode.unfolding import Column, unfolded

MAX_FOOTER_BYTES = 64 * 1024 * 1024
MAX_DIGITS = 38
_Array: TypeAlias = Any  # the stubs do not know what the arrays of each type have
_ROWS = 64 * 1024
_END_BYTES = 8  # the length of the footer, and "PAR1"
_AGAIN = "Nothing is loaded: upload the file again."
_FEWER = "Nothing is loaded: export fewer or narrower columns."
_DAMAGE = (pa.ArrowException, ValueError, KeyError, OverflowError, MemoryError)


@dataclass(frozen=True)
class Layout:
    """The columns of a Parquet file.

    Args:
        columns: those of the file; a structure is followed by its fields, see `unfolding`.
        types: the types of the file's own columns as text; files of equal layout can be read in one scan.
        binary_as_text: whether all columns of bytes contain UTF-8 only, the way old writers wrote text.
    """

    columns: tuple[Column, ...]
    types: tuple[str, ...]
    binary_as_text: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The header that a CSV file with these columns would have."""
        return tuple(column.name for column in self.columns)

    @property
    def wholes(self) -> tuple[int | None, ...]:
        """For each column, the position of the structure that it is a field of; see `Binding.wholes`."""
        return tuple(column.whole for column in self.columns)


def read_layout(path: Path) -> Layout:
    """Check a Parquet file, and return its columns.

    Raises:
        Poison: it is damaged, encrypted, has too many columns, unfolds beyond bounds, or contains NUL.
    """
    _check_end(path)
    try:
        return _layout(path)
    except _DAMAGE as error:
        raise _damaged(error) from error
    except OSError as error:
        if error.errno is not None:  # the disk, not the file
            raise
        raise _damaged(error) from error


def _damaged(error: Exception) -> Poison:
    words = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
    return Poison(f"The Parquet file is damaged: {words}. {_AGAIN}")


def _check_end(path: Path) -> None:
    with path.open("rb") as stream:
        encrypted = stream.read(4) == b"PARE"
        size = path.stat().st_size
        stream.seek(max(size - _END_BYTES, 0))
        end = stream.read()
    if encrypted or end.endswith(b"PARE"):
        raise Poison("The Parquet file is encrypted, so nothing is loaded: upload it without encryption.")
    if not end.endswith(b"PAR1") or size < _END_BYTES + 4:
        raise Poison(f"The Parquet file is damaged: its end is missing. {_AGAIN}")
    footer = int.from_bytes(end[:4], "little")
    if footer > min(size, MAX_FOOTER_BYTES):
        raise Poison(f"The Parquet file is damaged, or its footer has more than {MAX_FOOTER_BYTES} bytes. {_AGAIN}")


def _layout(path: Path) -> Layout:
    # What the footer claims is compared with bounds before a page is decoded.
    with pq.ParquetFile(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        size = path.stat().st_size
        if not schema.names or not any(schema.names):
            raise Poison("The Parquet file has no columns, so nothing is loaded: export it again with its columns.")
        if metadata.num_columns > MAX_COLUMNS:
            found = f"The Parquet file has {metadata.num_columns} columns"
            raise Poison(f"{found}; at most {MAX_COLUMNS} are read. {_FEWER}")
        _check_size(metadata.num_rows * metadata.num_columns, size)
        for field in schema:
            for leaf in _leaf_types(field.type):
                if pa.types.is_decimal(leaf) and leaf.precision > MAX_DIGITS:  # DuckDB would read a DOUBLE
                    found = f"Column {field.name[:60]!r} is {leaf}"
                    raise Poison(f"{found}: more than {MAX_DIGITS} digits are not read. {_FEWER}")
        texts = [field.name for field in schema if _is_textual(field.type)]
    # A few bytes may stand for gigabytes of the same text: each text is kept once while they are counted.
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        binary_as_text = _read_through(file, size)
    return Layout(
        columns=unfolded(schema),
        types=tuple(str(field.type) for field in schema),
        binary_as_text=binary_as_text,
    )


def _read_through(file: pq.ParquetFile, size: int) -> bool:
    """Decode every page, and return whether all columns of bytes are UTF-8."""
    cells, text, row, binary_as_text = 0, 0, 1, True
    for batch in file.iter_batches(_ROWS, use_threads=False):
        batch.validate(full=True)
        cells += batch.num_rows * batch.num_columns
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for leaf in _leaves(column):
                text += _text_bytes(leaf)
                _check_size(cells + text, size)
                binary_as_text = binary_as_text and _is_text(leaf)
                if _has_nul(leaf):
                    rows = f"Rows {row} to {row + batch.num_rows - 1}"
                    raise Poison(f"{rows}, column {name[:60]!r}: a text has a NUL in it. Export the file without it.")
        row += batch.num_rows
    return binary_as_text


def _check_size(unfolded: int, size: int) -> None:
    if unfolded > BOMB_BYTES and unfolded > BOMB_RATIO * size:
        raise Poison(
            f"The Parquet file unfolds to more than {BOMB_RATIO} times its size, which looks like a bomb. "
            "Nothing is loaded: upload it as CSV if it is none."
        )


def _leaf_types(data_type: pa.DataType) -> Iterator[_Array]:
    """Yield the types of the plain values that a type is made of."""
    if pa.types.is_nested(data_type):
        for index in range(data_type.num_fields):
            yield from _leaf_types(data_type.field(index).type)
    else:
        yield data_type


def _leaves(array: _Array) -> Iterator[_Array]:
    """Yield the arrays of plain values that an array is made of."""
    if pa.types.is_map(array.type):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_nested(array.type):
        for part in array.flatten() if pa.types.is_struct(array.type) else [array.flatten()]:
            yield from _leaves(part)
    else:
        yield array


def _values(array: _Array) -> _Array:
    return array.dictionary if pa.types.is_dictionary(array.type) else array


def _is_textual(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or _is_binary(data_type))


def _is_binary(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_binary(data_type) or pa.types.is_large_binary(data_type))


def _text_bytes(array: _Array) -> int:
    values = _values(array)
    if not _is_textual(values.type):
        return 0
    lengths: _Array = pc.binary_length(values)
    if values is not array:
        lengths = lengths.take(array.indices)
    return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)


def _is_text(array: _Array) -> bool:
    values = _values(array)
    if not _is_binary(values.type):
        return True
    try:
        values.cast(pa.large_string() if pa.types.is_large_binary(values.type) else pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _has_nul(array: _Array) -> bool:
    values = _values(array)
    if not _is_textual(values.type) or _is_binary(values.type):
        return False
    return bool(pc.any(pc.match_substring(values, "\x00")).as_py())
