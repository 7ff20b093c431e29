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


class _NotText(Exception):  # noqa: N818 - never leaves this module
    """The byte at `offset` of the text is no part of UTF-8 text."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset


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
    return _decompressed(original, spool) if compressed else _as_it_is(original)


def _as_it_is(original: Path) -> PlainText:
    digest = hashlib.sha256()
    size = 0
    with original.open("rb") as stream:
        try:
            for chunk in _checked(_chunks(stream)):
                digest.update(chunk)
                size += len(chunk)
        except _NotText as problem:
            raise _poison(problem, stream) from problem
    return PlainText(original, digest.hexdigest(), size)


def _decompressed(original: Path, spool: Path) -> PlainText:
    with original.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    size = original.stat().st_size
    try:
        with gzip.open(original) as stream, spool.open("wb") as target:
            try:
                for chunk in _checked(_bounded(_chunks(stream), size)):
                    target.write(chunk)
            except _NotText as problem:
                raise _poison(problem, stream) from problem
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        spool.unlink(missing_ok=True)
        raise Poison(f"The gzip stream is damaged: {error}.") from error
    except Poison:
        spool.unlink(missing_ok=True)
        raise
    return PlainText(spool, digest, size)


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
    offset = 0
    for chunk in chunks:
        if b"\x00" in chunk:
            raise _NotText(offset + chunk.index(0), "NUL")
        pending = len(decoder.getstate()[0])
        if pending or not chunk.isascii():
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise _NotText(offset - pending + error.start, error.reason) from error
        yield chunk
        offset += len(chunk)
    if pending := len(decoder.getstate()[0]):
        raise _NotText(offset - pending, "the file ends in the middle of a character")


def _poison(problem: _NotText, stream: "IO[bytes] | gzip.GzipFile") -> Poison:
    """The problem with its line. Lines are counted only now, as nobody asks for those of good files."""
    stream.seek(0)
    line, left = 1, problem.offset
    while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
        line += chunk.count(b"\n")
        left -= len(chunk)
    return Poison(f"Line {line}, byte {problem.offset + 1} of the text, is not UTF-8 text: {problem}.")
