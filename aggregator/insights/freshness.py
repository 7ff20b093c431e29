"""Freshness: the age of the newest data and what is missing from it, from the ledger."""

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Freshness, NewestFile
from billstream.common.lake import Lake

FILES = Model(__name__, "files", "state", needs=("latest",))
LEDGER = Model(__name__, "ledger", "one row", needs=("active",), given=lambda reading: [reading.snapshot_id])


def read_freshness(reading: Reading) -> Freshness:
    """Return the state of the ledger."""
    states = {row["state"]: row for row in reading.rows(FILES)}
    quarantined = states.get("quarantined", {"files": 0, "rows_rejected": 0})
    (ledger,) = reading.rows(LEDGER)
    newest = NewestFile(file=ledger["file"], processed_at=ledger["processed_at"]) if ledger["file"] else None
    # Rejected records of active loads, and all records of quarantined files: neither are in the charges.
    return Freshness(
        newest_file=newest,
        loads=ledger["loads"],
        rejected_rows=ledger["rejected_rows"] + quarantined["rows_rejected"],
        quarantined_files=quarantined["files"],
        files_by_state={state: row["files"] for state, row in states.items()},
        ledger_lines=ledger["ledger_lines"],
    )


def count_ledger_lines(lake: Lake, *, version: int) -> int:
    """Return the number of ledger entries, which only grows; much cheaper than reading them."""
    ((lines,),) = lake.rows("SELECT count(*) FROM ledger AT (VERSION => $1)", [version])
    return int(lines)


FRESHNESS = Section(__name__, "freshness", Freshness, read_freshness, (FILES, LEDGER))
