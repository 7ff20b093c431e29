"""Bytes on their way from one place to another: counted, hashed, and compared at their end."""

import hashlib
from typing import Protocol

from billstream.common.errors import DataDamaged

CHUNK_BYTES = 1024 * 1024


class Readable(Protocol):
    """Bytes that can be read once, from the beginning to the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes, all that are left for -1; none at the end."""


class Checked:
    """A stream that knows its size and SHA-256, and that refuses to end when they are not the expected ones.

    Whoever stores it stores nothing then: the error comes before the end of the bytes.
    """

    def __init__(self, stream: Readable, name: str, *, size_bytes: int, sha256: str | None = None) -> None:
        self._stream = stream
        self._name = name
        self._expected = (size_bytes, sha256)
        self._hash = hashlib.sha256()
        self._count = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            DataDamaged: the stream is longer or shorter than expected, or has other bytes.
        """
        data = self._stream.read(size)
        self._hash.update(data)
        self._count += len(data)
        if not data or size < 0 or self._count > self._expected[0]:
            self._check()
        return data

    @property
    def sha256(self) -> str:
        """Return the hash of what was read so far, in hexadecimal."""
        return self._hash.hexdigest()

    def _check(self) -> None:
        size, sha256 = self._expected
        if self._count != size:
            raise DataDamaged(
                f"{self._name} has {self._count:,} bytes, or more; {size:,} were written. It is cut or was changed."
            )
        if sha256 not in {None, self.sha256}:
            raise DataDamaged(f"{self._name} has other bytes than were written: its SHA-256 is {self.sha256}.")
