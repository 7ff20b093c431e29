"""The long-running loop: look, and where there is something to do, make a round; until it is told to stop."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from billstream.aggregator.alerts.round import Alerts
from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.gauges import Gauges
from billstream.aggregator.publish import Publisher, target_of
from billstream.aggregator.refresh import RefreshReport, refresh_once
from billstream.aggregator.watch import (
    AT_LEAST_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Rest,
    Sight,
    pause_after_failure,
    pause_after_round,
    reason_for_round,
)
from billstream.common.errors import Retryable
from billstream.common.lake import Lake
from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics.health import HEALTH
from billstream.common.settings import Settings
from billstream.maintenance.upkeep import Upkeep

log = structlog.get_logger(__name__)


class Stop(Protocol):
    """Tells the loop to end; `threading.Event` is one."""

    def wait(self, timeout: float, /) -> bool:
        """Wait this many seconds, or less when told to stop. Returns True when the loop must end."""


def follow(lake: Lake, settings: Settings, stop: Stop) -> None:
    """Keep aggregates and insights up to date with the lake, until told to stop.

    A look at the lake asks for the newest snapshot and nothing else; see `watch` for what makes a round follow, and how
    long the pause after it is. A retryable failure is logged, and another round tries again.

    Raises:
        Fatal: to continue would be wrong.
    """
    rounds = _Rounds(lake, settings)
    HEALTH.usual_wait = max(settings.aggregate_seconds, LONGEST_PAUSE_SECONDS)
    rest: Rest | None = None
    failures = 0
    while True:
        began, looked_at = time.monotonic(), time.time()
        try:
            lake.begin_work()
            sight = rounds.look()
            if reason := reason_for_round(rest, sight):
                log.debug("round_begins", reason=reason)
                rest = rounds.go()
                wait = pause_after_round(time.monotonic() - began, settings.aggregate_seconds)
            else:
                metrics.TRUE_AS_OF.set(looked_at)
                wait = lake.look_seconds
            failures = 0
            HEALTH.goes_on()
        except Retryable as error:
            rest, failures = None, failures + 1
            wait = pause_after_failure(failures, settings.aggregate_seconds)
            HEALTH.waits(error)
            rounds.gauges.lost(error)
            metrics.REFRESHES.add(1, "postponed")
            log.warning("refresh_postponed", seconds=wait, reason=str(error))
        if stop.wait(wait):
            return


class _Rounds:
    """The tasks of a round, which remember from one to the next what a look then compares."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self._lake, self._settings = lake, settings
        self._publisher, self._target = Publisher(lake), target_of(settings)
        self._alerts = Alerts(lake, settings)
        self._analyst = Analyst(lake, settings, self._alerts.sinks)
        self._upkeep = Upkeep(lake, settings)
        self.gauges = Gauges(lake, settings.insights, wait=timedelta(seconds=settings.keep_for_followers))

    def look(self) -> Sight:
        """Look at the newest snapshot, the clock and the published files.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        newest, now = self._lake.newest_snapshot(), datetime.now(UTC)
        tasks = {
            "analyse": self._analyst.due(),
            "alert": self._alerts.due(now),
            "maintain": self._upkeep.due(newest),
            "observe": bool(self._settings.metrics_address) and self.gauges.due(),
        }
        return Sight(
            newest=newest,
            day=now.date(),
            published=self._target.stamp(),
            now=time.monotonic(),
            due=tuple(name for name, due in tasks.items() if due),
        )

    def go(self) -> Rest:
        """Refresh, analyse, publish, alert, maintain, observe. Maintenance comes late, as nobody waits for it.

        What was committed but not published, as a process died in between, is published now.

        Raises:
            Retryable: a later round does what is left.
            Fatal: to continue would be wrong.
        """
        timed, made = metrics.STEP_SECONDS.timed, self._lake.snapshots_made
        day = datetime.now(UTC).date()  # before the tasks, which may see the next one
        refreshed = self._refresh()
        with timed("analyse"):
            self._analyst.analyse()
        with timed("publish"):
            self._publisher.publish(self._target, refreshed)
        published = self._target.stamp()
        with timed("alert"):
            self._alerts.go_round(self._target.digest())
        # Snapshots are counted without a gap. Where there are more than the refresh has read and this round has made,
        # somebody else has committed meanwhile. What maintenance makes from here on counts as somebody else's, too.
        covered = refreshed.snapshot_id + self._lake.snapshots_made - made
        with timed("maintain"):
            self._upkeep.run_if_due()
        if self._settings.metrics_address:
            with timed("observe"):
                self.gauges.read()
        return Rest(covered=covered, day=day, published=published, until=time.monotonic() + AT_LEAST_SECONDS)

    def _refresh(self) -> RefreshReport:
        """Refresh, and note since when the aggregates are known to be true: later commits are not in them."""
        began = time.time()
        with metrics.STEP_SECONDS.timed("refresh"):
            refreshed = refresh_once(self._lake, tag_keys=self._settings.tag_keys)
        metrics.TRUE_AS_OF.set(began)
        metrics.REFRESHES.add(1, refreshed.watermark.kind if refreshed.changed else "unchanged")
        return refreshed
