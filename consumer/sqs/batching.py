"""Micro-batches from the queue: several receives make one, until it is full by files or bytes, old enough, or all.

`events.batches` splits items that are at hand. Here the queue closes a batch as well: one that has nothing more to give
is not waited for. Messages that arrive one by one would become a commit each, so the next batch gathers for as long as
the last one took: a consumer spends at most half of its time on small commits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from billstream.common.errors import Retryable
from billstream.common.failpoints import failpoint
from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics.health import HEALTH
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.sqs.envelope import Reading, read_body
from billstream.consumer.sqs.heartbeat import Heartbeat
from billstream.consumer.sqs.queue import BATCH, Message, Queue

ALONE_FROM = 3
"""From this receive on a message is processed alone: what was received with it may have ended the process."""

LONGEST_HURRIED_WAIT = 5
"""Seconds that the first receive of a hurried batch may wait: a drain ends when the queue is empty."""


@dataclass(frozen=True)
class ReceivedMessage:
    """A message, and the events that were read in it."""

    message: Message
    reading: Reading

    @property
    def suspect(self) -> bool:
        """True for a message that was received several times, as those are that end the process."""
        return self.message.receive_count >= ALONE_FROM

    @property
    def size_bytes(self) -> int:
        """The size of the objects that the message announces."""
        return sum(event.size_bytes or 0 for event in self.reading.events)


@dataclass
class Batching:
    """Receives micro-batches. The heartbeat extends a message from the moment it is received."""

    queue: Queue
    heartbeat: Heartbeat
    settings: Settings
    stop: Stop
    clock: Callable[[], float] = time.monotonic
    _given_at: float | None = None  # when the last batch was returned, if it had messages

    def batch(self, *, hurried: bool, probing: bool = False) -> list[ReceivedMessage]:
        """Return the next micro-batch; an empty one if no message arrived within one long poll.

        Args:
            hurried: take the messages that are in the queue now; do not gather.
            probing: take one message only. The batch before it failed, and each receive of a message brings it nearer
                to the dead-letter queue.

        Raises:
            Retryable: the queue does not answer, and nothing has been received yet.
        """
        found: list[ReceivedMessage] = []
        size = 0
        began, deadline = self.clock(), 0.0
        gathers_until = began if hurried or self._given_at is None else began + (began - self._given_at)
        self._given_at = None
        longest = min(self.settings.poll_seconds, LONGEST_HURRIED_WAIT) if hurried else self.settings.poll_seconds
        most = 1 if probing else self.settings.batch_files
        while not self.stop.requested and len(found) < most and size < self.settings.batch_bytes:
            try:
                with failpoint("receive"):
                    messages = self.queue.receive(min(most - len(found), BATCH), 0 if found else longest)
            except Retryable:
                if found:  # they are held already, and can be processed without the queue
                    break
                raise
            self.heartbeat.hold(messages)
            HEALTH.moved()
            metrics.LAST_POLL.set_now()
            metrics.RECEIVED.add(len(messages))
            if not messages:
                pause = min(gathers_until, deadline) - self.clock()
                if pause <= 0 or not found:
                    break
                self.stop.wait(pause)
                continue
            if not found:
                deadline = self.clock() + self.settings.batch_seconds
            received = [
                ReceivedMessage(message, read_body(message.body, message.receive_count)) for message in messages
            ]
            found += received
            size += sum(one.size_bytes for one in received)
            if not hurried and self.clock() >= deadline:
                break
            # No more: should one of these end the process, all that were received have one receive less.
            if any(one.suspect for one in received):
                break
        self._given_at = self.clock() if found else None
        return found
