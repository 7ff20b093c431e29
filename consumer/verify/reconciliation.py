"""Make the catalog hold what the ledger records of one scope, in one commit with the entries that say so."""

from datetime import datetime

from billstream.common.errors import WriteConflict
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.commit.unit import Unit
from billstream.consumer.decide.states import State
from billstream.consumer.verify.finding import Finding

REASON = "verify --repair: the catalog is reconciled with the ledger"


def reconcile(lake: Lake, finding: Finding, *, author: str, now: datetime) -> None:
    """Reconcile the catalog's entry of the finding's scope with the ledger; of several active loads, one stays.

    If another process changes the scope meanwhile, nothing is done: the next proof looks again.
    """
    if finding.scope is None:
        return
    key = scope_id(finding.scope)
    processed = lake.processed_keys([key]).get(key)
    kept = _kept(finding)
    retired = [load for load in finding.loads if load != kept]
    entries = _entries(lake, finding, kept, retired, author=author, now=now)
    # One claim for the scope, that of the newest entry: it is refused if the scope has changed since the look-up.
    unit = Unit(entries=entries, claims=[entries[-1].claim(processed)], replaced=retired)
    try:
        unit.commit(lake, author, REASON)
    except WriteConflict:
        return


def _kept(finding: Finding) -> str | None:
    """Return the load that stays active: the catalog's if the ledger has it too, else the ledger's newest."""
    if finding.load_id in finding.loads:
        return finding.load_id
    return finding.loads[-1] if finding.loads else None


def _entries(
    lake: Lake, finding: Finding, kept: str | None, retired: list[str], *, author: str, now: datetime
) -> list[LedgerEntry]:
    """Return one entry for each load that goes, then the newest entry of the scope."""
    ids = sorted(new_id() for _ in range(len(retired) + 1))
    gone = [
        _entry(finding, entry_id, State.REMOVED, author, now, previous_load_id=load)
        for entry_id, load in zip(ids, retired, strict=False)
    ]
    if kept is None:
        return gone or [_entry(finding, ids[-1], State.REMOVED, author, now)]
    state, identity = State.UNCHANGED, _identity(lake, kept)
    return [*gone, _entry(finding, ids[-1], state, author, now, load_id=kept, previous_load_id=kept, **identity)]


def _entry(
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


def _identity(lake: Lake, load_id: str) -> dict[str, str | None]:
    """Return the columns that name the object version of a load."""
    names = ("version_id", "etag", "sequencer", "content_sha256")
    rows = lake.rows(f"SELECT {', '.join(names)} FROM ledger WHERE entry_id = ?", [load_id])
    return dict(zip(names, rows[0], strict=True)) if rows else {}
