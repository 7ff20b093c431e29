"""The long-running loop: refresh, publish, wait; until told to stop."""

from typing import Protocol

import structlog

from billstream.aggregator.publish import publish
from billstream.aggregator.refresh import refresh_once
from billstream.common.errors import Retryable
from billstream.common.lake import Lake
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)


class Stop(Protocol):
    """Tells the loop to end; `threading.Event` is one."""

    def wait(self, timeout: float, /) -> bool:
        """Wait this many seconds, or less when told to stop. Returns whether the loop shall end."""


def follow(lake: Lake, settings: Settings, stop: Stop) -> None:
    """Keep aggregates and insights true to the lake, every `settings.aggregate_seconds`, until told to stop.

    What may recover by itself is logged and tried again next time. What was committed but not published, whatever
    the reason, is published the next time round.

    Raises:
        Fatal: going on would be wrong.
    """
    while True:
        try:
            lake.reconnect_if_lost()
            publish(lake, settings, refresh_once(lake))
        except Retryable as error:
            log.warning("refresh_postponed", seconds=settings.aggregate_seconds, reason=str(error))
        if stop.wait(settings.aggregate_seconds):
            return
