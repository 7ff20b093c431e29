"""One round of alerts, after a refresh and its publication: queue the digests that are due, deliver what is queued."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.alerts.courier import Courier
from billstream.aggregator.alerts.digest import due_digests
from billstream.aggregator.alerts.hours import quiet_until
from billstream.aggregator.alerts.outbox import MOST_AT_ONCE, next_attempts, queue
from billstream.common.lake import Lake
from billstream.common.settings import Settings

FULL_SECONDS = 15.0
"""After a round with as many letters as one sink may get, so long nothing is delivered: no sink is flooded."""


class Alerts:
    """The sinks of the settings, and the courier to them. The file of sinks is read once.

    Raises:
        Misconfigured: the file is not valid.
    """

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self._lake = lake
        self.sinks = read_sinks(settings.alerts)
        self._courier = Courier(lake, self.sinks)
        self._next: dict[str, datetime] = {}  # attempt at each sink, after the last round
        self._asked: set[tuple[str, date]] = set()  # digests that a round has asked for
        self._not_before = 0.0

    def due(self, now: datetime) -> bool:
        """Return whether the time of a digest or of another attempt has come since the last round; nothing is read."""
        if self._digests(now) - self._asked:
            return True
        waiting = time.monotonic() < self._not_before
        return not waiting and any(
            sink.name in self._next
            and self._next[sink.name] <= now
            and not quiet_until(sink.quiet, now)
            and self._courier.is_free(sink.name)
            for sink in self.sinks
        )

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
        self._asked = self._digests(now)
        if time.monotonic() >= self._not_before:
            ends = self._courier.deliver(now=now)
            if len(ends) >= MOST_AT_ONCE:
                self._not_before = time.monotonic() + FULL_SECONDS
        self._next = next_attempts(self._lake, [sink.name for sink in self.sinks])

    def _digests(self, now: datetime) -> set[tuple[str, date]]:
        return {(sink.name, day) for sink in self.sinks if sink.digest and (day := sink.digest.due(now))}
