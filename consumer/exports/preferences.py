"""Preferences: decisions of an operator, or rules of a file, about which of several exports counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from billstream.common.lake import Lake
from billstream.common.lake.guard import scope_id
from billstream.consumer.exports.coverage import Line

SCOPE = "exports://preferences"
SCOPE_ID = scope_id(SCOPE)
"""The scope that each change of the preferences claims. Its entry in the catalog tells one set of them from another."""

OPERATOR = "operator"
RULES = "rules"
UNNAMED = 1_000_000
"""The rank of an export that a preference does not name."""


@dataclass(frozen=True, kw_only=True)
class Preference:
    """One decision. Its fields are columns of the lake table `export_preferences`, where they are explained."""

    preference_id: str
    source: str
    priority: int
    preferred: tuple[str, ...]
    provider: str | None = None
    account: str | None = None
    first_month: date | None = None
    last_month: date | None = None
    decided_at: datetime
    decided_by: str

    def concerns(self, line: Line) -> bool:
        """Return whether the decision is about this coverage: of its provider, account and month.

        A line that tells no account is of any account: its sub account says whose it is.
        """
        return self.concerns_month(line.provider, line.billing_month) and (
            self.account is None or line.account is None or self.account == line.account
        )

    def concerns_month(self, provider: str | None, month: date) -> bool:
        """Return whether the decision is about this provider and month, of some account."""
        return (
            provider is not None
            and self.provider in {None, provider}
            and (self.first_month is None or self.first_month <= month)
            and (self.last_month is None or month <= self.last_month)
        )

    def rank(self, line: Line) -> int:
        """Return the place of the line's export in the order, 0 for the best, `UNNAMED` for one that has no place."""
        places = [place for place, name in enumerate(self.preferred) if name in {line.export, line.dataset}]
        return min(places, default=UNNAMED)


def read_preferences(lake: Lake) -> list[Preference]:
    """Return the preferences that hold, the one that comes first in front: of an operator the newest, then the rules.

    Raises:
        Retryable: the lake does not answer.
    """
    rows = lake.query("SELECT * EXCLUDE (undone_at) FROM export_preferences WHERE undone_at IS NULL").to_pylist()
    return in_order([Preference(**{**row, "preferred": tuple(row["preferred"])}) for row in rows])


def in_order(preferences: Sequence[Preference]) -> list[Preference]:
    """Return preferences, the one that comes first in front."""
    newest_first = sorted(preferences, key=lambda one: (one.decided_at, one.preference_id), reverse=True)
    return sorted(newest_first, key=lambda one: (one.source != OPERATOR, one.priority))


def insert_preferences(con: duckdb.DuckDBPyConnection, preferences: Sequence[Preference]) -> None:
    """Write preferences, inside the open transaction."""
    for one in preferences:
        row = {**vars(one), "preferred": list(one.preferred)}
        values = ", ".join(f"${name} AS {name}" for name in row)
        con.execute(f"INSERT INTO export_preferences BY NAME SELECT {values}", row)


def undo_preferences(con: duckdb.DuckDBPyConnection, preferences: Sequence[Preference], now: datetime) -> None:
    """Write that preferences hold no more, inside the open transaction."""
    for one in preferences:
        con.execute("UPDATE export_preferences SET undone_at = ? WHERE preference_id = ?", [now, one.preference_id])
