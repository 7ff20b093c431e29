"""A folder of this host as a place for files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.backups.places.streams import CHUNK_BYTES, Readable
from billstream.common.errors import Misconfigured
from billstream.common.ids import new_id
from billstream.common.places import make_private, usable

_PURPOSE = "a backup"
_OURS = ".billstream-"  # the beginning of the names of what is no file of the place
_PART = f"{_OURS}part-"
_LOCK = f"{_OURS}lock"


@dataclass(frozen=True)
class FolderPlace:
    """A folder; it is made when the first file is stored."""

    folder: Path

    @property
    def location(self) -> str:
        """See `Place`."""
        return f"{self.folder.absolute()}/"

    def sizes(self, below: str = "") -> dict[str, int]:
        """See `Place`. Links and what is no file do not count, nor does what was not finished."""
        with usable(self.folder, _PURPOSE, None):
            return {name: size for name, size in self._walk(self.folder) if name.startswith(below)}

    def _walk(self, folder: Path) -> Iterator[tuple[str, int]]:
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path))
            elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(_OURS):
                try:
                    yield str(Path(entry.path).relative_to(self.folder)), entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # removed since
                    continue

    @contextmanager
    def open(self, name: str) -> Iterator[Readable]:
        """See `Place`."""
        path = self.folder / name
        with usable(path, _PURPOSE, None):
            try:
                stream = path.open("rb")
            except FileNotFoundError:
                stream = None
        if stream is None:
            raise FileNotFoundError(str(path))
        with stream:
            yield stream

    def store(self, name: str, stream: Readable) -> None:
        """See `Place`. The file is on the disk, with its name, when this returns."""
        path = self.folder / name
        part = path.with_name(f"{_PART}{new_id()}")
        with usable(path, _PURPOSE, None):
            make_private(path.parent)
            try:
                with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                    while data := stream.read(CHUNK_BYTES):
                        file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _fsync(path.parent)

    def remove(self, name: str) -> None:
        """See `Place`."""
        path = self.folder / name
        with usable(path, _PURPOSE, None):
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """See `Place`."""
        with usable(self.folder, _PURPOSE, None):
            for part in self.folder.rglob(f"{_PART}*"):
                part.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See `Place`."""
        with usable(self.folder, _PURPOSE, None):
            make_private(self.folder)
        lock = FileLock(self.folder / _LOCK, timeout=0)
        try:
            with usable(self.folder, _PURPOSE, None):
                lock.acquire()
        except Timeout:
            raise Misconfigured(
                f"Another process is working on the backups in {self.folder}; nothing was done. Run one at a time."
            ) from None
        try:
            yield
        finally:
            lock.release()


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
