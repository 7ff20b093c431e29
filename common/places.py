"""The folders that the settings name: made for their owner alone, or explained where they cannot be used.

A command looks at its folders before it changes anything, because an error of the operating system deep inside a
database or a loop tells an operator too little.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billstream.common.errors import Misconfigured, NoRoom

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_REMEDIES = {
    errno.EACCES: "Give it to the user {user}, who runs this process (a new volume often belongs to root)",
    errno.EPERM: "Give it to the user {user}, who runs this process (a new volume often belongs to root)",
    errno.EROFS: "Mount its file system writable",
    errno.ENOTDIR: "Move the file that stands in the way",
    errno.EEXIST: "Move the file that stands in the way",
    errno.EISDIR: "Move the folder that stands in the way",
    errno.ELOOP: "Correct the symbolic link, which leads to itself",
    errno.ENAMETOOLONG: "Choose a shorter path",
    errno.ENOENT: "Create it, or mount what is missing there",
}


@contextmanager
def usable(place: Path, purpose: str, variable: str | None) -> Iterator[None]:
    """Translate the errors of the operating system about one place.

    Args:
        place: the file or folder that the block uses.
        purpose: what it is for, for the text ("the lake's catalog").
        variable: the setting that names it, if one does.

    Raises:
        NoRoom: its disk is full.
        Misconfigured: it cannot be used, for any other reason; the text names path, reason and remedy.
    """
    try:
        yield
    except TimeoutError:  # of a lock that another process has: no fault of the place
        raise
    except OSError as error:
        raise explained(error, place, purpose, variable) from error


def explained(error: OSError, place: Path, purpose: str, variable: str | None) -> NoRoom | Misconfigured:
    """Return the error of the operating system as one of ours; see `usable`."""
    found = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(place)
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in NO_ROOM:
        return NoRoom(f"{found}: the disk is full ({reason}). Make room for {purpose}.")
    remedy = _REMEDIES.get(error.errno or 0, "Check it").format(user=os.geteuid())
    instead = f", or set {variable} to another place" if variable else ""
    return Misconfigured(f"{found}: {reason}. It is needed for {purpose}. {remedy}{instead}.")


def prepare_folder(folder: Path, purpose: str, variable: str) -> None:
    """Make a folder, for its owner alone, and find out whether files can be made in it.

    A folder that exists keeps its mode and its content.

    Raises:
        NoRoom, Misconfigured: see `usable`.
    """
    with usable(folder, purpose, variable):
        make_private(folder)
        # Only an attempt tells: permissions do not know of read-only mounts, quotas and other rules.
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            error.filename = str(folder)  # and not that of the attempt
            raise


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone, whatever the umask.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    for missing in reversed([path for path in (folder, *folder.parents) if not os.path.lexists(path)]):
        missing.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        folder.mkdir(mode=0o700)  # raises the error that tells what is there instead
