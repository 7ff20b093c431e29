"""What changed last, and how current the lake is: from the newest refresh and the ledger."""

from billstream.aggregator.insights.values import Changes, CurrencyChange, FileChange, Freshness, NewestFile
from billstream.aggregator.statements import statement
from billstream.aggregator.watermark import Watermark
from billstream.common.lake import Lake

MOST_FILES = 100


def read_changes(lake: Lake, watermark: Watermark, *, version: int, ledger_version: int) -> Changes:
    """What the newest refresh found, with the files behind it; their names come from the ledger."""
    lake.rows(statement("insight_changed"), [version, ledger_version])
    currencies = lake.query(statement("insight_changed_currencies")).to_pylist()
    files = lake.query(statement("insight_changed_files"), [MOST_FILES]).to_pylist()
    ((files_changed,),) = lake.rows("SELECT count(DISTINCT file) FROM insight_changed")
    return Changes(
        kind=watermark.kind,
        reason=watermark.reason,
        from_snapshot_id=watermark.previous_snapshot_id,
        to_snapshot_id=watermark.snapshot_id,
        rows_added=watermark.rows_inserted,
        rows_removed=watermark.rows_deleted,
        currencies=tuple(CurrencyChange(**row) for row in currencies),
        files=tuple(FileChange(**row) for row in files),
        files_changed=files_changed,
    )


def read_freshness(lake: Lake, *, version: int) -> Freshness:
    """What the ledger of snapshot `version` says."""
    states = {row["state"]: row for row in lake.query(statement("insight_files"), [version]).to_pylist()}
    quarantined = states.get("quarantined", {"files": 0, "rows_rejected": 0})
    ((lines, file, processed_at, loads, rejected),) = lake.rows(statement("insight_ledger"), [version])
    return Freshness(
        newest_file=NewestFile(file=file, processed_at=processed_at) if file else None,
        loads=loads,
        rejected_rows=rejected + quarantined["rows_rejected"],
        quarantined_files=quarantined["files"],
        files_by_state={state: row["files"] for state, row in states.items()},
        ledger_lines=lines,
    )


def count_ledger_lines(lake: Lake, *, version: int) -> int:
    """How long the ledger is, which only grows; much cheaper than reading it."""
    ((lines,),) = lake.rows("SELECT count(*) FROM ledger AT (VERSION => $1)", [version])
    return int(lines)
