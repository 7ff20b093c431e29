"""The stamp of a file: another one once the file was written or replaced."""

from pathlib import Path
from typing import NamedTuple


class FileStamp(NamedTuple):
    """Inode, size in bytes, and time of the last write in nanoseconds since 1970.

    A file that is written twice within the clock of its file system, to the same size, keeps its stamp.
    """

    inode: int
    size_bytes: int
    written_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp | None":
        """Return the stamp of a file; None where there is none, `HIDDEN` for one that may not be seen."""
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return HIDDEN
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


HIDDEN = FileStamp(0, 0, 0)
