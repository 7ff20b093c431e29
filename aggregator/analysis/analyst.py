"""The analysis of one lake, after a refresh: read, judge, forecast, evaluate, and write all of it in one commit."""

import hashlib
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import structlog

from billstream.aggregator.alerts.config import Sink
from billstream.aggregator.alerts.outbox import enqueue, outbox_claim
from billstream.aggregator.alerts.values import Alert
from billstream.aggregator.analysis.detection import Detection, Known, detect
from billstream.aggregator.analysis.forecasts import (
    budget_forecasts,
    forecasts_of,
    read_forecasts,
    read_others,
    store_forecasts,
)
from billstream.aggregator.analysis.mark import Analysis, analysis_claim, read_analysis
from billstream.aggregator.analysis.notices import alerts_of
from billstream.aggregator.anomalies.thresholds import Thresholds
from billstream.aggregator.budgets.evaluation import Evaluation
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.reading import BudgetFile, read_budgets
from billstream.aggregator.budgets.states import Transition, transition
from billstream.aggregator.budgets.store import evaluate_all, read_states
from billstream.aggregator.budgets.store import store as store_budgets
from billstream.aggregator.forecasting.values import MonthForecast
from billstream.aggregator.insights.models import BASE, Reading
from billstream.aggregator.kpis.metric_days import MetricDay, evaluate_metrics, store_metrics
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.watermark import read_watermark
from billstream.common.failpoints import failpoint
from billstream.common.file_stamp import FileStamp
from billstream.common.lake import Lake
from billstream.common.retries import redo_on_conflict
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)

NAMES = ("month", "scope", "currency", "provider", "account", "service")
"""What identifies a forecast."""

MOST_IN_A_ROW = 20

REST_SECONDS = 15.0
"""Until an analysis looks again at what may not last, as days are arriving that were judged before."""


@dataclass(frozen=True)
class Results:
    """Everything that one analysis writes."""

    detection: Detection
    forecasts: tuple[MonthForecast, ...]
    forecasts_moved: bool
    """False: they are as stored."""
    evaluations: list[Evaluation]
    states: Transition
    metric_days: list[MetricDay]
    alerts: list[Alert]
    has_file: bool
    """False: there is no file of budgets, and there was none."""


@dataclass(frozen=True)
class Held:
    """What an analysis has written, so that the next one need not read it."""

    analysis_id: str
    known: Known
    forecasts: tuple[MonthForecast, ...]


