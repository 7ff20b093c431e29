"""Has the catalog hold what the ledger says of one scope, in one commit with the lines that tell of it."""

from datetime import datetime
from typing import TYPE_CHECKING

from billstream.cli.verify.finding import Finding
from billstream.common.errors import WriteConflict
from billstream.common.ids import new_id
from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.ledger import LedgerEntry, insert_entries
from billstream.consumer.commit.unit import retract_rows
from billstream.consumer.decide.states import State

if TYPE_CHECKING:
    import duckdb

    from billstream.common.lake import Lake

REASON = "verify --repair: the catalog is to hold what the ledger says"


def reconcile(lake: "Lake", finding: Finding, *, author: str, now: datetime) -> None:
    """Put right what the catalog holds of the finding's scope; of several loads in force, all but one go.

    Should somebody else have moved the scope on, nothing is done: the next proof looks again.
    """
    if finding.scope is None:
        return
    held = lake.processed_keys([scope_id(finding.scope)]).get(scope_id(finding.scope))
    kept = _kept(finding)
    retired = [load for load in finding.loads if load != kept]
    *lines, last = _lines(lake, finding, kept, retired, author=author, now=now)

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        retract_rows(con, retired)
        insert_entries(con, [*lines, last])

    try:
        lake.commit(write, claims=[last.claim(held)], author=author, message=REASON)
    except WriteConflict:
        return


def _kept(finding: Finding) -> str | None:
    """The load that stays in force: the catalog's if the ledger has it too, else the ledger's newest."""
    if finding.load_id in finding.loads:
        return finding.load_id
    return finding.loads[-1] if finding.loads else None


def _lines(
    lake: "Lake", finding: Finding, kept: str | None, retired: list[str], *, author: str, now: datetime
) -> list[LedgerEntry]:
    """A line for each load that goes, and as the newest one, that which the claim goes with."""
    ids = sorted(new_id() for _ in range(len(retired) + 1))
    gone = [
        _line(finding, entry_id, State.REMOVED, author, now, previous_load_id=load)
        for entry_id, load in zip(ids, retired, strict=False)
    ]
    if kept is None:
        return gone or [_line(finding, ids[-1], State.REMOVED, author, now)]
    state, identity = State.UNCHANGED, _identity(lake, kept)
    return [*gone, _line(finding, ids[-1], state, author, now, load_id=kept, previous_load_id=kept, **identity)]


def _line(
    finding: Finding, entry_id: str, state: State, author: str, now: datetime, **columns: str | None
) -> LedgerEntry:
    return LedgerEntry(
        entry_id=entry_id,
        scope=finding.scope or "",
        state=state,
        reason=REASON,
        bucket=finding.bucket or "",
        key=finding.key or "",
        processed_at=now,
        consumer_id=author,
        event_name="verify",
        **columns,  # type: ignore[arg-type]
    )


def _identity(lake: "Lake", load_id: str) -> dict[str, str | None]:
    """Which version of its object a load is of."""
    names = ("version_id", "etag", "sequencer", "content_sha256")
    rows = lake.rows(f"SELECT {', '.join(names)} FROM ledger WHERE entry_id = ?", [load_id])
    return dict(zip(names, rows[0], strict=True)) if rows else {}
