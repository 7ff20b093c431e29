"""The contract of a target, and the mark that tells whether its insights are current."""

import json
from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from billstream.aggregator.insights.values import Insights


@dataclass(frozen=True)
class Mark:
    """The identity of published insights: refresh, length of the ledger, which only grows, day, and analysis.

    Periods end with the day of the clock, so that the insights of yesterday are old though nothing was loaded.
    """

    schema_version: int
    watermark_snapshot_id: int
    refreshed_at: datetime
    ledger_lines: int
    today: date
    analysis_id: str | None = None


def mark_of(index: bytes) -> Mark | None:
    """Return the mark in the content of `insights.json`; None when it is not readable."""
    try:
        content = json.loads(index)
        return Mark(
            schema_version=content["schema_version"],
            watermark_snapshot_id=content["watermark_snapshot_id"],
            refreshed_at=datetime.fromisoformat(content["refreshed_at"]),
            ledger_lines=content["freshness"]["ledger_lines"],
            today=date.fromisoformat(content["today"]),
            analysis_id=content["analysis_id"],
        )
    except (ValueError, LookupError, TypeError):
        return None


class Target(Protocol):
    """A place where insights are published. A reader there sees the old insights or the new ones, never a part."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the target: one process at a time looks at it and publishes to it.

        Raises:
            Retryable: another process holds it, or it does not answer at the moment.
            Fatal: this process may not publish there.
        """

    def published(self) -> Mark | None:
        """Return the mark of the insights that are published there; None when they are absent or incomplete."""

    def stamp(self) -> Hashable:
        """Return a value that becomes another one when the publication may have been touched; at next to no cost."""

    def publish(self, insights: Insights) -> None:
        """Replace what is published there, while the target is held.

        Raises:
            Retryable, Fatal: as `exclusive`.
        """
