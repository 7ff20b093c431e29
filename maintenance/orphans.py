"""Files of the data path that the catalog does not know: left by a commit that was refused, or a process that died."""

from datetime import UTC, datetime, timedelta

import structlog

from billstream.common.lake import Lake
from billstream.common.lake.storage import PROBE
from billstream.common.statements import statement

log = structlog.get_logger(__name__)

OF_TABLES = "main/"
"""The folder of all tables. What else is below the data path, such as files that a commit protects, is left alone."""


def find_orphans(lake: Lake, older_than: timedelta, *, now: datetime | None = None) -> list[str]:
    """Return the paths of files in the folders of tables that no snapshot and no list of the catalog has.

    Args:
        lake: nothing is written to it.
        older_than: the least age of a file. A consumer stages files before the commit that names them, so that those of
            the last hours may be about to be committed.
        now: default: the clock.

    Raises:
        ValueError: the age is less than a day.
        Retryable, Fatal: see `common.lake.failures`.
    """
    if older_than < timedelta(days=1):
        raise ValueError("an orphan is at least a day old")
    before = (now or datetime.now(UTC)) - older_than
    paths = [str(path) for (path,) in lake.rows(statement(__name__, "orphans"), [before])]
    return [path for path in paths if path.removeprefix(lake.data_path).startswith((OF_TABLES, PROBE))]


def remove_orphans(lake: Lake, older_than: timedelta, *, now: datetime | None = None) -> list[str]:
    """Remove the files that `find_orphans` returns, and return their paths.

    Raises:
        ValueError, Retryable, Fatal: as `find_orphans`. A file that S3 does not let go is left, and logged.
    """
    found = find_orphans(lake, older_than, now=now)
    for path in found:
        lake.discard(path)
    if found:
        log.info("orphans_removed", files=len(found))
    return found
