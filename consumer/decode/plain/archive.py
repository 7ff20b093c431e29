"""Zip archives: their files, in the archive's order.

A name in an archive is only ever shown, never used as a path. The sizes that an archive claims are not believed: the
bytes that come out are counted.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from billstream.common.errors import Poison
from billstream.consumer.decode.plain.compression import Budget, Layer, Reader, damaged, is_damage, unpacked_again

MAX_MEMBERS = 1000
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # others cannot be unpacked in bounded steps
_SHOWN = 80
_PARTS = "No file of it is loaded: upload its files in several archives."

OFFICE_DOCUMENT = (
    "This is an Office document, such as an Excel workbook, and is not loaded: export it as CSV and upload that."
)


@dataclass(frozen=True)
class Member:
    """One file of an archive; `name` is fit to be shown."""

    name: str
    open: Callable[[], Reader]


class Archive:
    """A zip archive that is open.

    Raises:
        Poison: it is damaged, encrypted, empty, or has too many files.
    """

    def __init__(self, path: Path) -> None:
        self._budget = Budget(path.stat().st_size)
        # The member opened last, and the bytes that had been spent before it.
        self._last: tuple[zipfile.ZipInfo | None, int] = (None, 0)
        self._stream = _BoundedFile(path)
        try:
            self._zip = zipfile.ZipFile(self._stream)
            self.members = tuple(self._member(info) for info in self._files())
        except BaseException as error:
            self._stream.close()
            if is_damage(error):
                raise damaged("The zip archive", error) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _files(self) -> list[zipfile.ZipInfo]:
        found = [info for info in self._zip.infolist() if not info.is_dir() and not _is_clutter(info.filename)]
        if not found:
            raise Poison("The zip archive holds no file, so nothing is loaded: upload one with the billing file in it.")
        if len(found) > MAX_MEMBERS:
            raise Poison(f"The zip archive holds {len(found)} files; at most {MAX_MEMBERS} are read. {_PARTS}")
        if any(info.filename == "[Content_Types].xml" for info in found):
            raise Poison(OFFICE_DOCUMENT)
        return found

    def _member(self, info: zipfile.ZipInfo) -> Member:
        name = repr(info.filename[:_SHOWN])
        if info.flag_bits & _ENCRYPTED:
            raise Poison(f"{name} in the zip archive is encrypted, so nothing is loaded: upload it without a password.")
        if info.compress_type not in _METHODS:
            raise Poison(
                f"{name} in the zip archive has compression method {info.compress_type}: compress it with deflate."
            )
        return Member(name, lambda: self._opened(info, name))

    def _opened(self, info: zipfile.ZipInfo, name: str) -> Reader:
        shown = f"{name} in the zip archive"
        if info is self._last[0]:  # it is read a second time, in another encoding, and counts once
            self._budget.spent = self._last[1]
        self._last = (info, self._budget.spent)
        try:
            stream = self._zip.open(info)
        except Exception as error:
            if is_damage(error):
                raise damaged(shown, error) from error
            raise
        return unpacked_again(Layer(stream.read, shown, self._budget), self._budget)


class _BoundedFile(io.FileIO):
    """A file that is never read whole: a hostile archive may have a directory of any size."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:  # the end of the archive, less than 70 KB in a sound one
            return super().read(MAX_DIRECTORY_BYTES)
        if size > MAX_DIRECTORY_BYTES:
            raise Poison(f"The directory of the zip archive has more than {MAX_DIRECTORY_BYTES} bytes. {_PARTS}")
        return super().read(size)


def _is_clutter(name: str) -> bool:
    """Return whether macOS has added this file to the archive by itself."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] == ".DS_Store"
