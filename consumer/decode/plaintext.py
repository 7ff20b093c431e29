"""Every file becomes plain UTF-8 text on local disk before DuckDB sees it.

DuckDB 1.5 loads what it can of a truncated or damaged gzip stream without a word, and a byte that is not UTF-8
ends its whole process state. So one pass in Python, at the speed of the disk, checks both, and hashes the
content on the way.
"""

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.errors import Poison

_CHUNK = 1024 * 1024
_NEWLINE = b"\n"
_GZIP_MAGIC = b"\x1f\x8b"
_BOMB_BYTES = 256 * 1024 * 1024
_BOMB_RATIO = 250


@dataclass(frozen=True)
class PlainText:
    """A file that is safe to read: UTF-8, no NUL, decompressed.

    `path` is the original where that is plain text already; otherwise a file in the spool, to be removed when
    done. `content_sha256` is that of the original bytes, `size_bytes` their number.
    """

    path: Path
    content_sha256: str
    size_bytes: int


def plain_text(original: Path, spool: Path) -> PlainText:
    """Check, hash and where necessary decompress `original`.

    Args:
        original: a local file; never changed.
        spool: a path in the spool to decompress to, when that is needed.

    Raises:
        Poison: damaged compression, a decompression bomb, not UTF-8, or NUL bytes; the text says where.
    """
    with original.open("rb") as raw:
        compressed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    digest = content_sha256(original)
    size = original.stat().st_size
    if not compressed:
        with original.open("rb") as stream:
            for _ in _checked(_chunks(stream)):
                pass
        return PlainText(original, digest, size)
    try:
        with gzip.open(original) as stream, spool.open("wb") as target:
            for chunk in _checked(_bounded(_chunks(stream), size)):
                target.write(chunk)
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        spool.unlink(missing_ok=True)
        raise Poison(f"The gzip stream is damaged: {error}.") from error
    except Poison:
        spool.unlink(missing_ok=True)
        raise
    return PlainText(spool, digest, size)


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _chunks(stream: "IO[bytes] | gzip.GzipFile") -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _bounded(chunks: Iterator[bytes], compressed_bytes: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > _BOMB_BYTES and total > _BOMB_RATIO * compressed_bytes:
            raise Poison(
                f"The file decompresses to more than {_BOMB_RATIO} times its size; this looks like a bomb. "
                "Upload it uncompressed if it is not."
            )
        yield chunk


def _checked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the chunks on, unless one holds what is no UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset, line = 0, 1
    for chunk in chunks:
        if b"\x00" in chunk:
            line += chunk.count(_NEWLINE, 0, chunk.index(0))
            raise Poison(f"Line {line} holds a NUL byte: this is not text in UTF-8.")
        pending = decoder.getstate()[0]
        if pending or not chunk.isascii():
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                bad = max(error.start - len(pending), 0)
                line += chunk.count(_NEWLINE, 0, bad)
                raise Poison(
                    f"Line {line}, byte {offset + bad + 1} of the file, is not UTF-8: {error.reason}."
                ) from error
        yield chunk
        offset += len(chunk)
        line += chunk.count(_NEWLINE)
    if decoder.getstate()[0]:
        raise Poison(f"Line {line}: the file ends in the middle of a UTF-8 character.")
