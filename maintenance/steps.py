"""Carry out one step of a plan."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import assert_never

import duckdb

from billstream.common.errors import BillstreamError, WriteConflict
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.maintenance.renewal import Renewal
from billstream.maintenance.values import CleanUp, Expire, Flush, Forget, Limits, Merge, Renew, Step

SCOPE_ID = scope_id("billstream:maintenance")
AUTHOR = "maintenance"


def maintenance_claim(lake: Lake) -> Claim:
    """Return the claim of a commit of maintenance. Ask for it before reading what the commit is made of.

    The lake refuses the commit when another maintenance has committed in between.
    """
    held = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
    new = ProcessedKey(scope_id=SCOPE_ID, entry_id=new_id(), state="maintained")
    return Claim(new, held.entry_id if held else None)


def carry_out(lake: Lake, step: Step, claim: Claim, limits: Limits, now: datetime) -> int:
    """Carry out a step: one commit, or one change of the catalog alone.

    Args:
        lake: open for writing.
        step: the step.
        claim: of `maintenance_claim`, older than the facts that the step was planned from.
        limits: those that the step was planned with.
        now: the moment that the step was planned for.

    Returns:
        How many rows were flushed, or files renewed, merged or removed, or snapshots expired, or rows forgotten. 0:
        nothing was to be done any more.

    Raises:
        ClaimRefused: another maintenance was first. Nothing was changed.
        ReadersAtWork: somebody reads the catalog, and it is on SQLite. Nothing was changed.
        WriteConflict: another writer was first. Nothing was changed, and the writer was not held up.
        DataDamaged: a data file cannot be read. Nothing was changed.
        Retryable, Fatal: see `Lake.commit`. Fatal also: a renewed file would not have the same rows.
    """
    with failpoint(f"maintenance {type(step).__name__.lower()}"):
        match step:
            case Flush():
                return _commit(lake, claim, f"writes inlined rows of {step.table} to a file", _flush(step))
            case Merge():
                with _merging_up_to(lake, step.size_bytes):
                    return _commit(lake, claim, f"merges files of {step.table}", _merge(step))
            case Renew():
                return _renew(lake, claim, step)
            case Expire():
                return _commit(lake, claim, f"expires snapshots before {step.before}", _expire(lake, step))
            case Forget():
                lake.forget_rows(step.store, step.before)
                return step.rows
            case CleanUp():
                return lake.clean_up(now - limits.grace, limits.most_removed)
            case _:
                assert_never(step)


Change = Callable[[duckdb.DuckDBPyConnection], int]
"""Writes inside the open transaction, and returns how much."""


def _commit(
    lake: Lake, claim: Claim, message: str, change: Change, *, alone: bool = True, staged: Sequence[str] = ()
) -> int:
    changed: list[int] = []

    def write(con: duckdb.DuckDBPyConnection) -> None:
        changed.append(change(con))

    lake.commit(write, claims=[claim], author=AUTHOR, message=message, alone=alone, staged=staged)
    return changed[-1]  # the last attempt's: a commit is tried again after credentials were renewed


def _flush(step: Flush) -> Change:
    def change(con: duckdb.DuckDBPyConnection) -> int:
        found = con.execute("CALL ducklake_flush_inlined_data('lake', table_name => ?)", [step.table]).fetchall()
        return sum(int(rows) for _, _, rows in found)

    return change


@contextmanager
def _merging_up_to(lake: Lake, size_bytes: int) -> Iterator[None]:
    """Let DuckLake merge the oldest files until they have so many bytes together; it knows no other bound."""
    lake.run(f"SET ducklake_target_file_size = '{size_bytes} bytes'")
    try:
        yield
    finally:
        with suppress(BillstreamError):  # a connection that is lost has lost the option, too
            lake.run("RESET ducklake_target_file_size")


def _merge(step: Merge) -> Change:
    def change(con: duckdb.DuckDBPyConnection) -> int:
        found = con.execute(
            "CALL ducklake_merge_adjacent_files('lake', ?, max_compacted_files => 1, min_file_size => ?, "
            "max_file_size => ?)",
            [step.table, step.smallest, step.below],
        ).fetchall()
        return sum(int(files) for _, _, files, _ in found)

    return change


def _renew(lake: Lake, claim: Claim, step: Renew) -> int:
    with failpoint("maintenance stage"):
        renewal = Renewal.stage(lake, step.table, step.file_ids)
    if renewal is None:
        return 0
    message = f"renews files of {step.table}"
    try:
        # It removes nothing that a reader of the catalog may be at, as a consumer's commit does not.
        return _commit(lake, claim, message, renewal.write, alone=False, staged=[renewal.path])
    except WriteConflict:
        # After any other failure the file stays: the COMMIT may have happened, and then the catalog names the file.
        lake.discard(renewal.path)
        raise


def _expire(lake: Lake, step: Expire) -> Change:
    found = lake.rows(statement(__name__, "expirable", catalog=METADATA), [step.before, step.at_most])
    snapshots = [int(snapshot) for (snapshot,) in found]

    def change(con: duckdb.DuckDBPyConnection) -> int:
        if snapshots:
            con.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [snapshots]).fetchall()
        return len(snapshots)

    return change
