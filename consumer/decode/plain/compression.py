"""Compressed streams, decompressed while they are read: whole or not at all, and never without a bound.

The first bytes of a file decide how it is compressed, never its name. DuckDB 1.5 loads what it can of a
truncated gzip stream without an error, and Python's own readers of bzip2 and xz ignore what follows a stream. Here an
end that was cut off, a wrong byte, and foreign bytes are all the same: damage.
"""

import bz2
import errno
import gzip
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Protocol, cast

import pyarrow as pa

from billstream.common.errors import Poison

if TYPE_CHECKING:
    import io

CHUNK = 1024 * 1024
HEAD_BYTES = 512  # enough to find out what a file is
BOMB_BYTES = 256 * 1024 * 1024
BOMB_RATIO = 250
XZ_MEMORY = 192 * 1024 * 1024  # a stream states the memory that it needs; one by `xz -9` needs 65 MB


class Packing(StrEnum):
    """The formats that a file may be packed in."""

    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZIP = "zip"
    PARQUET = "Parquet"


_MAGIC = (
    (Packing.GZIP, re.compile(rb"\x1f\x8b")),
    (Packing.ZSTD, re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),  # a frame, or one to be skipped
    (Packing.BZIP2, re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")),  # "BZh1" alone might be text
    (Packing.XZ, re.compile(rb"\xfd7zXZ\x00")),
    (Packing.ZIP, re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)")),
    (Packing.PARQUET, re.compile(rb"PAR[1E]")),
)
_DAMAGE = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    pa.ArrowException,
    # The rest is what Python's zipfile raises over nonsense.
    zipfile.BadZipFile,
    struct.error,
    ValueError,
    NotImplementedError,
)


class Reader(Protocol):
    """A source of bytes, read from the first to the last."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none when there are no more."""


def packing(head: bytes) -> Packing | None:
    """Return the format of a file that begins with `head`; None when it is not packed."""
    return next((kind for kind, magic in _MAGIC if magic.match(head)), None)


def chunks(stream: Reader) -> Iterator[bytes]:
    """Yield the rest of `stream`, in pieces that fit into memory."""
    while chunk := stream.read(CHUNK):
        yield chunk


class Budget:
    """The bytes that may still come out of one uploaded file, whatever layers and files it contains.

    Args:
        size: of the file, in bytes.
    """

    def __init__(self, size: int) -> None:
        self.spent = 0
        self._size = size

    def spend(self, count: int) -> None:
        """Count bytes that were unpacked.

        Raises:
            Poison: they are too many for the file.
        """
        self.spent += count
        # Small files may unpack to a multiple of their size; only what is large and out of proportion is refused.
        if self.spent > BOMB_BYTES and self.spent > BOMB_RATIO * self._size:
            raise Poison(
                f"The file decompresses to more than {BOMB_RATIO} times its size, which looks like a bomb. "
                "Nothing is loaded: upload it uncompressed if it is none."
            )


def unpacked(raw: Reader, kind: Packing, budget: Budget) -> Reader:
    """Return the content of a compressed stream. Reading it raises `Poison` where it is damaged or grows beyond bounds.

    Args:
        raw: the stream, at its beginning.
        kind: how it is compressed; no archive.
        budget: of the uploaded file.
    """
    return Layer(_OPENERS[kind](raw).read, f"The {kind} stream", budget)


def unpacked_again(outer: Reader, budget: Budget) -> Reader:
    """Return the content of a decompressed file, decompressed once more where it is compressed itself.

    Raises:
        Poison: the content is an archive or a Parquet file.
    """
    head, whole = peeked(outer)
    # One level deep only: a chain of compressions is what bombs are made of.
    kind = packing(head)
    if kind is None:
        return whole
    if kind in {Packing.ZIP, Packing.PARQUET}:
        raise Poison(f"It holds a {kind} file inside another compression: upload that file as it is.")
    return unpacked(whole, kind, budget)


def peeked(stream: Reader) -> tuple[bytes, Reader]:
    """Return the first bytes of a stream, and a stream that begins with them again."""
    head = stream.read(HEAD_BYTES)
    return head, _Rejoined(head, stream)


class Layer:
    """One layer of compression: bounded, and its errors are `Poison`.

    Args:
        unpack: reads at most so many unpacked bytes.
        name: how reasons name what is unpacked; their first words.
        budget: of the uploaded file.
    """

    closed = False  # pyarrow reads this attribute of a stream

    def __init__(self, unpack: Callable[[int], bytes], name: str, budget: Budget) -> None:
        self._unpack = unpack
        self._name = name
        self._budget = budget

    def read(self, size: int, /) -> bytes:
        """See `Reader`."""
        try:
            data = self._unpack(size)
        except Exception as error:
            if is_damage(error):
                raise damaged(self._name, error) from error
            raise
        self._budget.spend(len(data))
        return data


def is_damage(error: BaseException) -> bool:
    """Return whether an error means that the input is damaged; the errors of a disk have a number."""
    if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
        return error.errno in {None, errno.EINVAL}  # a zip archive that points before its own beginning
    return isinstance(error, _DAMAGE)


def damaged(name: str, error: BaseException) -> Poison:
    """Return the reason for a file that is damaged."""
    what = str(error).rstrip(".") or type(error).__name__
    return Poison(f"{name} is damaged: {what}. Nothing is loaded: upload the file again.")


class _Rejoined:
    """A stream whose beginning has been read already."""

    closed = False

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._rest.read(size)
        head, self._head = self._head[:size], self._head[size:]
        return head


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Streams:
    """Compressed streams of bzip2 or xz, one after the other, and nothing else.

    Args:
        raw: the compressed bytes.
        new: makes a decoder of one stream.
        padding: bytes that may stand after a stream.
    """

    def __init__(self, raw: Reader, new: Callable[[], _Decoder], padding: bytes) -> None:
        self._raw = raw
        self._new = new
        self._padding = padding
        self._decoder = new()

    def read(self, size: int, /) -> bytes:
        while True:
            if self._decoder.eof:
                following = self._following()
                if not following:
                    return b""
                self._decoder = self._new()
                data = self._decoder.decompress(following, size)
            else:
                data = self._decoder.decompress(self._more() if self._decoder.needs_input else b"", size)
            if data:
                return data

    def _following(self) -> bytes:
        """Return the first bytes of the next stream; none if there is no other."""
        data = self._decoder.unused_data.lstrip(self._padding)
        while not data and (read := self._raw.read(CHUNK)):
            data = read.lstrip(self._padding)
        return data

    def _more(self) -> bytes:
        data = self._raw.read(CHUNK)
        if not data:
            raise EOFError("it ends before its end mark")
        return data


def _gzip(raw: Reader) -> Reader:
    return gzip.GzipFile(fileobj=cast("IO[bytes]", raw), mode="rb")


def _zstd(raw: Reader) -> Reader:
    return cast("Reader", pa.CompressedInputStream(pa.PythonFile(cast("io.IOBase", raw), mode="r"), "zstd"))


def _bzip2(raw: Reader) -> Reader:
    return _Streams(raw, bz2.BZ2Decompressor, b"")


def _xz(raw: Reader) -> Reader:
    return _Streams(raw, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), b"\x00")


_OPENERS = {Packing.GZIP: _gzip, Packing.ZSTD: _zstd, Packing.BZIP2: _bzip2, Packing.XZ: _xz}
