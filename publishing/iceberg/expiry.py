"""Old snapshots of an Iceberg table go, and with them the files that no other snapshot needs."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pyiceberg.io import FileIO
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from billstream.common.failpoints import failpoint

MOST_SNAPSHOTS = 500
"""More of them make every commit slow, as each commit writes the list of all: those beyond go early."""

LEAST_AGE = timedelta(hours=1)
"""A younger snapshot stays in any case: somebody may be reading it."""

_WORTH_IT = 0.1  # of the time or the number; a commit for each single snapshot would make more than it removes


def expire(table: Table, keep: timedelta, now: datetime | None = None) -> int:
    """Remove snapshots that are older than `keep`, and return the number of files that went with them.

    The current snapshot stays whatever its age, and so do those that a branch or a tag names. A process that dies
    before the files are removed leaves them behind, unused.
    """
    table = table.refresh()
    old = _expired(table, keep, now or datetime.now(UTC))
    if not old:
        return 0
    candidates = _files(table.io, old)
    table.maintenance.expire_snapshots().by_ids([snapshot.snapshot_id for snapshot in old]).commit()
    with failpoint("publish expire"):
        unused = candidates - _files(table.io, table.refresh().snapshots())
    for path in unused:
        with suppress(FileNotFoundError):  # of two processes one was faster
            table.io.delete(path)
    return len(unused)


def _expired(table: Table, keep: timedelta, now: datetime) -> list[Snapshot]:
    protected = {ref.snapshot_id for ref in table.metadata.refs.values()}
    ages = [
        (now - datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC), snapshot)
        for snapshot in sorted(table.snapshots(), key=lambda one: one.timestamp_ms, reverse=True)
    ]
    if not ages or (ages[-1][0] <= keep * (1 + _WORTH_IT) and len(ages) <= MOST_SNAPSHOTS * (1 + _WORTH_IT)):
        return []
    return [
        snapshot
        for place, (age, snapshot) in enumerate(ages)
        if snapshot.snapshot_id not in protected and (age > keep or (place >= MOST_SNAPSHOTS and age > LEAST_AGE))
    ]


def _files(io: FileIO, snapshots: Iterable[Snapshot]) -> set[str]:
    """Return every file that snapshots refer to: manifest lists, manifests, and data files that are not deleted."""
    found: set[str] = set()
    for snapshot in snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(io):
            if manifest.manifest_path not in found:
                found.add(manifest.manifest_path)
                found.update(entry.data_file.file_path for entry in manifest.fetch_manifest_entry(io))
    return found
