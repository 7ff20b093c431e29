"""One round of alerts, after a refresh and its publication: queue the digests that are due, deliver what is queued."""

from collections.abc import Sequence
from datetime import UTC, datetime

from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.alerts.courier import Courier
from billstream.aggregator.alerts.digest import due_digests
from billstream.aggregator.alerts.outbox import queue
from billstream.common.lake import Lake
from billstream.common.settings import Settings


class Alerts:
    """The sinks of the settings, and the courier to them. The file of sinks is read once.

    Raises:
        Misconfigured: the file is not valid.
    """

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self._lake = lake
        self.sinks = read_sinks(settings.alerts)
        self._courier = Courier(lake, self.sinks)

    def go_round(self, digest: Sequence[str], *, now: datetime | None = None) -> None:
        """Queue due digests and deliver what is due, in bounded time; without sinks nothing happens.

        Args:
            digest: the lines of the published digest.
            now: default: the clock.

        Raises:
            Retryable: the lake does not answer. A sink that fails raises nothing.
        """
        if not self.sinks:
            return
        now = now or datetime.now(UTC)
        due = due_digests(self.sinks, digest, now)
        if due:
            queue(self._lake, due, self.sinks, now=now)
        self._courier.deliver(now=now)
