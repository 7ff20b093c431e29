"""The lock for one writer at a time on an SQLite catalog."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.common.errors import CatalogUnavailable
from billstream.common.places import usable

LOCK_SECONDS = 60


@contextmanager
def only_writer(catalog: Path) -> Iterator[None]:
    """Hold the lock beside a catalog: SQLite sometimes refuses a second writer, whatever its busy time-out.

    Raises:
        CatalogUnavailable: another process has been writing for a minute.
        NoRoom, Misconfigured: the folder of the catalog can hold no lock.
    """
    lock = FileLock(f"{catalog}.lock", timeout=LOCK_SECONDS)
    try:
        with usable(Path(lock.lock_file), "the lake's catalog", "BILLSTREAM_CATALOG"):
            lock.acquire()
    except Timeout:
        raise CatalogUnavailable(
            f"{lock.lock_file} has been held by another billstream process for {LOCK_SECONDS} seconds."
        ) from None
    try:
        yield
    finally:
        lock.release()
