"""The content of the lake at the end, read from the lake itself."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billstream.cli.demo.world import World
from billstream.common.statements import statement

Totals = Mapping[str, tuple[int, Decimal | None]]
"""By billing currency: rows, and the exact sum of BilledCost. No currency is `""`."""


@dataclass(frozen=True)
class Quarantined:
    """A file, or one record of it (with its line), that did not fit, and the reason."""

    key: str
    line: int | None
    reason: str


@dataclass(frozen=True)
class Findings:
    """The state of a lake: totals by currency from charges and aggregates, ledger states, quarantine, and omissions.

    `duplicates` is counted in the consumer's log: an event that changes nothing has no ledger entry. `omissions` is
    what the dashboard says is not in its numbers: for each kind its count and its sentence. `insights` is all that is
    published.
    """

    charges: Totals
    aggregates: Totals
    decisions: Mapping[str, int]
    replaced: int
    duplicates: int
    files: tuple[Quarantined, ...]
    records: tuple[Quarantined, ...]
    omissions: Mapping[str, tuple[int, str]]
    insights: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """The number of rows, of every currency."""
        return sum(rows for rows, _ in self.charges.values())


@dataclass(frozen=True)
class Freshness:
    """The aggregator's progress compared with the consumer's; `published` is None before the first insights file."""

    charges: Totals
    aggregates: Totals
    watermark: tuple[int, int] | None
    published: tuple[int, int] | None
    analysed: tuple[int, str] | None
    """Watermark and id of an analysis that has nothing left to do; None before it."""
    published_analysis: str | None

    @property
    def caught_up(self) -> bool:
        """True if the aggregates are exactly the sums of the rows, and analysis and insights are as new as they."""
        return (
            self.charges == self.aggregates
            and self.watermark is not None
            and self.watermark == self.published
            and self.analysed == (self.watermark[0], self.published_analysis)
        )


def look(world: World) -> Findings:
    """Read the findings."""
    decisions = _rows(world, "decisions")
    return Findings(
        charges=_totals(world, "charges_by_currency"),
        aggregates=_totals(world, "aggregates_by_currency"),
        decisions={state: sum(row[2] for row in decisions if row[0] == state) for state, *_ in decisions},
        replaced=sum(count for _, replaced, count in decisions if replaced),
        duplicates=_duplicates(world),
        files=tuple(Quarantined(key, None, reason) for key, reason in _rows(world, "quarantined_files")),
        records=tuple(Quarantined(*row) for row in _rows(world, "quarantined_records")),
        omissions={
            omission["kind"]: (omission["count"], omission["sentence"])
            for omission in (_insights(world) or {"omissions": ()})["omissions"]
        },
        insights=_insights(world) or {},
    )


def freshness(world: World) -> Freshness:
    """Read the aggregator's progress."""
    rows = _rows(world, "watermark")
    return Freshness(
        charges=_totals(world, "charges_by_currency"),
        aggregates=_totals(world, "aggregates_by_currency"),
        watermark=rows[0] if rows else None,
        published=_published(world),
        analysed=next(iter(_rows(world, "analysed")), None),
        published_analysis=(_insights(world) or {}).get("analysis_id"),
    )


def _duplicates(world: World) -> int:
    lines = world.log("consume").read_text("utf-8", "replace").splitlines()
    return sum(_event(line) == "object_duplicate" for line in lines)


def _event(line: str) -> object:
    with suppress(ValueError):
        record = json.loads(line)
        return record.get("event") if isinstance(record, dict) else None
    return None


def _published(world: World) -> tuple[int, int] | None:
    """Return the watermark and the number of ledger entries in the insights."""
    insights = _insights(world)
    return insights and (insights["watermark_snapshot_id"], insights["freshness"]["ledger_lines"])


def _insights(world: World) -> Any:  # noqa: ANN401 - the JSON of the insights
    """Return the published insights, None before the first."""
    try:
        return json.loads((world.settings.insights / "insights.json").read_text("utf-8"))
    except FileNotFoundError:
        return None


def _totals(world: World, query: str) -> Totals:
    return {currency or "": (rows, billed) for currency, rows, billed in _rows(world, query)}


def _rows(world: World, query: str) -> list[tuple[Any, ...]]:
    return world.lake.rows(statement(__name__, query))
