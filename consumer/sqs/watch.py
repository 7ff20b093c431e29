"""A look at the queue now and then, for the metrics of the aggregator: each consumer telling it would tell it twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import structlog

from billstream.common import aws
from billstream.common.errors import BillstreamError
from billstream.common.metrics import catalogue as metrics
from billstream.common.settings import Settings
from billstream.consumer.sqs.age import oldest_message_seconds
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.queue import SqsQueue, find_queue

LOOK_SECONDS = 15.0
AGE_SECONDS = 60.0
"""CloudWatch has an age for each minute, and each question costs money."""

END_SECONDS = 2.0

log = structlog.get_logger(__name__)


class QueueWatch:
    """Reads depth and age of the queue and of its dead-letter queue, in a thread: a slow SQS delays no refresh.

    What cannot be read is unknown from then on, and the reason is logged once. Nothing is raised.

    Args:
        settings: name the queue.
        clock: seconds that never go back.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._queue: SqsQueue | None = None
        self._dead: DeadLetterQueue | None = None
        self._age_due_at = 0.0
        self._told: dict[str, str] = {}  # what is not known, and the reason that was logged

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look every `LOOK_SECONDS` for the length of the block."""
        over = threading.Event()

        def run() -> None:
            self.look()
            while not over.wait(LOOK_SECONDS):
                self.look()

        thread = threading.Thread(target=run, name="queue", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(END_SECONDS)  # a call under way may take longer; it ends with the process

    def look(self) -> None:
        """Look once."""
        try:
            self._look()
        except BillstreamError as error:
            self._forget(error)
        except Exception as error:  # noqa: BLE001 - a look must not end; whoever reads the log has to know of it
            self._forget(error, traceback=True)

    def _look(self) -> None:
        queue = self._queue or find_queue(aws.sqs_client(), self._settings)
        depth = queue.depth()
        self._queue = queue
        metrics.QUEUE.set_all(asdict(depth))
        try:
            dead = self._dead or DeadLetterQueue.of(queue, aws.sqs_client())
            metrics.DEAD_LETTERS.set(dead.count())
            self._dead = dead
            self._told.pop("dead letters", None)
        except BillstreamError as error:  # there may be none, or no permission for it: the queue itself is known
            self._forget_dead_letters()
            self._tell("dead letters", error)
        if self._clock() >= self._age_due_at:
            self._age_due_at = self._clock() + AGE_SECONDS
            client = aws.cloudwatch_client()
            metrics.QUEUE_AGE.set_or_forget(oldest_message_seconds(client, queue.url))
            age = oldest_message_seconds(client, self._dead.url) if self._dead else None
            metrics.DEAD_LETTERS_AGE.set_or_forget(age)
        metrics.OBSERVED.set(1, "queue")
        self._told.pop("queue", None)

    def _forget(self, error: Exception, *, traceback: bool = False) -> None:
        self._queue = None
        metrics.OBSERVED.set(0, "queue")
        metrics.QUEUE.forget()
        metrics.QUEUE_AGE.forget()
        self._age_due_at = 0.0
        self._forget_dead_letters()
        self._tell("queue", error, traceback=traceback)

    def _forget_dead_letters(self) -> None:
        self._dead = None
        metrics.DEAD_LETTERS.forget()
        metrics.DEAD_LETTERS_AGE.forget()

    def _tell(self, what: str, error: Exception, *, traceback: bool = False) -> None:
        """Log a reason once: the same one comes at every look."""
        reason = str(error) or type(error).__name__
        if self._told.get(what) != reason:
            self._told[what] = reason
            consequence = f"the metrics of {what} are absent"
            log.warning("queue_not_observed", reason=reason, consequence=consequence, exc_info=traceback)
