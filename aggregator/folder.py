"""The folder of published files: a reader sees each file whole, the old one or the new one."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.common.errors import Fatal, Retryable
from billstream.common.failpoints import failpoint

LOCK_NAME = ".insights.lock"
LOCK_SECONDS = 60


@contextmanager
def publishing(folder: Path) -> Iterator[None]:
    """Make the folder and hold it: one process at a time publishes there.

    Raises:
        Retryable: another process has been publishing for a minute, or the folder cannot be written at the moment.
        Fatal: this process may not write there, or it is no folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK_NAME, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise Retryable(f"Another process has been publishing to {folder} for {LOCK_SECONDS} seconds.") from None
    except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Fatal(f"The insights cannot be published to {folder}: {error.strerror}.") from error
    except OSError as error:
        raise Retryable(f"The insights cannot be published to {folder}: {error.strerror}.") from error


def replace_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Put each text in the place of the file of its name, in their order; to be called while holding the folder.

    A crash leaves the old file or the new one, and at most one hidden file beside them, which the next call takes
    over. What has been renamed is on disk when this returns.
    """
    for name, text in texts.items():
        _replace(folder / name, text)
    _flush_folder(folder)


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with failpoint("rename"):
        unfinished.replace(path)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
