"""The long-running loop: refresh, analyse, publish, alert, maintain, wait, until it is told to stop."""

import time
from typing import Protocol

import structlog

from billstream.aggregator.alerts.round import Alerts
from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.gauges import Gauges
from billstream.aggregator.publish import Publisher, target_of
from billstream.aggregator.refresh import RefreshReport, refresh_once
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
    """Refresh, analyse and publish every `settings.aggregate_seconds`, until told to stop.

    A retryable failure is logged, and the next round tries again. What was committed but not published is published in
    the next round. Maintenance comes last, as nobody waits for it.

    Raises:
        Fatal: to continue would be wrong.
    """
    publisher, target = Publisher(lake), target_of(settings)
    alerts = Alerts(lake, settings)
    analyst = Analyst(lake, settings, alerts.sinks)
    upkeep = Upkeep(lake, settings)
    gauges = Gauges(lake, settings.insights)
    HEALTH.usual_wait = settings.aggregate_seconds
    timed = metrics.STEP_SECONDS.timed
    while True:
        try:
            lake.begin_work()
            refreshed = _refresh(lake, settings)
            with timed("analyse"):
                analyst.analyse()
            with timed("publish"):
                publisher.publish(target, refreshed)
            with timed("alert"):
                alerts.go_round(target.digest())
            with timed("maintain"):
                upkeep.run_if_due()
            HEALTH.goes_on()
            if settings.metrics_address:
                with timed("observe"):
                    gauges.read()
        except Retryable as error:
            HEALTH.waits(error)
            gauges.lost(error)
            metrics.REFRESHES.add(1, "postponed")
            log.warning("refresh_postponed", seconds=settings.aggregate_seconds, reason=str(error))
        # After a failure the wait is the same: conflicts with other writers were already retried inside the round.
        if stop.wait(settings.aggregate_seconds):
            return


def _refresh(lake: Lake, settings: Settings) -> RefreshReport:
    """Refresh, and note since when the aggregates are known to be true: what is committed meanwhile is not in them."""
    began = time.time()
    with metrics.STEP_SECONDS.timed("refresh"):
        refreshed = refresh_once(lake, tag_keys=settings.tag_keys)
    metrics.TRUE_AS_OF.set(began)
    metrics.REFRESHES.add(1, refreshed.watermark.kind if refreshed.changed else "unchanged")
    return refreshed
