"""The lock between the statements that read an SQLite catalog and the commits that remove rows from it.

With more than one thread DuckDB scans such a catalog over connections of its own, outside the snapshot of the
statement: rows that another process deletes meanwhile are gone, and those that it inserts in their place are not seen.
Nobody but maintenance deletes rows. So statements share this lock, and a commit of maintenance has it alone.

The lock is `flock` on files beside the catalog, and never on the catalog's own: to close that would drop the locks that
SQLite has on it. The kernel releases it when a process dies.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from billstream.common.errors import CatalogUnavailable, ReadersAtWork
from billstream.common.places import usable

STATEMENT_SECONDS = 60.0
"""So long a statement waits for a step of maintenance, which takes a second or two."""

ALONE_SECONDS = 2.0
"""So long maintenance waits for statements that have begun; meanwhile, no statement of another process begins."""

_POLL_SECONDS = 0.005


class ReadersLock:
    """The lock of one connection to a catalog. Not for use by two threads at a time; it may be taken inside itself."""

    def __init__(self, catalog: Path) -> None:
        self._readers = Path(f"{catalog}.readers")
        # Whoever wants the lock passes here first: else a stream of readers would never let maintenance have it.
        self._turnstile = Path(f"{catalog}.turnstile")
        self._held = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock for a statement, or several that belong together, beside other readers.

        Who can neither open nor make the files of the lock reads without it: a folder that may only be read.

        Raises:
            CatalogUnavailable: maintenance has had it for a minute.
        """
        if self._held:
            yield
            return
        with ExitStack() as readers:
            try:
                with ExitStack() as turnstile:
                    self._enter(turnstile, self._turnstile, fcntl.LOCK_SH, STATEMENT_SECONDS)
                    self._enter(readers, self._readers, fcntl.LOCK_SH, STATEMENT_SECONDS)
            except TimeoutError:
                raise CatalogUnavailable(
                    f"{self._readers} has been held by maintenance for {STATEMENT_SECONDS:.0f} seconds."
                ) from None
            except OSError:
                pass
            with self._holding():
                yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock while nobody reads.

        Raises:
            ReadersAtWork: a statement that had begun before goes on. Nothing was changed.
            NoRoom, Misconfigured: the folder of the catalog can hold no lock.
        """
        with ExitStack() as stack:
            deadline = time.monotonic() + ALONE_SECONDS
            try:
                for path in (self._turnstile, self._readers):
                    with usable(path, "the lake's catalog", "BILLSTREAM_CATALOG"):
                        self._enter(stack, path, fcntl.LOCK_EX, deadline - time.monotonic())
            except TimeoutError:
                raise ReadersAtWork(
                    "Statements read the lake, and maintenance lets them end. The step is tried again later."
                ) from None
            with self._holding():
                yield

    @contextmanager
    def _holding(self) -> Iterator[None]:
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _enter(self, stack: ExitStack, path: Path, how: int, seconds: float) -> None:
        """Lock a file until the stack is left. Raises TimeoutError after so many seconds, and other OSErrors."""
        file = _opened(path)
        stack.callback(os.close, file)  # releases the lock
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError from None
                time.sleep(_POLL_SECONDS)
            else:
                return


def _opened(path: Path) -> int:
    """Open a file of the lock, for reading alone: whoever may read the catalog may lock it."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)  # less the umask, like SQLite's own files
