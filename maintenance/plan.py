"""What is to be done for a lake: a pure function of the facts of its catalog."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from billstream.maintenance.values import (
    CleanUp,
    Expire,
    Facts,
    Flush,
    Forget,
    Limits,
    Merge,
    Renew,
    SmallFile,
    Step,
    WornFile,
)


def plan(facts: Facts, limits: Limits) -> tuple[Step, ...]:
    """Return the steps that are due, in their order. None is left when the lake needs nothing.

    What frees room comes before what needs it. A later plan finds what one step leaves over.
    """
    return (*_flushes(facts, limits), *_expiry(facts, limits), *_renewals(facts, limits), *_merges(facts, limits))


def first_needed(facts: Facts) -> int | None:
    """Return the snapshot that, with all after it, has to be kept; None where every snapshot has to.

    The change feed of a follower begins after its snapshot, and reads the files of that snapshot for the rows that were
    deleted since. Without it the feed leaves such rows out, and says nothing.
    """
    if facts.settled_snapshot is None:
        return None
    return min(facts.settled_snapshot, facts.newest_snapshot, *facts.followers)


def _flushes(facts: Facts, limits: Limits) -> Iterator[Step]:
    for rows in facts.inlined:
        if rows.live >= limits.many_rows:
            yield Flush(rows.table, rows.live)


def _expiry(facts: Facts, limits: Limits) -> Iterator[Step]:
    needed = first_needed(facts)
    if needed is not None and facts.oldest_snapshot < needed:
        yield Expire(needed, limits.most_snapshots)
    for rows in facts.inlined:
        if rows.dead >= limits.many_rows:
            yield Forget(rows.table, rows.store, facts.oldest_snapshot, rows.dead)
    if facts.files_to_remove:
        yield CleanUp(facts.files_to_remove)


def _renewals(facts: Facts, limits: Limits) -> Iterator[Step]:
    for table in dict.fromkeys(file.table for file in facts.worn_files):
        files = [file for file in facts.worn_files if file.table == table]
        worth_it = [file for file in files if _worn(file, limits)]
        if sum(file.dead_bytes for file in worth_it) >= limits.dead_bytes:
            yield _renewed_first(worth_it, limits)
        elif len(files) >= limits.many_files:
            # Few deleted rows, in many files: until they are renewed nothing merges them.
            yield _renewed_first(files, limits)


def _worn(file: WornFile, limits: Limits) -> bool:
    return file.dead >= file.rows * (limits.restless_share if file.young else limits.dead_share)


def _renewed_first(files: Sequence[WornFile], limits: Limits) -> Renew:
    """Return the step for the files with the most to gain, one of them at least."""
    chosen: list[WornFile] = []
    rows = size = 0
    for file in sorted(files, key=lambda file: file.dead / file.rows, reverse=True)[: limits.most_files]:
        more_rows, more_bytes = rows + file.rows - file.dead, size + file.size_bytes - file.dead_bytes
        if chosen and (more_rows > limits.most_renewed_rows or more_bytes > limits.most_bytes):
            break
        chosen.append(file)
        rows, size = more_rows, more_bytes
    return Renew(files[0].table, tuple(file.file_id for file in chosen), rows, size)


def _merges(facts: Facts, limits: Limits) -> Iterator[Step]:
    tables = dict.fromkeys(file.table for file in facts.small_files)
    for table in tables:
        files = [file for file in facts.small_files if file.table == table]
        for smallest, below in pairwise((0, *limits.size_classes)):
            found = [file for file in files if smallest <= file.size_bytes < below]
            chosen = _oldest(found, limits)
            if len(chosen) > 1:
                yield Merge(table, smallest, below, len(chosen), sum(file.size_bytes for file in chosen))


def _oldest(files: Sequence[SmallFile], limits: Limits) -> list[SmallFile]:
    """Return the files of a class to merge, the oldest first; none while there are few."""
    settled = [file for file in files if not file.young]
    # A burst, such as a backfill, makes more files in an hour than queries can bear.
    worth_it = files if len(files) >= limits.too_many_files else settled
    if len(worth_it) < limits.many_files:
        return []
    chosen: list[SmallFile] = []
    size = 0
    for file in sorted(worth_it, key=lambda file: file.since)[: limits.most_files]:
        size += file.size_bytes
        if chosen and size > limits.most_bytes:
            break
        chosen.append(file)
    return chosen
