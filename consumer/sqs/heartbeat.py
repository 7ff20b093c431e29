"""Keeps received messages invisible to others for as long as they are being worked on.

From its receive until it is processed, a message's visibility is extended, in batches, whenever half of its time-out
has passed. A message whose receipt handle SQS no longer knows was delivered to another consumer: it is let go, and
the claim in the commit decides whose work counts. SQS ends every hold after twelve hours.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from billstream.common.errors import BillstreamError
from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics.health import HEALTH
from billstream.consumer.sqs.queue import LONGEST_VISIBILITY, Message, Queue

log = structlog.get_logger(__name__)


class Heartbeat:
    """Extends what it holds, from a thread of its own.

    Args:
        queue: the queue of the messages.
        timeout: the queue's visibility time-out in seconds, which every receive starts with.
        clock: seconds that never go back.
    """

    def __init__(self, queue: Queue, timeout: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._timeout = max(timeout, 1)
        self._clock = clock
        self._held: dict[str, tuple[Message, float, float]] = {}  # handle: message, received at, extended at
        self._lock = threading.Lock()
        self._extending = threading.Lock()
        self._over = threading.Event()

    @contextmanager
    def beating(self) -> Iterator["Heartbeat"]:
        """Beat for as long as the context lasts."""
        thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        thread.start()
        try:
            with metrics.IN_FLIGHT.read_by(lambda: self.held):
                yield self
        finally:
            self._over.set()
            thread.join()

    def hold(self, messages: Sequence[Message]) -> None:
        """Begin to extend these, which have just been received."""
        now = self._clock()
        with self._lock:
            self._held.update({message.receipt_handle: (message, now, now) for message in messages})

    def let_go(self, messages: Sequence[Message]) -> None:
        """Stop extending these: they are processed or returned."""
        with self._lock:
            for message in messages:
                self._held.pop(message.receipt_handle, None)

    def let_go_all(self) -> list[Message]:
        """Stop extending all messages. Return them."""
        with self._lock:
            messages = [message for message, _, _ in self._held.values()]
            self._held.clear()
        return messages

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Extend nothing for as long as the context lasts: a call under way would hide again what is returned."""
        with self._extending:
            yield

    @property
    def held(self) -> int:
        """The number of messages that are being extended."""
        with self._lock:
            return len(self._held)

    def beat(self) -> None:
        """Extend every message that has used half of its time-out."""
        now = self._clock()
        with self._extending:  # before looking at what is due: until then it may be returned
            due, expired = self._due(now)
            self._forget(expired, "SQS hides no message for longer than 12 hours")
            if not due:
                return
            try:
                lost = self._queue.extend(due, self._timeout)
            except BillstreamError as error:
                # The next beat tries again; if all fail, the message is delivered again and is then a duplicate.
                metrics.EXTENSIONS.add(len(due), "failed")
                log.warning("heartbeat_failed", messages=len(due), reason=str(error))
                return
        HEALTH.moved()
        metrics.EXTENSIONS.add(len(due) - len(lost), "extended")
        metrics.EXTENSIONS.add(len(lost), "failed")
        self._forget(lost, "its receipt handle is not valid")
        # The call took a while: a message that was processed during it must not be held again.
        with self._lock:
            for message in due:
                if message.receipt_handle in self._held:
                    _, received, _ = self._held[message.receipt_handle]
                    self._held[message.receipt_handle] = (message, received, now)

    def _forget(self, messages: Sequence[Message], reason: str) -> None:
        """Let go of messages that we no longer hold, except those that were processed in the meantime."""
        with self._lock:
            abandoned = [message for message in messages if self._held.pop(message.receipt_handle, None)]
        metrics.MESSAGES.add(len(abandoned), "lost")
        for message in abandoned:
            log.warning("message_abandoned", message_id=message.message_id, reason=reason)

    def _due(self, now: float) -> tuple[list[Message], list[Message]]:
        """Return (messages to extend, messages that may not be extended any more)."""
        with self._lock:
            held = list(self._held.values())
        expired = [m for m, received, _ in held if now - received + self._timeout > LONGEST_VISIBILITY]
        due = [m for m, _, extended in held if now - extended >= self._timeout / 2 and m not in expired]
        return due, expired

    def _run(self) -> None:
        # A quarter of the time-out: no message waits longer than three quarters of it for its extension.
        while not self._over.wait(min(self._timeout / 4, 30)):
            self.beat()
