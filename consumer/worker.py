"""The loop: receive, settle, acknowledge. This is the one place where a message is acknowledged.

A message is deleted only when every event in it is settled, and an event is settled only by a commit. Whatever
ends the process in between, the queue brings the message again, and the ledger tells what had been done.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from common.errors import Retryable
from consumer.envelope import Reading, read_body
from consumer.events import EventKind, ObjectEvent
from consumer.outcome import Outcome
from consumer.queue import BATCH, Message, Queue

if TYPE_CHECKING:
    from common.runtime import Stop
    from common.settings import Settings
    from consumer.intake import Intake

LONGEST_BACKOFF = 900  # seconds

log = structlog.get_logger(__name__)


@dataclass
class Summary:
    """What a run of the worker did."""

    messages: int = 0
    files: int = 0
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Delivery:
    """A message and what was read in it."""

    message: Message
    reading: Reading


class Worker:
    """Takes messages from a queue until it is told to stop."""

    def __init__(
        self,
        queue: Queue,
        intake: "Intake",
        settings: "Settings",
        stop: "Stop",
        *,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._settings = settings
        self._stop = stop
        self._monotonic = monotonic
        self._jitter = jitter
        self._failures = 0
        self._draining = False
        self.summary = Summary()

    def run(self, *, drain: bool = False) -> Summary:
        """Work until a stop is requested, or with `drain` until the queue is empty.

        Raises:
            Fatal: going on would be wrong; what was received comes again.
        """
        self._draining = drain
        while not self._stop.requested:
            try:
                batch = self._gather()
                if batch:
                    self._process(batch)
                elif drain and self._queue.depth().total == 0:
                    break
            except Retryable as error:
                self._wait_out(error)
            else:
                self._failures = 0
        return self.summary

    # -- receiving ---------------------------------------------------------------------------------------

    def _gather(self) -> list[Delivery]:
        """One micro-batch: full by files or bytes, old enough, or all that there is at the moment."""
        batch: list[Delivery] = []
        deadline = 0.0
        while not self._stop.requested:
            room = self._settings.batch_files - len(batch)
            messages = self._queue.receive(min(room, BATCH), self._patience(batch, deadline))
            if messages and not batch:
                deadline = self._monotonic() + (0 if self._draining else self._settings.batch_seconds)
            batch += [Delivery(message, read_body(message.body, message.receive_count)) for message in messages]
            over = self._monotonic() >= deadline and not (messages and self._draining)
            if over or self._is_full(batch):
                break
        return batch

    def _patience(self, batch: Sequence[Delivery], deadline: float) -> int:
        """How many seconds to wait for the next messages of a batch."""
        if not batch:
            return self._settings.poll_seconds
        return 1 if deadline - self._monotonic() > 1 else 0

    def _is_full(self, batch: Sequence[Delivery]) -> bool:
        size = sum(event.size_bytes or 0 for delivery in batch for event in delivery.reading.events)
        return len(batch) >= self._settings.batch_files or size >= self._settings.batch_bytes

    # -- settling ----------------------------------------------------------------------------------------

    def _process(self, batch: Sequence[Delivery]) -> None:
        started = self._monotonic()
        self._count_ignored(batch)
        wanted = [(delivery, event) for delivery in batch for event in self._wanted(delivery.reading)]
        try:
            outcomes = self._intake.settle([event for _, event in wanted])
        except Retryable:
            self._queue.release([delivery.message for delivery in batch], self._backoff(self._failures + 1))
            raise
        open_messages: dict[str, Outcome] = {}
        for (delivery, _), outcome in zip(wanted, outcomes, strict=True):
            if not outcome.acknowledge:
                open_messages[delivery.message.message_id] = outcome
        self._acknowledge(batch, open_messages)
        self._report(batch, outcomes, self._monotonic() - started)

    def _wanted(self, reading: Reading) -> Iterator[ObjectEvent]:
        for event in reading.events:
            if event.kind is EventKind.UNREADABLE or self._settings.includes(event.key):
                yield event
            else:
                self.summary.outcomes["not_included"] += 1
                log.debug("object_not_included", bucket=event.bucket, key=event.key)

    def _acknowledge(self, batch: Sequence[Delivery], open_messages: dict[str, Outcome]) -> None:
        self._queue.delete([d.message for d in batch if d.message.message_id not in open_messages])
        for delivery in batch:
            message = delivery.message
            if message.message_id in open_messages:
                self._queue.release([message], self._backoff(message.receive_count))

    # -- waiting -----------------------------------------------------------------------------------------

    def _backoff(self, attempt: int) -> int:
        """Seconds until the next attempt: doubling from 2, at most a quarter of an hour, with jitter."""
        longest = min(2.0 ** min(attempt, 20), LONGEST_BACKOFF)
        return round(longest * (0.5 + self._jitter() / 2))

    def _wait_out(self, error: Retryable) -> None:
        self._failures += 1
        seconds = min(self._backoff(self._failures), 60)
        log.warning("consumer_waiting", reason=str(error), seconds=seconds, failures=self._failures)
        self._stop.wait(seconds)

    # -- telling -----------------------------------------------------------------------------------------

    def _count_ignored(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            for reason in delivery.reading.ignored:
                self.summary.outcomes["ignored"] += 1
                log.info("message_ignored", message_id=delivery.message.message_id, reason=reason)

    def _report(self, batch: Sequence[Delivery], outcomes: Sequence[Outcome], seconds: float) -> None:
        self.summary.messages += len(batch)
        for outcome in outcomes:
            self.summary.outcomes[outcome.label] += 1
            if outcome.entry:
                self.summary.files += 1
                self.summary.rows += outcome.entry.rows_loaded
            outcome.log()
        log.info("batch_settled", messages=len(batch), events=len(outcomes), seconds=round(seconds, 3))
