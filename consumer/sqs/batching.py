"""Micro-batches: several receives make one, until it is full by files or bytes, or old enough."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.common.errors import Retryable
from billstream.common.failpoints import failpoint
from billstream.consumer.sqs.envelope import Reading, read_body
from billstream.consumer.sqs.heartbeat import Heartbeat
from billstream.consumer.sqs.queue import BATCH, Message, Queue

if TYPE_CHECKING:
    from billstream.common.settings import Settings
    from billstream.common.stop import Stop


@dataclass(frozen=True)
class Received:
    """A message and what was read in it."""

    message: Message
    reading: Reading

    @property
    def size_bytes(self) -> int:
        """How large the objects are that it announces."""
        return sum(event.size_bytes or 0 for event in self.reading.events)


@dataclass(frozen=True)
class Batching:
    """Receives; from the moment it has a message, the heartbeat holds it."""

    queue: Queue
    heartbeat: Heartbeat
    settings: "Settings"
    stop: "Stop"
    clock: Callable[[], float] = time.monotonic

    def batch(self, *, hurried: bool, probing: bool = False) -> list[Received]:
        """The next micro-batch; empty when no message came within one long poll.

        Args:
            hurried: take what there is at the moment rather than wait until the batch is old enough.
            probing: take one message only. The batch before could not be settled, and each receive of a message brings
                it nearer to the dead-letter queue.

        Raises:
            Retryable: the queue does not answer, and nothing has been received yet.
        """
        found: list[Received] = []
        deadline = 0.0
        most = 1 if probing else self.settings.batch_files
        while not self.stop.requested and not self._is_full(found, most):
            try:
                messages = self._receive(most - len(found), self._patience(found, hurried=hurried))
            except Retryable:
                if found:
                    break
                raise
            if not messages and (hurried or not found):
                break
            if not found:
                deadline = self.clock() + self.settings.batch_seconds
            found += [Received(message, read_body(message.body, message.receive_count)) for message in messages]
            if not hurried and self.clock() >= deadline:
                break
        return found

    def _receive(self, room: int, wait_seconds: int) -> list[Message]:
        with failpoint("receive"):
            messages = self.queue.receive(min(room, BATCH), wait_seconds)
        self.heartbeat.hold(messages)
        return messages

    def _patience(self, found: Sequence[Received], *, hurried: bool) -> int:
        """How many seconds the next receive waits. A batch may grow a second older than it should."""
        if not found:
            return self.settings.poll_seconds
        return 0 if hurried else 1

    def _is_full(self, found: Sequence[Received], most: int) -> bool:
        size = sum(received.size_bytes for received in found)
        return len(found) >= most or size >= self.settings.batch_bytes