class Analyst:
    """Analyses one lake. The file of budgets is read once, the quantities of its metrics whenever they change.

    Raises:
        Misconfigured: the file of budgets is not valid; the text names file and line.
    """

    def __init__(self, lake: Lake, settings: Settings, sinks: tuple[Sink, ...] = ()) -> None:
        self._lake = lake
        self._sinks = sinks
        limits = settings.anomaly_limits
        self._limits = Thresholds(score=limits.score, share=limits.share, floor=limits.floor)
        keys = [key.name for key in settings.tag_keys.names]
        names = [sink.name for sink in sinks] or None
        file = read_budgets(settings.budgets, keys, names) if settings.budgets else BudgetFile()
        self._budgets: tuple[Budget, ...] = file.budgets
        self._metrics = file.metrics
        self._held: Held | None = None
        self._files = self._seen_files()
        self._again_at = math.inf

    def due(self) -> bool:
        """Return whether the last analysis has left something over, or a file of quantities was touched since."""
        return time.monotonic() >= self._again_at or self._seen_files() != self._files

    def _seen_files(self) -> list[FileStamp | None]:
        return [FileStamp.of(table.path) for table in self._metrics]

    @property
    def _configuration(self) -> str:
        used = (self._limits, self._budgets, self._sinks, [(table.metric, table.digest) for table in self._metrics])
        return hashlib.sha256(repr(used).encode()).hexdigest()[:16]

    def analyse(self, *, now: datetime | None = None) -> bool:
        """Analyse the aggregates, unless the stored analysis is of these, of this day and this configuration.

        Args:
            now: default: the clock.

        Returns:
            True when something was written.

        Raises:
            Retryable: the lake does not answer, or others committed first for two minutes; nothing was written, or the
                reply was lost and the next analysis finds out.
            Fatal: see `common.lake.failures`.
        """
        self._files = self._seen_files()  # before they are read: what is written meanwhile is another change
        self._metrics = tuple(table.reread() for table in self._metrics)
        return redo_on_conflict(lambda: self._attempt(now or datetime.now(UTC)))

    def analyse_all(self, *, now: datetime | None = None) -> int:
        """Analyse until nothing is left to do: causes are computed a few at a time, and alerts wait for a quiet look.

        Returns:
            The number of analyses that wrote something.

        Raises:
            Retryable, Fatal: as `analyse`.
        """
        return next(
            number for number in range(MOST_IN_A_ROW + 1) if number == MOST_IN_A_ROW or not self.analyse(now=now)
        )

    def _attempt(self, now: datetime) -> bool:
        started, today = time.monotonic(), now.astimezone(UTC).date()
        # The claims first: a snapshot read after them has what their owners committed.
        claims = [analysis_claim(self._lake), *([outbox_claim(self._lake)] if self._sinks else [])]
        version = self._lake.snapshot_id()
        watermark = read_watermark(self._lake, version)
        stored = read_analysis(self._lake, version)
        self._again_at = math.inf
        if watermark is None:
            return False
        if stored and stored.is_of(watermark.snapshot_id, watermark.refreshed_at, today, self._configuration):
            return False
        reading = Reading(self._lake, watermark, version, version, RecentRestatements(self._lake), today)
        with failpoint("analyse"):
            found = self._results(reading, stored, now)
        mark = Analysis(
            analysis_id=claims[0].new.entry_id,
            snapshot_id=version,
            watermark_snapshot_id=watermark.snapshot_id,
            refreshed_at=watermark.refreshed_at,
            today=today,
            configuration=self._configuration,
            pending=bool(found.detection.unexplained) or not found.detection.at_rest,
            analysed_at=now,
        )

        def write(con: duckdb.DuckDBPyConnection) -> None:
            found.detection.store(con)
            if found.forecasts_moved:
                store_forecasts(con, found.forecasts)
            if found.has_file:
                store_budgets(con, found.evaluations, found.states, now)
                store_metrics(con, found.metric_days)
            enqueue(con, found.alerts, self._sinks, now=now)
            mark.store(con)

        self._lake.commit(
            write, claims=claims, author="aggregator", message=f"analysis of snapshot {mark.watermark_snapshot_id}"
        )
        if mark.pending:
            self._again_at = time.monotonic() + (0.0 if found.detection.unexplained else REST_SECONDS)
        self._held = Held(mark.analysis_id, found.detection.known, found.forecasts)
        log.info(
            "aggregates_analysed",
            snapshot=mark.watermark_snapshot_id,
            series=len(found.detection.panel.keys),
            incidents_changed=len(found.detection.changed),
            unexplained=found.detection.unexplained,
            budgets=len(found.evaluations),
            seconds=round(time.monotonic() - started, 3),
        )
        return True

    def _results(self, reading: Reading, stored: Analysis | None, now: datetime) -> Results:
        lake, version, today = self._lake, reading.version, reading.today
        reading.run(BASE)
        sources = {(source.currency, source.provider): source for source in reading.sources}
        held = self._held if stored and self._held and self._held.analysis_id == stored.analysis_id else None
        known = held.known if held else Known.read(lake, version)
        found = detect(reading, known, sources, self._limits, since=stored.snapshot_id if stored else None)
        forecasts = forecasts_of(found, read_others(lake, version, today), sources, today)
        evaluations = evaluate_all(lake, self._budgets, today, budget_forecasts(found, sources, today))
        # The first analysis after the file is gone still writes: what was in it is no longer there.
        without_file = not self._budgets and not self._metrics
        idle = without_file and stored is not None and stored.configuration == self._configuration
        states = Transition((), ()) if idle else transition(evaluations, read_states(lake), now)
        alerts = alerts_of(found, sources, reading.habits, states.notices, today) if self._sinks else []
        metric_days = evaluate_metrics(lake, self._metrics, today)
        moved = forecasts != held.forecasts if held else not _same(forecasts, read_forecasts(lake, version))
        return Results(found, forecasts, moved, evaluations, states, metric_days, alerts, has_file=not idle)


def _same(made: tuple[MonthForecast, ...], stored: list[dict[str, object]]) -> bool:
    """Return whether the forecasts are those that are stored, in whatever order."""
    by_name = {tuple(row[name] for name in NAMES): row for row in stored}
    return len(made) == len(stored) and all(
        by_name.get(tuple(getattr(one, name) for name in NAMES)) == one.model_dump() for one in made
    )
