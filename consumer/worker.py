"""The loop: receive, process, acknowledge. This is the one place where a message is acknowledged.

A message is deleted only when every event in it has been processed, and only a commit processes an event. Whatever
ends the process in between, the queue delivers the message again, and the ledger knows what was done.

Where everything fails, the consumer holds: it keeps a few messages and tries one at a time, until one can be loaded.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import structlog

from billstream.common.errors import BillstreamError, Fatal, Held, Retryable, ServiceUnavailable
from billstream.common.failpoints import failpoint
from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics.health import HEALTH
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.commit.outcome import Outcome, hindrance
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.periodic import Periodic
from billstream.consumer.sqs.batching import Batching, ReceivedMessage
from billstream.consumer.sqs.envelope import Reading
from billstream.consumer.sqs.heartbeat import Heartbeat
from billstream.consumer.sqs.queue import Message, Queue
from billstream.consumer.summary import Summary

LONGEST_BACKOFF = 900  # seconds
LONGEST_WAIT = 60
MOST_HELD = 10
"""So many messages are kept while the consumer holds."""

log = structlog.get_logger(__name__)


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
        self._settings = settings
        self._failures = 0
        self._holding: str | None = None  # why
        self._holds = 0
        self._held: deque[ReceivedMessage] = deque()
        self._draining = False
        self.summary = Summary()

    def run(self, *, drain: bool = False) -> Summary:
        """Work until a stop is requested, or with `drain` until the queue is empty.

        Raises:
            Fatal: to go on would be wrong; received messages return to the queue. With `drain` also when everything
                else is processed, and the rest is held.
        """
        self._draining = drain
        self._stop.on_abandon(self._abandon)
        with self._heartbeat.beating():
            try:
                self._loop(drain=drain)
            finally:
                self._return_held()
        return self.summary

    def _loop(self, *, drain: bool) -> None:
        while not self._stop.requested:
            try:
                self._intake.recover()
                batch = self._next_batch(drain=drain)
                if batch:
                    self._process_or_return(batch)
                elif drain and self._queue.depth().total <= len(self._held):
                    break
                self._do_what_is_due(drain=drain)
            except Held as error:
                # A drain goes on with the rest of the queue, and keeps what is held: it ends soon.
                self._wait_for_good(error, drain=drain)
            except Retryable as error:
                self._wait_out(error)
            else:
                self._failures = 0
                HEALTH.goes_on()
        if drain and self._held and not self._stop.requested:
            raise Fatal(f"{len(self._held)} messages return to the queue: {self._holding}")

    def _next_batch(self, *, drain: bool) -> list[ReceivedMessage]:
        """Return what is to be processed next: a batch of the queue, or, while the consumer holds, one message."""
        if self._held and not self._holding:
            return [self._held.popleft() for _ in range(min(len(self._held), self._settings.batch_files))]
        if drain or not self._holding:
            return self._batching.batch(hurried=drain, probing=self._failures > 0)
        if len(self._held) < MOST_HELD and (batch := self._batching.batch(hurried=True, probing=True)):
            return batch
        if len(self._held) >= MOST_HELD and self._holds % MOST_HELD == 0:
            # All were tried in vain: one makes room for a message that was not tried yet, unless it costs too much.
            spare = min(self._held, key=lambda one: one.message.receive_count)
            if not spare.suspect:
                self._held.remove(spare)
                self._release([spare.message], LONGEST_WAIT)
        return [self._held.popleft()] if self._held else []

    # -- processing --------------------------------------------------------------------------------------

    def _process_or_return(self, batch: Sequence[ReceivedMessage]) -> None:
        """Process a batch, the messages alone that have been received too often; acknowledge or return each message.

        Raises:
            Retryable: it is to be waited for; what is not processed was returned.
            Fatal: to go on would be wrong. Everything else of the batch has been processed.
        """
        suspects = [[received] for received in batch if received.suspect]
        random.shuffle(suspects)  # the one that ends the process must not do so each time before the same others
        together = [received for received in batch if not received.suspect]
        parts = deque([together, *suspects] if together else suspects)
        errors: list[Exception] = []
        while parts:
            if self._stop.requested:
                left = _messages(parts)
                self._release(left, 0)
                log.info("batch_returned", messages=len(left), reason="a stop was requested before the batch began")
                break
            part = parts.popleft()
            try:
                outcomes = self._process_part(part)
            except Retryable:
                self._release(_messages(parts), self._backoff(self._failures + 1))
                raise
            errors += [error for error in (hindrance(outcomes), _outage(outcomes)) if error]
        if errors:
            raise min(errors, key=_severity)

    def _process_part(self, batch: Sequence[ReceivedMessage]) -> list[Outcome]:
        started = self._clock()
        self._count_ignored(batch)
        wanted = [(received, event) for received in batch for event in self._wanted(received.reading)]
        try:
            outcomes = self._intake.process([event for _, event in wanted])
        except Retryable:
            self._release(_messages([batch]), self._backoff(self._failures + 1))
            raise
        pairs = zip(wanted, outcomes, strict=True)
        unfinished = {one.message.receipt_handle: outcome for (one, _), outcome in pairs if not outcome.acknowledge}
        self._report(batch, outcomes)
        self._acknowledge([d.message for d in batch if d.message.receipt_handle not in unfinished])
        held = []
        for received in batch:
            outcome = unfinished.get(received.message.receipt_handle)
            if outcome and outcome.holding:
                held.append(received)
            elif outcome:
                self._release([received.message], self._backoff(received.message.receive_count))
        self._hold(held)
        seconds = round(self._clock() - started, 3)
        metrics.BATCH_SECONDS.observe(seconds)
        log.info("batch_processed", messages=len(batch), events=len(outcomes), seconds=seconds)
        return outcomes

    def _wanted(self, reading: Reading) -> Iterator[ObjectEvent]:
        for event in reading.events:
            if event.kind is EventKind.UNREADABLE or self._interest.includes(event.key, event.bucket):
                yield event
            else:
                self.summary.leave_out("not_included")
                log.info("object_not_included", scope=event.scope)

    def _acknowledge(self, messages: Sequence[Message]) -> None:
        self._heartbeat.let_go(messages)
        with failpoint("acknowledge"):
            self._queue.delete(messages)
        metrics.MESSAGES.add(len(messages), "acknowledged")

    def _release(self, messages: Sequence[Message], seconds: int) -> None:
        self._heartbeat.let_go(messages)
        with self._heartbeat.silent():
            self._queue.release(messages, seconds)
        metrics.MESSAGES.add(len(messages), "returned")

    def _hold(self, batch: Sequence[ReceivedMessage]) -> None:
        """Keep some messages that nothing is wrong with, to try whether they can be loaded; return the others at once.

        Each receive of a message brings it nearer to the dead-letter queue. So those are kept in hand, by their
        heartbeat, and are not received again while the consumer holds. The others are for consumers that can load them.
        """
        room = len(batch) if self._draining else max(0, MOST_HELD - len(self._held))
        self._held.extend(batch[:room])
        self._release(_messages([batch[room:]]), 0)

    def _return_held(self) -> None:
        """Return what is held, when the loop ends."""
        messages = _messages([self._held])
        self._held.clear()
        try:
            self._release(messages, 0)
        except BillstreamError as error:
            log.warning("messages_not_released", count=len(messages), reason=str(error))

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

    def _wait_for_good(self, error: Held, *, drain: bool) -> None:
        """Wait until something can be loaded again: alive, and without using up the receives of any message."""
        HEALTH.waits(error)
        self._holding = str(error)
        self._holds += 1
        seconds = 0 if drain else min(self._backoff(self._holds), LONGEST_WAIT)
        log.warning(
            "consumer_holding", reason=self._holding, seconds=seconds, held=len(self._held), failures=self._holds
        )
        self._stop.wait(seconds)

    def _wait_out(self, error: Retryable) -> None:
        HEALTH.waits(error)
        self._failures += 1
        seconds = min(self._backoff(self._failures), LONGEST_WAIT)
        log.warning("consumer_waiting", reason=str(error), seconds=seconds, failures=self._failures)
        self._stop.wait(seconds)

    # -- reporting ---------------------------------------------------------------------------------------

    def _count_ignored(self, batch: Sequence[ReceivedMessage]) -> None:
        for received in batch:
            for reason in received.reading.ignored:
                self.summary.leave_out("ignored")
                log.info("message_ignored", message_id=received.message.message_id, reason=reason)

    def _report(self, batch: Sequence[ReceivedMessage], outcomes: Sequence[Outcome]) -> None:
        if self._holding and any(outcome.loaded for outcome in outcomes):
            log.info("consumer_resumed", held=len(self._held), failures=self._holds)
            self._holding, self._holds = None, 0
        self.summary.messages += len(batch)
        for outcome in outcomes:
            self.summary.add(outcome)
            outcome.log()


def _messages(parts: Iterable[Iterable[ReceivedMessage]]) -> list[Message]:
    return [received.message for part in parts for received in part]


def _outage(outcomes: Sequence[Outcome]) -> Exception | None:
    return next((ServiceUnavailable(str(one.reason)) for one in outcomes if one.unavailable), None)


def _severity(error: Exception) -> int:
    return 2 if not isinstance(error, Held) and isinstance(error, Retryable) else isinstance(error, Held)
