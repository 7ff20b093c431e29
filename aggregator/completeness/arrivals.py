"""Record what arrived of each day, inside the commit of a refresh."""

from datetime import UTC, datetime

import duckdb

from billstream.common.statements import statement

RECORDED_DAYS = 120
"""Charge days that are recorded, and read, up to the day of the refresh."""

MANY_FILES = 40
FEWEST_TO_REWRITE = 500
"""Below so many rows that no one needs, day_arrivals is not rewritten."""


def store(con: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Record each recent day whose usage is not what was recorded last, inside the open transaction.

    It compares `cost_cells`, as the transaction has written it, with `day_arrivals`; so a rebuild records nothing that
    a refresh would not, and a lake whose arrivals were never recorded begins with all its recent days.

    Args:
        con: DuckDB with the transaction open.
        now: the time of the refresh.

    Returns:
        The number of rows recorded.
    """
    today = now.astimezone(UTC).date()
    con.execute(statement(__name__, "changed_days"), [now, today, RECORDED_DAYS])
    ((changed,),) = con.execute(statement(__name__, "changed_count")).fetchall()
    if changed:
        con.execute(statement(__name__, "record_days"))
        _tidy(con, today_and_days=[today, RECORDED_DAYS])
    return int(changed)


def _tidy(con: duckdb.DuckDBPyConnection, *, today_and_days: list[object]) -> None:
    """Rewrite the table when much of it is not needed any more, or when it consists of many small files."""
    ((rows, old, passed, files),) = con.execute(statement(__name__, "arrivals_stored"), today_and_days).fetchall()
    # To rewrite costs as much as there is to keep: it waits until a third of the rows can go.
    if files > MANY_FILES or old + passed >= max(FEWEST_TO_REWRITE, rows // 3):
        con.execute(statement(__name__, "kept_arrivals"), today_and_days)
        con.execute(statement(__name__, "replace_arrivals"))
