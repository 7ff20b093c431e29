"""The long-running loop: refresh, analyse, publish, alert, maintain, wait, until it is told to stop."""

from typing import Protocol

import structlog

from billstream.aggregator.alerts.round import Alerts
from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.publish import Publisher
from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.targets.folder import FolderTarget
from billstream.common.errors import Retryable
from billstream.common.lake import Lake
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
    publisher, target = Publisher(lake), FolderTarget(settings.insights, settings.insights_readers)
    alerts = Alerts(lake, settings)
    analyst = Analyst(lake, settings, alerts.sinks)
    upkeep = Upkeep(lake, settings)
    while True:
        try:
            lake.reconnect_if_lost()
            refreshed = refresh_once(lake, tag_keys=settings.tag_keys)
            analyst.analyse()
            publisher.publish(target, refreshed)
            alerts.go_round(target.digest())
            upkeep.run_if_due()
        except Retryable as error:
            log.warning("refresh_postponed", seconds=settings.aggregate_seconds, reason=str(error))
        # After a failure the wait is the same: conflicts with other writers were already retried inside the round.
        if stop.wait(settings.aggregate_seconds):
            return
