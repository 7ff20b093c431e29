"""The loop: receive, process, acknowledge. This is the one place where a message is acknowledged.

A message is deleted only when every event in it has been processed, and only a commit processes an event. Whatever
ends the process in between, the queue delivers the message again, and the ledger knows what was done.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from billstream.common.errors import Retryable, ServiceUnavailable
from billstream.common.failpoints import failpoint
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.periodic import Periodic
from billstream.consumer.sqs.batching import Batching, ReceivedMessage
from billstream.consumer.sqs.envelope import Reading
from billstream.consumer.sqs.heartbeat import Heartbeat
from billstream.consumer.sqs.queue import Message, Queue

LONGEST_BACKOFF = 900  # seconds
LONGEST_WAIT = 60

log = structlog.get_logger(__name__)


@dataclass
class Summary:
    """The counts of one run of the worker."""

    messages: int = 0
    files: int = 0
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


class Worker:
    """Takes messages from a queue until a stop is requested.

    Args:
        queue: where the messages are.
        intake: processes events.
        settings: how large a micro-batch is.
        stop: says when to end.
        interest: tells which keys are ours.
        periodic: tasks that are due now and then, between two batches; not while a queue is drained.
        clock: seconds that never go back.
        jitter: a random number from 0 to 1.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        queue: Queue,
        intake: Intake,
        settings: Settings,
        stop: Stop,
        *,
        interest: Interest,
        periodic: Sequence[Periodic] = (),
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._interest = interest
        self._stop = stop
        self._periodic = periodic
        self._clock = clock
        self._jitter = jitter
        self._heartbeat = Heartbeat(queue, queue.visibility_timeout(), clock=clock)
        self._batching = Batching(queue, self._heartbeat, settings, stop, clock)
        self._failures = 0
        self.summary = Summary()

    def run(self, *, drain: bool = False) -> Summary:
        """Work until a stop is requested, or with `drain` until the queue is empty.

        Raises:
            Fatal: to go on would be wrong; received messages return to the queue.
        """
        self._stop.on_abandon(self._abandon)
        with self._heartbeat.beating():
            while not self._stop.requested:
                try:
                    self._intake.recover()
                    batch = self._batching.batch(hurried=drain, probing=self._failures > 0)
                    if batch:
                        self._process_or_return(batch)
                    elif drain and self._queue.depth().total == 0:
                        break
                    self._do_what_is_due(drain=drain)
                except Retryable as error:
                    self._wait_out(error)
                else:
                    self._failures = 0
        return self.summary

    # -- processing --------------------------------------------------------------------------------------

    def _process_or_return(self, batch: Sequence[ReceivedMessage]) -> None:
        if self._stop.requested:
            self._release([received.message for received in batch], 0)
            log.info("batch_returned", messages=len(batch), reason="a stop was requested before the batch began")
            return
        started = self._clock()
        self._count_ignored(batch)
        wanted = [(received, event) for received in batch for event in self._wanted(received.reading)]
        try:
            outcomes = self._intake.process([event for _, event in wanted])
        except Retryable:
            self._release([received.message for received in batch], self._backoff(self._failures + 1))
            raise
        unfinished = {
            received.message.receipt_handle
            for (received, _), outcome in zip(wanted, outcomes, strict=True)
            if not outcome.acknowledge
        }
        self._report(batch, outcomes)
        self._acknowledge([d.message for d in batch if d.message.receipt_handle not in unfinished])
        for received in batch:
            if received.message.receipt_handle in unfinished:
                self._release([received.message], self._backoff(received.message.receive_count))
        seconds = round(self._clock() - started, 3)
        log.info("batch_processed", messages=len(batch), events=len(outcomes), seconds=seconds)
        if outage := next((outcome.reason for outcome in outcomes if outcome.unavailable), None):
            raise ServiceUnavailable(outage)

    def _wanted(self, reading: Reading) -> Iterator[ObjectEvent]:
        for event in reading.events:
            if event.kind is EventKind.UNREADABLE or self._interest.includes(event.key, event.bucket):
                yield event
            else:
                self.summary.outcomes["not_included"] += 1
                log.info("object_not_included", scope=event.scope)

    def _acknowledge(self, messages: Sequence[Message]) -> None:
        self._heartbeat.let_go(messages)
        with failpoint("acknowledge"):
            self._queue.delete(messages)

    def _release(self, messages: Sequence[Message], seconds: int) -> None:
        self._heartbeat.let_go(messages)
        with self._heartbeat.silent():
            self._queue.release(messages, seconds)

    def _abandon(self) -> None:
        """Return in-flight messages to the queue. Called in another thread, just before the process ends."""
        messages = self._heartbeat.let_go_all()
        log.warning("batch_abandoned", messages=len(messages), reason="the grace period is over")
        self._queue.release(messages, 0)

    def _do_what_is_due(self, *, drain: bool) -> None:
        for task in self._periodic:
            if not drain and not self._stop.requested:
                task.run_if_due()

    # -- waiting -----------------------------------------------------------------------------------------

    def _backoff(self, attempt: int) -> int:
        """Return the seconds until the next attempt: doubling from 2, at most a quarter of an hour, with jitter."""
        longest = min(2.0 ** min(attempt, 20), LONGEST_BACKOFF)
        return round(longest * (0.5 + self._jitter() / 2))

    def _wait_out(self, error: Retryable) -> None:
        self._failures += 1
        seconds = min(self._backoff(self._failures), LONGEST_WAIT)
        log.warning("consumer_waiting", reason=str(error), seconds=seconds, failures=self._failures)
        self._stop.wait(seconds)

    # -- reporting ---------------------------------------------------------------------------------------

    def _count_ignored(self, batch: Sequence[ReceivedMessage]) -> None:
        for received in batch:
            for reason in received.reading.ignored:
                self.summary.outcomes["ignored"] += 1
                log.info("message_ignored", message_id=received.message.message_id, reason=reason)

    def _report(self, batch: Sequence[ReceivedMessage], outcomes: Sequence[Outcome]) -> None:
        self.summary.messages += len(batch)
        for outcome in outcomes:
            self.summary.outcomes[outcome.label] += 1
            if outcome.entry:
                self.summary.files += 1
                self.summary.rows += outcome.rows_loaded
            outcome.log()
