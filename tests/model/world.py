"""One history: a bucket, its queue, the fleet that works on it, and what has been told of it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from billstream.common.errors import CatalogUnavailable, ServiceUnavailable
from billstream.consumer.backfill.sweep import Gone
from billstream.consumer.events import ObjectEvent
from tests.fakes.clock import FakeClock
from tests.fakes.notifications import body_of
from tests.fakes.objects import FakeBucket
from tests.fakes.queue import FakeQueue
from tests.model.fleet import Consumer, Killed
from tests.model.histories import (
    CONTENTS,
    Act,
    Fault,
    Garble,
    Maintain,
    Point,
    Put,
    Remove,
    RemoveVersion,
    StoreFails,
    TellAgain,
    TimeOut,
    Turn,
)

VISIBILITY_SECONDS = 300


@dataclass
class Open:
    """A turn that is being taken."""

    turn: Turn
    paused: bool = False
    failed: bool = False


@dataclass
class World:
    """Plays a history. Everything happens in one thread: a consumer that pauses lets others work inside its turn."""

    bucket: FakeBucket
    clock: FakeClock
    queue: FakeQueue
    happened: Counter[str]
    consumers: list[Consumer] = field(default_factory=list)
    events: list[ObjectEvent] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    put: dict[str, set[str]] = field(default_factory=dict)  # names of the contents that a key has had
    garbled: list[str] = field(default_factory=list)
    interrupted: bool = False  # somebody could not know whether they had committed
    maintain: Callable[[], None] = lambda: None
    _open: list[Open] = field(default_factory=list)

    def take(self, act: Act) -> None:
        match act:
            case Put():
                self.put.setdefault(act.key, set()).add(act.content)
                self._tell(self.bucket.put(act.key, CONTENTS[act.content]), act)
            case Remove():
                self._tell(self.bucket.remove(act.key), act)
            case RemoveVersion():
                self._remove_version(act)
            case TellAgain():
                self._tell_again(act.number)
            case Garble():
                record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": self.bucket.name}
                self.garbled.append(json.dumps({"Records": [record]}))
                self.queue.send(self.garbled[-1])
            case StoreFails():
                failure = ServiceUnavailable(f"{act.call} {act.key}: 503")
                self.bucket.failures.setdefault((act.call, act.key), []).append(failure)
            case TimeOut():
                self.clock.advance(VISIBILITY_SECONDS + 1)
            case Maintain():
                self._open.append(Open(Turn(0)))  # what befalls whoever pauses does not befall maintenance
                self.maintain()
                self._open.pop()
            case Turn():
                self._take_turn(act)
            case _:
                assert_never(act)

    def finish(self, last: int) -> None:
        """Deliver whatever is in the queue."""
        self.consumers[last % len(self.consumers)].drain()

    def deliver_again(self, last: int) -> None:
        """Every notification comes once more, the newest first."""
        self.happened["all told again"] += 1
        for event in reversed(self.events):
            self.queue.send(body_of(event))
        self.finish(last)

    def sweep(self, last: int) -> None:
        """Settle what no notification told of, what is gone too; as often as the store still fails."""
        for _ in range(1 + sum(map(len, self.bucket.failures.values()))):
            self.consumers[(last + 1) % len(self.consumers)].sweep(Gone.RETRACT)

    def lost(self) -> set[str]:
        """The keys that something has happened to which no notification told of."""
        return {event.key for number, event in enumerate(self.events) if number not in self.told}

    # -- notifications -----------------------------------------------------------------------------------

    def _tell(self, event: ObjectEvent, act: Put | Remove) -> None:
        self.events.append(event)
        if act.told:
            self.told.add(len(self.events) - 1)
            self.happened["duplicate"] += act.told > 1
            self.happened["reordered"] += bool(act.overtakes and self.queue.messages)
        for _ in range(act.told):
            self.queue.send(body_of(event, act.form), overtakes=act.overtakes)

    def _tell_again(self, number: int) -> None:
        if self.events:
            number %= len(self.events)
            self.happened["late or repeated"] += 1
            self.told.add(number)
            self.queue.send(body_of(self.events[number]))

    def _remove_version(self, act: RemoveVersion) -> None:
        versions = self.bucket.keys.get(act.key, [])
        if self.bucket.versioned and versions:
            chosen = versions[act.number % len(versions)].version_id or ""
            self.happened["version removed"] += 1
            self._tell(self.bucket.remove_version(act.key, chosen), Remove(act.key, act.told))

    # -- turns -------------------------------------------------------------------------------------------

    def _take_turn(self, turn: Turn) -> None:
        free = [consumer for consumer in self.consumers if not consumer.busy]
        if not free:
            return
        consumer = free[turn.consumer % len(free)]
        consumer.busy = True
        self._open.append(Open(turn))
        try:
            consumer.sweep() if turn.sweeps else consumer.work()
        except Killed:
            self.interrupted = True
            consumer.restart()
        finally:
            self._open.pop()
            consumer.busy = False

    def reach(self, point: str) -> None:
        """A step of the work of whoever's turn it is."""
        if not self._open:
            return
        current = self._open[-1]
        if current.turn.pause == point and not current.paused:
            current.paused = True
            self.happened[f"paused {point}"] += 1
            for act in current.turn.meanwhile:
                self.take(act)
        fault = current.turn.fault
        if fault and fault.at == point and not current.failed:
            current.failed = True
            self._fail(fault)

    def _fail(self, fault: Fault) -> None:
        if fault.what == "killed":
            self.happened[f"killed {fault.at}"] += 1
            raise Killed(fault.at)
        self.happened[f"no answer, {fault.at}"] += 1
        if fault.at in {Point.COMMIT_ASKED, Point.COMMIT_ANSWERED}:
            self.interrupted = True
            raise CatalogUnavailable(f"no answer, {fault.at}")
        raise ServiceUnavailable(f"no answer, {fault.at}")
