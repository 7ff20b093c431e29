"""Scratch folders: each belongs to one process, and the next process that starts removes those of dead ones.

The owner of a folder holds a lock beside it as long as it lives; the operating system releases the lock when the owner
dies, however it dies.
"""

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from billstream.common.errors import NoRoom
from billstream.common.ids import new_id

_LOCK = ".lock"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

log = structlog.get_logger(__name__)


class ScratchFolder:
    """A new, empty folder of this process; its content is lost when the process ends.

    Args:
        parent: folder of all scratch folders; created if it does not exist.
        purpose: beginning of the folder's name.
    """

    def __init__(self, parent: Path, purpose: str) -> None:
        self.path = parent / f"{purpose}-{new_id()}"
        self._lock = FileLock(_lock_of(self.path), thread_local=False)
        with needing_room("making scratch space"):
            parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()  # first: a folder without a locked lock counts as that of a dead process
            self.path.mkdir()

    def remove(self) -> None:
        """Remove the folder with its content; a second call does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        _lock_of(self.path).unlink(missing_ok=True)
        self._lock.release()


@contextmanager
def scratch_folder(parent: Path, purpose: str) -> Iterator[Path]:
    """Provide a scratch folder while the context lasts."""
    scratch = ScratchFolder(parent, purpose)
    try:
        yield scratch.path
    finally:
        scratch.remove()


@contextmanager
def needing_room(doing: str) -> Iterator[None]:
    """Translate the errors of a full disk.

    Raises:
        NoRoom: there is no space for what the context writes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise NoRoom(f"{doing}: the disk is full. {error.strerror}: {error.filename or 'scratch space'}") from error


def outgrows(folder: Path, name: str) -> bool:
    """Return whether the files of a scratch folder whose names begin with `name` take half of their disk or more.

    Where the disk is full, others may be to blame, and may leave; but not for so much.
    """
    taken = 0
    for path in folder.glob(f"{name}*"):
        with contextlib.suppress(OSError):
            taken += path.stat().st_size
    return 2 * taken >= shutil.disk_usage(folder).total


def remove_leftovers(parent: Path, rescue: Callable[[Path], None] = lambda _: None) -> None:
    """Remove the scratch folders of processes that have ended.

    Args:
        parent: folder of all scratch folders.
        rescue: called with each folder before it is removed.
    """
    for lock in parent.glob(f"*{_LOCK}"):
        folder = lock.with_name(lock.name.removesuffix(_LOCK))
        try:
            with FileLock(lock, timeout=0):
                # The lock is ours now, so its owner is dead, and no second process removes the folder with us.
                rescue(folder)
                shutil.rmtree(folder, ignore_errors=True)
                lock.unlink(missing_ok=True)
        except Timeout:
            continue  # its owner is alive
        log.info("scratch_removed", folder=str(folder), reason="its process has ended")


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")
