"""Scratch folders: each belongs to one process, and the next process that starts removes those of dead ones.

The owner of a folder holds a lock beside it as long as it lives; the operating system releases the lock when the owner
dies, however it dies.

All of them are in one folder of our own, which a marker proves. Elsewhere nothing is ever removed: the parent may be
`/tmp`, or a folder full of other people's files.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from billstream.common.errors import Misconfigured, NoRoom
from billstream.common.ids import new_id
from billstream.common.places import NO_ROOM, make_private, usable

MARKER = "CACHEDIR.TAG"
MARKER_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"  # of the Cache Directory Tagging Specification: backups skip it
    "# Temporary files of billstream. Whatever is beside this file may be deleted when no billstream runs.\n"
)

_LOCK = ".lock"
_OWN_LOCK = re.compile(r"[a-z]+-[0-9a-f]{12}7[0-9a-f]{19}\.lock")  # a purpose, then an id of `new_id`

log = structlog.get_logger(__name__)


class ScratchFolder:
    """A new, empty folder of this process; its content is lost when the process ends.

    Args:
        parent: folder of all scratch space; created if it does not exist.
        purpose: beginning of the folder's name, in small letters.
        variable: the setting that names the parent, or a folder above it.

    Raises:
        NoRoom: the disk is full.
        Misconfigured: nothing can be made there.
    """

    def __init__(self, parent: Path, purpose: str, variable: str = "BILLSTREAM_SPOOL_DIR") -> None:
        with usable(parent, "temporary files", variable):
            self.path = _made(parent) / f"{purpose}-{new_id()}"
            self._lock = FileLock(_lock_of(self.path), mode=0o600, thread_local=False)
            self._lock.acquire()  # first: a folder without a locked lock counts as that of a dead process
            self.path.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove the folder with its content; a second call does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # a disk that fails now must not hide the error that came before
            _lock_of(self.path).unlink(missing_ok=True)
        self._lock.release()


@contextmanager
def scratch_folder(parent: Path, purpose: str, variable: str = "BILLSTREAM_SPOOL_DIR") -> Iterator[Path]:
    """Provide a scratch folder while the context lasts; see `ScratchFolder`."""
    scratch = ScratchFolder(parent, purpose, variable)
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
        if error.errno not in NO_ROOM:
            raise
        raise NoRoom(f"{doing}: the disk is full. {error.strerror}: {error.filename or 'scratch space'}") from error


def outgrows(folder: Path, name: str) -> bool:
    """Return whether the files of a scratch folder whose names begin with `name` take half of their disk or more.

    Where the disk is full, others may be to blame, and may leave; but not for so much.
    """
    taken = 0
    for path in folder.glob(f"{name}*"):
        with suppress(OSError):
            taken += path.stat().st_size
    return 2 * taken >= shutil.disk_usage(folder).total


def remove_leftovers(parent: Path, rescue: Callable[[Path], None] = lambda _: None) -> None:
    """Remove the scratch folders of processes that have ended.

    Args:
        parent: folder of all scratch space.
        rescue: called with each folder before it is removed.
    """
    own = own_folder(parent)
    if not _is_own(own):
        return
    for lock in own.glob(f"*{_LOCK}"):
        folder = lock.with_name(lock.name.removesuffix(_LOCK))
        if not (_OWN_LOCK.fullmatch(lock.name) and _is_ours(lock, stat.S_ISREG)):
            continue
        if folder.exists() and not _is_ours(folder, stat.S_ISDIR):
            continue
        try:
            with FileLock(lock, timeout=0):
                # The lock is ours now, so its owner is dead, and no second process removes the folder with us.
                rescue(folder)
                shutil.rmtree(folder, ignore_errors=True)
                lock.unlink(missing_ok=True)
        except (Timeout, OSError):
            continue  # its owner is alive; or it cannot be removed, which is no reason to do nothing else
        log.info("scratch_removed", folder=str(folder), reason="its process has ended")


def own_folder(parent: Path) -> Path:
    """Return the path of our own folder. Each user has one: in a shared parent nobody can use that of another."""
    return parent / f"billstream-scratch-{os.geteuid()}"


def _made(parent: Path) -> Path:
    """Return our own folder in `parent`, after making it if there is none.

    Raises:
        Misconfigured: something else has its name.
        OSError: it cannot be made.
    """
    own = own_folder(parent)
    make_private(parent)
    if not os.path.lexists(own):
        _make_own(parent, own)
    elif _is_ours(own, stat.S_ISDIR) and not any(own.iterdir()):
        _mark(own)  # a cleaner of old files has emptied it
    if not _is_own(own):
        raise Misconfigured(
            f"{own} was not made by billstream for this user, so it is left as it is. Move it, or have the temporary "
            "files elsewhere (BILLSTREAM_SPOOL_DIR)."
        )
    return own


def _make_own(parent: Path, own: Path) -> None:
    # Marked before it gets its name: several processes may start at once, and none may find it without its marker.
    new = parent / f".{own.name}-{new_id()}"
    new.mkdir(mode=0o700)
    try:
        _mark(new)
        with suppress(FileExistsError, NotADirectoryError):  # another was first: theirs is looked at
            _rename_to_nothing(new, own)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _mark(own: Path) -> None:
    with (
        suppress(FileExistsError),
        os.fdopen(os.open(own / MARKER, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as f,
    ):
        f.write(MARKER_TEXT)


def _rename_to_nothing(new: Path, own: Path) -> None:
    try:
        new.rename(own)
    except OSError as error:
        if os.path.lexists(own):
            raise FileExistsError(str(own)) from error
        raise


def _is_own(own: Path) -> bool:
    """Return whether a folder is ours: made by this user, and marked."""
    marker = own / MARKER
    try:
        return (
            _is_ours(own, stat.S_ISDIR)
            and _is_ours(marker, stat.S_ISREG)
            and marker.read_text("utf-8", "replace") == MARKER_TEXT
        )
    except OSError:
        return False


def _is_ours(path: Path, kind: Callable[[int], bool]) -> bool:
    """Return whether a path itself, and no link to it, is of this kind and of this user, under one name only."""
    try:
        found = path.lstat()
    except OSError:
        return False
    alone = stat.S_ISDIR(found.st_mode) or found.st_nlink == 1
    return kind(found.st_mode) and alone and found.st_uid in {os.geteuid(), _user_in(path.parent)}


def _user_in(folder: Path) -> int | None:
    """Return the owner that our files get in a folder: a network file system may show another user than us."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_uid
    except OSError:
        return None


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")
