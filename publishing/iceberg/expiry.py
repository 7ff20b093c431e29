"""Old snapshots of an Iceberg table go, and with them the files that no other snapshot needs."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io import FileIO
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots

from billstream.common.failpoints import failpoint
from billstream.common.masking import masked
from billstream.publishing.iceberg.orphans import remove_orphans

log = structlog.get_logger(__name__)

MOST_SNAPSHOTS = 500
"""More of them make every commit slow, as each commit writes the list of all: those beyond go early."""

LEAST_AGE = timedelta(hours=1)
"""A younger snapshot stays in any case: somebody may be reading it."""

CLEANED_EVERY = timedelta(days=1)
"""Orphan files are looked for so often, and no more: the look reads every manifest of every snapshot."""

_WORTH_IT = 0.1  # of the time or the number; a commit for each single snapshot would make more than it removes
_CLEANING_DUE = "billstream.cleaning-due"


def cleaned(now: datetime) -> dict[str, str]:
    """Return the property of a table that has no orphan files now."""
    return {_CLEANING_DUE: (now + CLEANED_EVERY).isoformat()}


def expire(table: Table, keep: timedelta, now: datetime | None = None) -> int:
    """Remove snapshots that are older than `keep`, and return the number of files that went with them.

    The current snapshot stays whatever its age, and so do those that a branch or a tag names. Now and then, files that
    processes left behind when they died are removed as well, so the caller must have committed to the table. The commit
    that removes snapshots makes that due: where a process dies before their files are gone, the next one removes them.

    Raises:
        CommitFailedException: another process was first.
    """
    now = now or datetime.now(UTC)
    table = table.refresh()
    old = _expired(table, keep, now)
    if not old and not _is_due(table, now):
        return 0
    candidates = _files(table.io, old)
    if old:
        try:
            with failpoint("publish expire"), table.transaction() as transaction:
                transaction.set_properties({_CLEANING_DUE: now.isoformat()})
                ExpireSnapshots(transaction).by_ids([snapshot.snapshot_id for snapshot in old]).commit()
        except ValueError as error:  # of pyiceberg's own catalogs, about a snapshot that is not there any more
            raise CommitFailedException("another process has removed the snapshots") from error
    with failpoint("publish clean"):
        used = _files(table.io, table.refresh().snapshots())
        unused = candidates - used
        for path in unused:
            with suppress(FileNotFoundError):  # of two processes one was faster
                table.io.delete(path)
        _remove_orphans(table, used, now)
    with table.transaction() as transaction:
        transaction.set_properties(cleaned(now))
    return len(unused)


def _is_due(table: Table, now: datetime) -> bool:
    try:
        return now >= datetime.fromisoformat(table.properties[_CLEANING_DUE])
    except (KeyError, ValueError, TypeError):  # nobody has written it, or somebody else has
        return True


def _remove_orphans(table: Table, used: set[str], now: datetime) -> None:
    try:
        if removed := remove_orphans(table, used, now):
            log.info("target_orphans_removed", table=table.name()[-1], files=removed)
    except OSError as error:
        # To read and to write a table, nobody needs the right to list its folder. Without it, such files stay, and the
        # operator is told once a day.
        log.warning("target_orphans_not_removed", table=table.name()[-1], reason=masked(str(error))[-300:])


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
