"""Dead letters back to the queue that they came from, so that they are tried again.

SQS can move them itself. Where it cannot, or only some are meant, each is sent first and deleted then: whatever
happens in between, a message may be there twice, which the ledger settles, and is never lost.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from billstream.consumer.sqs.dead_letters import DeadLetter, DeadLetterQueue, attributes, explained
from billstream.consumer.sqs.queue import BATCH

if TYPE_CHECKING:
    from billstream.common.stop import Stop

FASTEST = 500  # messages in a second, SQS's own limit for a move
HIDDEN_SECONDS = 60
LARGEST_SEND = 200_000  # bytes of bodies in one call; SQS allows 256 KiB, attributes included
POLL_SECONDS = 0.5
_NO_MOVES = {"InvalidAction", "UnsupportedOperation", "UnknownOperation", "UnknownOperationException", "NotImplemented"}
_NO_DEAD_LETTER_QUEUE = {"InvalidParameterValue", "ResourceNotFoundException"}
_AT_WORK = {"RUNNING", "CANCELLING"}

log = structlog.get_logger(__name__)

Told = Callable[[int], None]
"""Told how many messages have been moved by now."""


@dataclass(frozen=True)
class Redrive:
    """Moves messages from a dead-letter queue to `target_url`, until none is left or the stop is requested.

    Args:
        letters: where they are.
        target_url: where they go.
        stop: says when to end early; what was moved stays moved.
        rate: how many in a second at most; None is as fast as it goes.
        told: is told of the progress.
    """

    letters: DeadLetterQueue
    target_url: str
    stop: "Stop"
    rate: int | None = None
    told: Told = lambda _: None

    def run(self, limit: int | None = None) -> int:
        """Move all that is there now, or `limit` of them. Returns how many were moved, as far as SQS tells.

        Raises:
            ServiceUnavailable: SQS does not answer; no message is lost, run it again.
            Fatal: we may not.
        """
        if limit is None:
            moved = self._by_task()
            if moved is not None:
                return moved
        there = self.letters.count()
        return self._by_hand(there if limit is None else min(limit, there))

    # -- by SQS itself -----------------------------------------------------------------------------------

    def _by_task(self) -> int | None:
        """None when this SQS, or this queue, knows no such thing."""
        with explained("redriving"):
            target = attributes(self.letters.client, self.target_url)["QueueArn"]
            wanted: dict[str, Any] = {"SourceArn": self.letters.arn, "DestinationArn": target}
            if self.rate:
                wanted["MaxNumberOfMessagesPerSecond"] = min(self.rate, FASTEST)
            try:
                handle = self.letters.client.start_message_move_task(**wanted)["TaskHandle"]
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", "")).rsplit(".", 1)[-1]
                if code in _NO_MOVES | _NO_DEAD_LETTER_QUEUE:
                    log.info("move_task_not_available", reason=code, consequence="messages are sent and deleted")
                    return None
                raise
            return self._watch(handle)

    def _watch(self, handle: str) -> int:
        cancelled = False
        while True:
            if self.stop.requested and not cancelled:
                self.letters.client.cancel_message_move_task(TaskHandle=handle)
                cancelled = True
            task = self.letters.client.list_message_move_tasks(SourceArn=self.letters.arn, MaxResults=1)["Results"][0]
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            self.told(moved)
            if task.get("Status") not in _AT_WORK:
                return moved
            time.sleep(POLL_SECONDS)

    # -- by hand -----------------------------------------------------------------------------------------

    def _by_hand(self, wanted: int) -> int:
        moved = 0
        while moved < wanted and not self.stop.requested:
            letters = self.letters.receive(min(wanted - moved, self.rate or BATCH), HIDDEN_SECONDS)
            if not letters:
                break
            started = time.monotonic()
            sent = self._move(letters)
            moved += sent
            self.told(moved)
            if not sent:
                break
            if self.rate and moved < wanted:
                self.stop.wait(max(0.0, len(letters) / self.rate - (time.monotonic() - started)))
        return moved

    def _move(self, letters: Sequence[DeadLetter]) -> int:
        """Send first, then delete; what could not be sent is shown to others again."""
        sent: list[DeadLetter] = []
        try:
            for group in _sendable(letters):
                sent += self._send(group)
        finally:
            self.letters.delete(sent)
            self.letters.release([letter for letter in letters if letter not in sent])
        return len(sent)

    def _send(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        entries = [
            {"Id": str(number), "MessageBody": letter.body, "MessageAttributes": letter.attributes}
            for number, letter in enumerate(letters)
        ]
        with explained("sending dead letters back"):
            answer = self.letters.client.send_message_batch(QueueUrl=self.target_url, Entries=entries)  # type: ignore[arg-type]
        refused = {int(failure["Id"]) for failure in answer.get("Failed", [])}
        if refused:
            log.warning("dead_letters_not_sent", count=len(refused), consequence="they stay in the dead-letter queue")
        return [letter for number, letter in enumerate(letters) if number not in refused]


def _sendable(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """The letters in groups that one call can take."""
    group: list[DeadLetter] = []
    for letter in letters:
        if group and sum(len(one.body.encode()) for one in [*group, letter]) > LARGEST_SEND:
            yield group
            group = []
        group.append(letter)
    if group:
        yield group
