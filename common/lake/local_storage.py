"""The data path in a folder of this host."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from billstream.common.errors import BillstreamError, NoRoom
from billstream.common.lake.data_path import DataPathRefused
from billstream.common.lake.tables import TABLES, folder_of
from billstream.common.places import make_private, usable
from billstream.common.scratch import remove_leftovers, scratch_folder

OF_DUCKLAKE = "ducklake-*.parquet"  # the files that DuckLake names itself
CLOCKS_DIFFER = 60.0  # seconds by which the clock of a file server may be behind ours


@dataclass(frozen=True)
class LocalStorage:
    """A folder, shared by the processes of one host."""

    folder: Path
    _known: set[Path] = field(default_factory=set, compare=False, repr=False)  # folders whose own names are on the disk

    @property
    def location(self) -> str:
        """Return the absolute path."""
        return f"{self.folder.absolute()}/"

    @property
    def extensions(self) -> Sequence[str]:
        """Return no extension."""
        return ()

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:  # noqa: ARG002 - the port's form
        """Create the folder, and restore files that a process protected before it died in a commit."""
        with usable(self.folder, "the lake's data", "BILLSTREAM_DATA_PATH"):
            for table in TABLES:
                make_private(self.folder / folder_of(table))
        remove_leftovers(self._keepsakes, rescue=self._put_back)

    @contextmanager
    def sealed(self, con: duckdb.DuckDBPyConnection, since: float) -> Iterator[None]:  # noqa: ARG002 - the port's form
        """See `Storage`. A hard link protects each file, so that it can be restored."""
        # A folder of this process: when it dies in the COMMIT, the next process restores the files from it.
        with scratch_folder(self._keepsakes, "commit", "BILLSTREAM_DATA_PATH") as folder:
            for path in self._written(since - CLOCKS_DIFFER):
                keepsake = folder / path.relative_to(self.folder)
                keepsake.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # another process has removed its own file
                    keepsake.hardlink_to(path)
            try:
                yield
            finally:
                self._put_back(folder)

    @property
    def _keepsakes(self) -> Path:
        return self.folder / "sealed"

    def _put_back(self, folder: Path) -> None:
        for keepsake in folder.rglob(OF_DUCKLAKE):
            with suppress(FileExistsError):
                (self.folder / keepsake.relative_to(folder)).hardlink_to(keepsake)

    def _written(self, since: float) -> Iterator[Path]:
        """Yield the files that DuckLake itself wrote after a time."""
        for path in (self.folder / "main").rglob(OF_DUCKLAKE):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime >= since:
                    yield path

    def refused(self, con: duckdb.DuckDBPyConnection, error: DataPathRefused) -> BillstreamError:  # noqa: ARG002
        """See `Storage`: S3 has nothing to do with a folder."""
        return error

    def sync(self, paths: Sequence[str]) -> None:
        """See `Storage`. Each file is synced, then each folder once."""
        try:
            for path in paths:
                with suppress(FileNotFoundError):  # another process has removed its own file
                    _fsync(Path(path))
            for folder in {Path(path).parent for path in paths}:
                _fsync(folder)
                self._sync_name(folder)
        except OSError as error:
            raise NoRoom(f"The disk of {self.folder} does not keep what is written: {error}") from error

    def sync_written(self, since: float) -> None:
        """See `Storage`. The files are found by their names, which begin with a time: none is opened that is older."""
        folders = [folder for folder in (self.folder.absolute() / "main").iterdir() if folder.is_dir()]
        recent = [folder for folder in folders if folder.stat().st_mtime >= since - CLOCKS_DIFFER]
        oldest = f"{int((since - CLOCKS_DIFFER) * 1000):012x}"
        self.sync([str(path) for folder in recent for path in folder.glob(OF_DUCKLAKE) if _written_at(path) >= oldest])

    def _sync_name(self, folder: Path) -> None:
        """Sync the folders above one that is new, up to the one that the data path is in."""
        while folder not in self._known and folder.is_relative_to(self.folder.absolute()):
            self._known.add(folder)
            folder = folder.parent
            _fsync(folder)

    @contextmanager
    def written(self, path: str, scratch: Path) -> Iterator[Path]:  # noqa: ARG002 - the port's form
        """See `Storage`: it is written where it stays."""
        try:
            yield Path(path)
        except BaseException:
            self.remove(path)
            raise

    def discard(self, path: str) -> None:
        """Delete the file."""
        self.remove(path)

    def remove(self, path: str) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)

    def staging_path(self, name: str, table: str) -> str:
        """Return a path in the folder of the table."""
        return f"{self.location}{folder_of(table)}/{name}.parquet"

    def connect_sql(self) -> list[str]:
        """Return no statement: a folder needs none."""
        return []


def _written_at(path: Path) -> str:
    """Return the time in a name that DuckLake makes, a UUID of version 7: milliseconds in 12 hexadecimal digits."""
    return path.name.removeprefix("ducklake-").replace("-", "")[:12]


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
