"""What active loads break, as their commits have found it, and the rows that do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.statements import statement
from billstream.consumer.quality.parts import part
from billstream.consumer.quality.rule import About, Broken, Rule
from billstream.consumer.quality.versions import versions

if TYPE_CHECKING:
    import duckdb

_SHOWN = ("charge_period_start", "billed_cost", "billing_currency")
"""Columns of a row that are shown beside those of the rule."""


@dataclass(frozen=True)
class Finding:
    """One rule that rows of an active load break."""

    load_id: str
    scope: str
    key: str
    profile: str | None
    rule: str
    severity: str
    rows_failed: int
    rows_loaded: int
    found_at: datetime


def findings(lake: Lake) -> list[Finding]:
    """Return the findings of all active loads: errors first, the newest first.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    return [Finding(*row) for row in lake.rows(statement(__name__, "findings"))]


def findings_by_severity(lake: Lake) -> dict[str, int]:
    """Return the number of findings of active loads by severity; none where there are none."""
    return dict(lake.rows("SELECT severity, count(*) FROM active_findings GROUP BY severity"))


def broken_rows(lake: Lake, found: Finding, rules: Sequence[Rule], limit: int) -> list[dict[str, Any]]:
    """Return rows of a load that break a rule, as the rule is now: values by column.

    Args:
        lake: where the rows are.
        found: says the load and the rule.
        rules: those in use.
        limit: of the rows.

    Raises:
        Fatal: there is no such rule any more.
        Retryable: see `common.lake.failures`.
    """
    rule = next((rule for rule in rules if rule.name == found.rule), None)
    if rule is None:
        raise Fatal(
            f"The rule {found.rule} is in use no more, so its rows are not known. `billstream quality rules` lists "
            "the others."
        )
    if rule.about is About.VERSIONS:
        return versions(lake, found.load_id)
    if rule.about is About.PARTS:
        return part(lake, found.load_id, found.rows_failed)
    columns = list(dict.fromkeys([*_SHOWN, *rule.columns]))
    rows = lake.rows(
        f"SELECT {', '.join(columns)} FROM charges WHERE load_id = {literal(found.load_id)} AND {rule.broken} "
        "ORDER BY ALL LIMIT ?",
        [limit],
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def insert_findings(
    con: "duckdb.DuckDBPyConnection", broken: Mapping[str, Sequence[Broken]], found_at: datetime
) -> None:
    """Write what loads break, inside the open transaction.

    Args:
        con: the lake's connection; its errors are DuckDB's.
        broken: by load.
        found_at: the time of the commit.
    """
    rows = [
        (load_id, one.rule, one.severity, one.rows, found_at) for load_id, all_of in broken.items() for one in all_of
    ]
    if rows:
        places = ", ".join(["(?, ?, ?, ?, ?)"] * len(rows))
        con.execute(
            f"INSERT INTO quality_findings (load_id, rule, severity, rows_failed, found_at) VALUES {places}",
            [value for row in rows for value in row],
        )
