"""The courier: delivers what is due, in bounded time, whatever the sinks do."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from billstream.aggregator.alerts.config import Sink
from billstream.aggregator.alerts.hours import quiet_until
from billstream.aggregator.alerts.outbox import Attempt, End, finish, take
from billstream.aggregator.alerts.sinks import send
from billstream.aggregator.alerts.values import Letter, Undelivered
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake

ROUND_SECONDS = 5.0
"""Seconds that all sinks together may take of one round; what is not done by then follows in another."""

Send = Callable[[Sink, Letter], None]

log = structlog.get_logger(__name__)


@dataclass
class _Trip:
    """The letters of one sink in one round, and the thread that delivers them."""

    sink: Sink
    attempts: Sequence[Attempt]
    send: Send
    deadline: float
    ends: dict[int, End] = field(default_factory=dict)
    begun: int = 0

    def run(self) -> None:
        for number, attempt in enumerate(self.attempts):
            if time.monotonic() >= self.deadline:
                return
            self.begun = number + 1
            error = _error_of(self.send, self.sink, attempt.letter)
            self.ends[number] = End(attempt, error)
            if error and not error.answered:
                return  # it is away: the others would wait as long

    def result(self) -> list[End]:
        """Return the end of each attempt, also while the thread still waits for the sink."""
        ends, begun = dict(self.ends), self.begun
        for number, attempt in enumerate(self.attempts):
            if number in ends:
                continue
            if number < begun:
                silent = Undelivered(f"{self.sink.name} has not answered in {ROUND_SECONDS:g} seconds.")
                ends[number] = End(attempt, silent)
            else:
                ends[number] = End(attempt, begun=False)
        return [ends[number] for number in sorted(ends)]


def _error_of(sending: Send, sink: Sink, letter: Letter) -> Undelivered | None:
    try:
        sending(sink, letter)
    except Undelivered as error:
        return error
    except Exception as error:  # noqa: BLE001 - a sink, or a library behind it, must not end the aggregator
        # The class alone: the text of an unknown error may hold the URL in a form that no mask knows.
        return Undelivered(f"{type(error).__name__} in the sink {sink.name}: please report it.", answered=True)
    return None


class Courier:
    """Delivers the outbox of one lake. Keep it as long as the lake: it remembers which sinks have not answered yet."""

    def __init__(self, lake: Lake, sinks: Sequence[Sink], sending: Send = send) -> None:
        self._lake = lake
        self._sinks = {sink.name: sink for sink in sinks}
        self._send = sending
        self._waiting: dict[str, threading.Thread] = {}

    def deliver(self, *, now: datetime | None = None, at_once: bool = False) -> list[End]:
        """Deliver what is due, in at most `ROUND_SECONDS` and two commits.

        Sinks are told side by side, each in a thread of its own, so that one that hangs delays none. One that has not
        answered in time gets nothing more until it does, or its own time-out has passed.

        Args:
            now: default: the clock.
            at_once: deliver also what waits after a failure, and in quiet hours.

        Returns:
            The end of each attempt.

        Raises:
            Retryable: the lake does not answer; what was sent is sent once more, with the same id.
        """
        now = now or datetime.now(UTC)
        ready = [sink.name for sink in self._sinks.values() if at_once or not quiet_until(sink.quiet, now)]
        ready = [name for name in ready if self.is_free(name)]
        attempts = take(self._lake, ready, now=now, waiting_too=at_once) if ready else []
        if not attempts:
            return []
        ends = self._tell(attempts)
        with failpoint("mark_alerts"):
            finish(self._lake, ends, now=now)
        _log(ends)
        return ends

    def is_free(self, name: str) -> bool:
        """Return whether a sink has answered, or was not told anything yet."""
        thread = self._waiting.get(name)
        return thread is None or not thread.is_alive()

    def _tell(self, attempts: Iterable[Attempt]) -> list[End]:
        deadline = time.monotonic() + ROUND_SECONDS
        by_sink: dict[str, list[Attempt]] = {}
        for attempt in attempts:
            by_sink.setdefault(attempt.sink, []).append(attempt)
        trips = [_Trip(self._sinks[name], some, self._send, deadline) for name, some in by_sink.items()]
        for trip in trips:
            # A daemon: a sink that never answers keeps no process from ending.
            thread = threading.Thread(target=trip.run, name=f"sink {trip.sink.name}", daemon=True)
            self._waiting[trip.sink.name] = thread
            thread.start()
        for trip in trips:
            self._waiting[trip.sink.name].join(max(0.0, deadline - time.monotonic()))
        return [end for trip in trips for end in trip.result()]


def _log(ends: Iterable[End]) -> None:
    for end in ends:
        context = {"alert": end.attempt.letter.alert_id, "sink": end.attempt.sink, "attempt": end.attempt.number}
        if end.begun and end.error:
            log.warning("alert_failed", **context, reason=str(end.error), consequence="it is sent again later")
        elif end.begun:
            log.info("alert_sent", **context)
