"""A queue in memory with the habits of SQS: visibility time-outs, receive counts, duplicates, refused deletes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from billstream.consumer.sqs.queue import BATCH, Depth, Message
from tests.fakes.clock import FakeClock


@dataclass
class QueuedMessage:
    """A message in the queue, visible or hidden."""

    message_id: str
    body: str
    visible_at: float
    receives: int = 0
    handle: str | None = None  # of its newest receive
    given_back: bool = True  # false once it is received: then it is visible again only because its time-out has ended


@dataclass
class FakeQueue:
    """Implements `consumer.sqs.queue.Queue` on a fake clock; a long poll that finds nothing moves the clock on.

    `failures` are raised by the calls ("receive", "delete", "release", "extend", "depth"), one each. `refused` counts
    deletes that are refused, message by message, as SQS does within a batch. `expired` names the messages that were
    delivered again because their visibility time-out has ended.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    timeout: int = 30
    max_receives: int = 5
    messages: list[QueuedMessage] = field(default_factory=list)
    dead: list[QueuedMessage] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    refused: int = 0
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    # -- the sender --------------------------------------------------------------------------------------

    def send(self, body: str, *, message_id: str | None = None, overtakes: int = 0) -> str:
        """Put a message into the queue, before so many that are in it already: SQS keeps no order."""
        message_id = message_id or f"message {next(self._numbers)}"
        self.messages.insert(max(len(self.messages) - overtakes, 0), QueuedMessage(message_id, body, self.clock.now))
        return message_id

    def ids(self) -> list[str]:
        """Return the ids of the messages that are still in the queue."""
        return [queued.message_id for queued in self.messages]

    # -- the port ----------------------------------------------------------------------------------------

    def receive(self, limit: int, wait_seconds: int) -> list[Message]:
        self._begin("receive")
        assert 1 <= limit <= BATCH
        assert 0 <= wait_seconds <= 20
        found = self._visible(limit)
        if not found and wait_seconds:
            self.clock.advance(wait_seconds)
            found = self._visible(limit)
        return [self._hand_out(queued) for queued in found]

    def delete(self, messages: Sequence[Message]) -> None:
        self._begin("delete")
        for message in messages:
            if self.refused:
                self.refused -= 1
            elif queued := self._find(message):
                self.messages.remove(queued)
                self.deleted.append(queued.message_id)

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        self._begin("release")
        for message in messages:
            if queued := self._find(message):
                queued.visible_at = self.clock.now + seconds
                queued.given_back = True
                self.released.append((queued.message_id, seconds))

    def extend(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        self._begin("extend")
        lost = [message for message in messages if self._find(message) is None]
        for message in messages:
            if queued := self._find(message):
                queued.visible_at = self.clock.now + seconds
        return lost

    def depth(self) -> Depth:
        self._begin("depth")
        visible = sum(queued.visible_at <= self.clock.now for queued in self.messages)
        return Depth(visible=visible, in_flight=len(self.messages) - visible, delayed=0)

    def visibility_timeout(self) -> int:
        return self.timeout

    # -- inside ------------------------------------------------------------------------------------------

    def _begin(self, call: str) -> None:
        if waiting := self.failures.get(call):
            raise waiting.pop(0)

    def _visible(self, limit: int) -> list[QueuedMessage]:
        self.dead += [queued for queued in self.messages if self._is_spent(queued)]
        self.messages = [queued for queued in self.messages if not self._is_spent(queued)]
        return [queued for queued in self.messages if queued.visible_at <= self.clock.now][:limit]

    def _is_spent(self, queued: QueuedMessage) -> bool:
        return queued.receives >= self.max_receives and queued.visible_at <= self.clock.now

    def _hand_out(self, queued: QueuedMessage) -> Message:
        if not queued.given_back:
            self.expired.append(queued.message_id)
        queued.given_back = False
        queued.receives += 1
        queued.handle = f"handle {next(self._numbers)}"
        queued.visible_at = self.clock.now + self.timeout
        return Message(queued.message_id, queued.handle, queued.body, queued.receives)

    def _find(self, message: Message) -> QueuedMessage | None:
        return next((queued for queued in self.messages if queued.handle == message.receipt_handle), None)
