"""The mark of the newest analysis, and the claim of each commit that writes what an analysis writes."""

from dataclasses import astuple, dataclass
from datetime import date, datetime

import duckdb

from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement

SCOPE_ID = scope_id("billstream:analysis")


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was analysed. With the same aggregates, day and configuration another analysis would find the same."""

    analysis_id: str
    snapshot_id: int
    watermark_snapshot_id: int
    refreshed_at: datetime
    today: date
    configuration: str
    pending: bool
    analysed_at: datetime

    def is_of(self, watermark_snapshot_id: int, refreshed_at: datetime, today: date, configuration: str) -> bool:
        """Return whether it is one of these aggregates, this day and this configuration, with nothing left to do."""
        wanted = (watermark_snapshot_id, refreshed_at, today, configuration)
        held = (self.watermark_snapshot_id, self.refreshed_at, self.today, self.configuration)
        return wanted == held and not self.pending

    def store(self, con: duckdb.DuckDBPyConnection) -> None:
        """Replace the stored one, inside the open transaction."""
        con.execute(statement(__name__, "replace_analysis"), list(astuple(self)))


def read_analysis(lake: Lake, version: int) -> Analysis | None:
    """Return the newest analysis of snapshot `version`; None before the first."""
    rows = lake.query(statement(__name__, "analysis"), [version]).to_pylist()
    return Analysis(**rows[0]) if rows else None


def analysis_claim(lake: Lake) -> Claim:
    """Return the claim of a commit that writes anomalies, forecasts or states of budgets.

    Ask for it before reading what the commit is made of: the lake refuses it when another such commit came between.
    """
    held = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
    new = ProcessedKey(scope_id=SCOPE_ID, entry_id=new_id(), state="refreshed")
    return Claim(new, held.entry_id if held else None)


def renew(con: duckdb.DuckDBPyConnection, claim: Claim) -> None:
    """Give the newest analysis the id of a commit that changes its results, so that they are published again."""
    con.execute(statement(__name__, "renew_analysis"), [claim.new.entry_id])
