"""Files that a process wrote for a table and died before it committed: no snapshot names them, and they are removed.

Whoever compares a folder with a table may take the file of another table, or of a commit on its way, for unused. So
four things have to be true of a file that goes:

* It is in the table's own folder, and reached without a symbolic link.
* Its name says that billstream wrote it for this table; other tables, other catalogs and other engines may share the
  folder. Names have the first digits of the table's UUID, which no two tables have.
* No kept snapshot has a file of that name, wherever and however it writes the path.
* It is older than `LEAST_AGE`, by the clock of the storage. Any commit of billstream that it could belong to is refused
  by then, too: the caller has committed to the table itself, and a commit only follows the one that it began from.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table

LEAST_AGE = timedelta(days=3)
"""The default of Iceberg's own `remove_orphan_files`."""

MOST_FILES = 10_000
"""So many are removed at once; the next time goes on."""

_DIGITS = 14  # of a UUID's text: twelve digits and two hyphens
_EPOCH = datetime.fromtimestamp(0, UTC)


def write_id_of(table: Table) -> uuid.UUID:
    """Return a new UUID for the names of the files of one change, which says of which table they are."""
    return uuid.UUID(str(table.metadata.table_uuid)[:_DIGITS] + str(uuid.uuid4())[_DIGITS:])


def remove_orphans(table: Table, used: Iterable[str], now: datetime) -> int:
    """Remove files that only a process that died can have left behind, and return their number.

    Args:
        table: after a commit of the caller's own.
        used: every file of every snapshot of it, read after that commit.
        now: the time, for a storage without newer files.

    Raises:
        OSError: the storage refuses or does not answer. What was removed by then was unused as well.
    """
    if not isinstance(table.io, PyArrowFileIO):
        return 0
    scheme, netloc, folder = table.io.parse_location(table.location(), table.io.properties)
    storage = table.io.fs_by_scheme(scheme, netloc)
    digits = str(table.metadata.table_uuid)[:_DIGITS]
    ours = re.compile(digits + r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(-m\d+)?\.(avro|parquet)$")
    names = {path.rpartition("/")[2] for path in used}
    unused, newest = list[tuple[datetime, str]](), _EPOCH
    for file in _files(storage, folder):
        written_at = file.mtime or now
        newest = max(newest, written_at)
        if file.base_name not in names and ours.search(file.base_name):
            unused.append((written_at, file.path))
    # The storage's clock wrote the times, and not ours: the newest file is of a moment ago.
    before = min(now, newest) - LEAST_AGE
    old = [path for written_at, path in unused if written_at < before][:MOST_FILES]
    for path in old:
        with suppress(FileNotFoundError):  # of two processes one was faster
            storage.delete_file(path)
    return len(old)


def _files(storage: FileSystem, folder: str) -> Iterator[FileInfo]:
    """Return the files in a folder and in those inside it, a folder in memory at a time; no links are followed."""
    folders = [folder]
    while folders:
        for found in storage.get_file_info(FileSelector(folders.pop(), allow_not_found=True)):
            if isinstance(storage, LocalFileSystem) and Path(found.path).is_symlink():
                continue
            if found.type == FileType.Directory:
                folders.append(found.path)
            elif found.type == FileType.File:
                yield found
