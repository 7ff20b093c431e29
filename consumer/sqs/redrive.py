"""Move dead letters back to the queue that they came from, so that they are processed again.

SQS can move them itself. If it cannot, or if only some are to be moved, each message is sent first and deleted
afterwards. A crash in between leaves a message in both queues, which the ledger makes harmless; no message is lost.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from botocore.exceptions import ClientError

from billstream.common.aws import code_of
from billstream.common.ids import new_id
from billstream.common.stop import Stop
from billstream.consumer.limits import FASTEST
from billstream.consumer.sqs.dead_letters import DeadLetter, DeadLetterQueue, attributes, translated_errors
from billstream.consumer.sqs.queue import BATCH, is_fifo

HIDDEN_SECONDS = 60
LARGEST_SEND = 200_000  # bytes of bodies in one call; SQS allows 256 KiB, attributes included
POLL_SECONDS = 0.5
_NO_MOVES = {"InvalidAction", "UnsupportedOperation", "UnknownOperation", "UnknownOperationException", "NotImplemented"}
_NO_DEAD_LETTER_QUEUE = {"InvalidParameterValue", "ResourceNotFoundException"}
_AT_WORK = {"RUNNING", "CANCELLING"}

log = structlog.get_logger(__name__)

Progress = Callable[[int], None]
"""Called with the number of messages moved so far."""


@dataclass(frozen=True)
class Redrive:
    """Moves messages from a dead-letter queue to `target_url`, until there are no more or the stop is requested.

    Args:
        letters: the dead-letter queue.
        target_url: the URL of the queue to move them to.
        stop: ends the work early; what was moved stays moved.
        rate: the most messages a second; None is no limit.
        progress: called after each step.
    """

    letters: DeadLetterQueue
    target_url: str
    stop: Stop
    rate: int | None = None
    progress: Progress = lambda _: None

    def run(self, limit: int | None = None) -> int:
        """Move all messages, or `limit` of them. Return the number moved, as far as SQS reports it.

        Raises:
            ServiceUnavailable: SQS does not answer; no message is lost, run it again.
            Fatal: a permission is missing.
        """
        if limit is None:
            moved = self._move_by_sqs()
            if moved is not None:
                return moved
        # Counted first: messages that fail again return to the dead-letter queue, and must not be moved in a circle.
        count = self.letters.count()
        return self._move_by_hand(count if limit is None else min(limit, count))

    # -- by SQS itself -----------------------------------------------------------------------------------

    def _move_by_sqs(self) -> int | None:
        """Have SQS move the messages; return None if this SQS, or this queue, has no move tasks."""
        with translated_errors("redriving"):
            target = attributes(self.letters.client, self.target_url)["QueueArn"]
            wanted: dict[str, Any] = {"SourceArn": self.letters.arn, "DestinationArn": target}
            if self.rate:
                wanted["MaxNumberOfMessagesPerSecond"] = min(self.rate, FASTEST)
            try:
                handle = self.letters.client.start_message_move_task(**wanted)["TaskHandle"]
            except ClientError as error:
                code = code_of(error).rsplit(".", 1)[-1]
                # An emulator without move tasks, or a queue that is no dead-letter queue of any queue yet.
                if code in _NO_MOVES | _NO_DEAD_LETTER_QUEUE:
                    log.info("move_task_not_available", reason=code, consequence="messages are sent and deleted")
                    return None
                raise
            return self._await_task(handle)

    def _await_task(self, handle: str) -> int:
        cancelled = False
        while True:
            # The task runs in SQS, with or without this process: a stop has to cancel it there.
            if self.stop.requested and not cancelled:
                self.letters.client.cancel_message_move_task(TaskHandle=handle)
                cancelled = True
            task = self.letters.client.list_message_move_tasks(SourceArn=self.letters.arn, MaxResults=1)["Results"][0]
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            self.progress(moved)
            if task.get("Status") not in _AT_WORK:
                return moved
            time.sleep(POLL_SECONDS)

    # -- by hand -----------------------------------------------------------------------------------------

    def _move_by_hand(self, wanted: int) -> int:
        moved = 0
        while moved < wanted and not self.stop.requested:
            letters = self.letters.receive(min(wanted - moved, self.rate or BATCH), HIDDEN_SECONDS)
            if not letters:
                break
            started = time.monotonic()
            sent = self._send_and_delete(letters)
            moved += sent
            self.progress(moved)
            if not sent:  # SQS refuses them all: to receive them again and again would not help
                break
            if self.rate and moved < wanted:
                self.stop.wait(max(0.0, len(letters) / self.rate - (time.monotonic() - started)))
        return moved

    def _send_and_delete(self, letters: Sequence[DeadLetter]) -> int:
        """Send first, then delete; make visible again what could not be sent. Return the number of messages sent."""
        sent: list[DeadLetter] = []
        try:
            for group in _within_one_call(letters):
                sent += self._send(group)
        finally:
            # Also after an error: what was sent before it would be sent twice at the next run.
            self.letters.delete(sent)
            self.letters.release([letter for letter in letters if letter not in sent])
        return len(sent)

    def _send(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        entries = [
            {
                "Id": str(number),
                "MessageBody": letter.body,
                "MessageAttributes": letter.attributes,
                **(_in_order(letter) if is_fifo(self.target_url) else {}),
            }
            for number, letter in enumerate(letters)
        ]
        with translated_errors("sending dead letters back"):
            answer = self.letters.client.send_message_batch(QueueUrl=self.target_url, Entries=entries)  # type: ignore[arg-type]
        refused = {int(failure["Id"]) for failure in answer.get("Failed", [])}
        if refused:
            log.warning("dead_letters_not_sent", count=len(refused), consequence="they stay in the dead-letter queue")
        return [letter for number, letter in enumerate(letters) if number not in refused]


def _in_order(letter: DeadLetter) -> dict[str, str]:
    """Return what a FIFO queue asks for: the letter's own group, and an id that the queue has not seen.

    Under its first id, a letter that was sent less than five minutes ago would be dropped as a repetition, and lost.
    """
    return {"MessageGroupId": letter.group_id or letter.message_id, "MessageDeduplicationId": new_id()}


def _within_one_call(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Yield the letters in groups that SQS accepts in one call.

    A hard limit: a group is closed before it grows beyond it, not by the letter that fills it as in `batches`.
    """
    group: list[DeadLetter] = []
    for letter in letters:
        if group and sum(len(one.body.encode()) for one in [*group, letter]) > LARGEST_SEND:
            yield group
            group = []
        group.append(letter)
    if group:
        yield group
