"""The gauges of lake and insights, read once in a round and only when something has changed, at a bounded cost."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from billstream.aggregator.pages.render import JSON_NAME
from billstream.common.errors import BillstreamError, CatalogUnavailable
from billstream.common.file_stamp import FileStamp
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics import followers, quality
from billstream.common.statements import statement

SHARE = 0.05
"""Part of the time that reading the lake may take: after 2 seconds of it, 38 without."""

AGAIN_SECONDS = 15.0
"""Until the lake is read again after it could not be."""

_EXPORTS = "export:"  # the bucket of the ledger's entries about deliveries, see consumer.events
_SILENT = frozenset({"stale_sources", "lagging_sources"})
_OF_LAKE = (
    metrics.LEDGER,
    metrics.OLDEST_AWAITING,
    metrics.OVERLAPS,
    metrics.ANOMALIES,
    quality.FINDINGS,
    metrics.BUDGETS,
    metrics.OUTBOX,
    metrics.OLDEST_IN_OUTBOX,
    metrics.LAKE_FILES,
    metrics.LAKE_BYTES,
    metrics.LAKE_SNAPSHOTS,
    followers.FOLLOWERS,
)

log = structlog.get_logger(__name__)


class Gauges:
    """Reads the gauges of one lake and one folder of insights.

    Args:
        lake: nothing is written to it.
        insights: the folder.
        clock: seconds that never go back.
        wait: how long a target that is not seen is waited for.
    """

    def __init__(
        self,
        lake: Lake,
        insights: Path,
        clock: Callable[[], float] = time.monotonic,
        wait: timedelta = timedelta(days=30),
    ) -> None:
        self._lake, self._wait = lake, wait
        self._json = insights / JSON_NAME
        self._clock = clock
        self._state: tuple[object, ...] | None = None  # of the lake, when it was read
        self._due_at = 0.0
        self._behind = True  # the lake was not read, or it was too early to read what has changed
        self._looked_at: FileStamp | None = None  # the file at the last look, readable or not
        self._published: FileStamp | None = None  # the file that was read

    def read(self) -> None:
        """Read what has changed; the insights from their folder, as another process may have published them.

        What cannot be read is unknown from then on; nothing is raised.
        """
        try:
            self._read_lake()
        except BillstreamError as error:
            log.warning("gauges_not_read", reason=str(error), consequence="the metrics of the lake are absent")
            self.forget_lake()
            self._due_at = self._clock() + AGAIN_SECONDS
        self._read_insights()

    def due(self) -> bool:
        """Return whether there is something to read though nothing was committed; nothing but a file is looked at."""
        return (self._behind and self._clock() >= self._due_at) or FileStamp.of(self._json) != self._looked_at

    def lost(self, error: BillstreamError) -> None:
        """Forget the gauges of a lake that does not answer."""
        if isinstance(error, CatalogUnavailable):
            self.forget_lake()

    def forget_lake(self) -> None:
        """Know nothing of the lake until it is read again."""
        self._state, self._behind = None, True
        metrics.OBSERVED.set(0, "lake")
        for gauge in _OF_LAKE:
            gauge.forget()

    def _read_lake(self) -> None:
        started, today = self._clock(), datetime.now(UTC).date()
        state = (self._lake.snapshot_id(), today)
        self._behind = state != self._state
        if not self._behind or (started < self._due_at and self._state):
            return
        rows = self._lake.rows(
            statement(__name__, "gauges", metadata=METADATA), [_EXPORTS, today, datetime.now(UTC) - self._wait]
        )
        metrics.LEDGER.set_all(_amounts(rows, "ledger"))
        metrics.OLDEST_AWAITING.set_or_forget(_oldest(rows, "ledger", "awaiting_manifest"))
        metrics.OVERLAPS.set(_amounts(rows, "overlaps")[""])
        metrics.ANOMALIES.set_all(_amounts(rows, "anomalies"))
        quality.FINDINGS.set_all(_amounts(rows, "quality"))
        metrics.BUDGETS.set(_amounts(rows, "budgets")[""])
        metrics.OUTBOX.set_all(_amounts(rows, "outbox"))
        metrics.OLDEST_IN_OUTBOX.set_or_forget(_oldest(rows, "outbox"))
        metrics.LAKE_FILES.set_all(_amounts(rows, "files"))
        metrics.LAKE_BYTES.set(_amounts(rows, "bytes")[""])
        metrics.LAKE_SNAPSHOTS.set(_amounts(rows, "snapshots")[""])
        followers.FOLLOWERS.set_all(_amounts(rows, "followers"))
        metrics.OBSERVED.set(1, "lake")
        self._state, self._behind = state, False
        ended = self._clock()
        self._due_at = ended + (ended - started) * (1 / SHARE - 1)

    def _read_insights(self) -> None:
        self._looked_at = stamp = FileStamp.of(self._json)
        if stamp is None or stamp == self._published:  # not published yet, or elsewhere; or read before
            return
        try:
            tell_omissions(json.loads(self._json.read_bytes())["omissions"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError):  # by another version, or not by us
            self._published = None
            metrics.LAGGING.forget()
            return
        self._published = stamp


def tell_omissions(omissions: Iterable[Mapping[str, Any]]) -> None:
    """Set the metrics that come from the omissions of the published insights, as `insights.json` has them."""
    metrics.LAGGING.set(sum(one["count"] for one in omissions if one["kind"] in _SILENT))


def _amounts(rows: Iterable[tuple[Any, ...]], gauge: str) -> dict[str, float]:
    return {str(label): float(amount) for name, label, amount, _ in rows if name == gauge}


def _oldest(rows: Iterable[tuple[Any, ...]], gauge: str, wanted: str | None = None) -> float | None:
    times = [since for name, label, _, since in rows if name == gauge and since and wanted in {None, label}]
    return min(times).timestamp() if times else None
