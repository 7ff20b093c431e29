"""A queue in memory with the habits of SQS: visibility time-outs, receive counts, duplicates, refused deletes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from billstream.consumer.sqs.queue import BATCH, Depth, Message
from tests.fakes.clock import FakeClock


@dataclass
class Held:
    """A message in the queue."""

    message_id: str
    body: str
    visible_at: float
    receives: int = 0
    handle: str | None = None  # of its newest receive
    given_back: bool = True  # whether it is visible for another reason than that its time-out has ended


@dataclass
class FakeQueue:
    """Implements `consumer.queue.Queue` on a fake clock, which a long poll that finds nothing moves on.

    `failures` are raised by the calls ("receive", "delete", "release", "extend", "depth"), one each. `refused` counts
    deletes to be refused, message by message, as SQS does within a batch. `expired` names the messages that were
    handed out again because the time-out of whoever had them has ended.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    timeout: int = 30
    max_receives: int = 5
    held: list[Held] = field(default_factory=list)
    dead: list[Held] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    refused: int = 0
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    # -- what the sender does ----------------------------------------------------------------------------

    def send(self, body: str, *, message_id: str | None = None, overtakes: int = 0) -> str:
        """Put a message into the queue, before so many that are in it already: SQS keeps no order."""
        message_id = message_id or f"message {next(self._numbers)}"
        self.held.insert(max(len(self.held) - overtakes, 0), Held(message_id, body, self.clock.now))
        return message_id

    def ids(self) -> list[str]:
        """The messages that are still there."""
        return [held.message_id for held in self.held]

    # -- the port ----------------------------------------------------------------------------------------

    def receive(self, limit: int, wait_seconds: int) -> list[Message]:
        self._begin("receive")
        assert 1 <= limit <= BATCH
        assert 0 <= wait_seconds <= 20
        found = self._visible(limit)
        if not found and wait_seconds:
            self.clock.advance(wait_seconds)
            found = self._visible(limit)
        return [self._hand_out(held) for held in found]

    def delete(self, messages: Sequence[Message]) -> None:
        self._begin("delete")
        for message in messages:
            if self.refused:
                self.refused -= 1
            elif held := self._find(message):
                self.held.remove(held)
                self.deleted.append(held.message_id)

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        self._begin("release")
        for message in messages:
            if held := self._find(message):
                held.visible_at = self.clock.now + seconds
                held.given_back = True
                self.released.append((held.message_id, seconds))

    def extend(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        self._begin("extend")
        lost = [message for message in messages if self._find(message) is None]
        for message in messages:
            if held := self._find(message):
                held.visible_at = self.clock.now + seconds
        return lost

    def depth(self) -> Depth:
        self._begin("depth")
        visible = sum(held.visible_at <= self.clock.now for held in self.held)
        return Depth(visible=visible, in_flight=len(self.held) - visible, delayed=0)

    def visibility_timeout(self) -> int:
        return self.timeout

    # -- inside ------------------------------------------------------------------------------------------

    def _begin(self, call: str) -> None:
        if waiting := self.failures.get(call):
            raise waiting.pop(0)

    def _visible(self, limit: int) -> list[Held]:
        self.dead += [held for held in self.held if self._is_spent(held)]
        self.held = [held for held in self.held if not self._is_spent(held)]
        return [held for held in self.held if held.visible_at <= self.clock.now][:limit]

    def _is_spent(self, held: Held) -> bool:
        return held.receives >= self.max_receives and held.visible_at <= self.clock.now

    def _hand_out(self, held: Held) -> Message:
        if not held.given_back:
            self.expired.append(held.message_id)
        held.given_back = False
        held.receives += 1
        held.handle = f"handle {next(self._numbers)}"
        held.visible_at = self.clock.now + self.timeout
        return Message(held.message_id, held.handle, held.body, held.receives)

    def _find(self, message: Message) -> Held | None:
        return next((held for held in self.held if held.handle == message.receipt_handle), None)
