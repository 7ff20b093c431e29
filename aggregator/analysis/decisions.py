"""What a person decides of an anomaly, in a commit of its own."""

from typing import Literal

import duckdb

from billstream.aggregator.analysis.mark import analysis_claim, renew
from billstream.aggregator.anomalies.incidents import Incident, decide, the_one
from billstream.aggregator.anomalies.store import read_incidents, store_incidents
from billstream.common.lake import Lake
from billstream.common.retries import redo_on_conflict

Decision = Literal["acknowledged", "expected", "ended"]


def decide_anomaly(lake: Lake, begins: str, decision: Decision, *, reason: str, by: str) -> Incident:
    """Store a decision about the anomaly whose id begins so, and return it. A refresh does not take it back.

    Args:
        lake: open for writing.
        begins: the id, or enough of its beginning to be one alone.
        decision: acknowledged and expected: nothing more is told of it; ended: it is over, unless its days go on.
        reason: why, in the words of the person.
        by: who decides.

    Raises:
        WrongUsage: there is no such anomaly, or more than one; nothing was changed.
        Retryable, Fatal: see `Lake.commit`.
    """

    def once() -> Incident:
        claim = analysis_claim(lake)
        chosen = the_one(read_incidents(lake, lake.snapshot_id()), begins, lambda one: one.incident_id)
        decided = decide(chosen, decision, reason=reason, by=by)

        def write(con: duckdb.DuckDBPyConnection) -> None:
            store_incidents(con, [decided])
            renew(con, claim)

        lake.commit(write, claims=[claim], author=by, message=f"anomaly {decided.incident_id}: {decision}")
        return decided

    return redo_on_conflict(once)
