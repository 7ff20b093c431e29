"""Micro-batches from the queue: several receives make one, until it is full by files or bytes, or old enough.

`events.batches` splits items that are at hand. Here time closes a batch as well, and each receive asks for no more
messages than fit.
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


@dataclass(frozen=True)
class Batching:
    """Receives micro-batches. The heartbeat extends a message from the moment it is received."""

    queue: Queue
    heartbeat: Heartbeat
    settings: Settings
    stop: Stop
    clock: Callable[[], float] = time.monotonic

    def batch(self, *, hurried: bool, probing: bool = False) -> list[ReceivedMessage]:
        """Return the next micro-batch; an empty one if no message arrived within one long poll.

        Args:
            hurried: take the messages that are in the queue now; do not wait until the batch is old enough.
            probing: take one message only. The batch before it failed, and each receive of a message brings it nearer
                to the dead-letter queue.

        Raises:
            Retryable: the queue does not answer, and nothing has been received yet.
        """
        found: list[ReceivedMessage] = []
        size = 0
        deadline = 0.0
        most = 1 if probing else self.settings.batch_files
        while not self.stop.requested and len(found) < most and size < self.settings.batch_bytes:
            # The first message is waited for; then at most a second at a time, by which a batch may be older than set.
            wait_seconds = self.settings.poll_seconds if not found else 0 if hurried else 1
            try:
                with failpoint("receive"):
                    messages = self.queue.receive(min(most - len(found), BATCH), wait_seconds)
            except Retryable:
                if found:  # they are held already, and can be processed without the queue
                    break
                raise
            self.heartbeat.hold(messages)
            HEALTH.moved()
            metrics.LAST_POLL.set_now()
            metrics.RECEIVED.add(len(messages))
            if not messages and (hurried or not found):
                break
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
        return found
