"""Consumers that take turns on one lake, and can be stopped, killed or left without an answer at each step."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from billstream.common.errors import ClaimRefused, Retryable
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.backfill.sweep import Gone, Sweep, reconcile
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.s3.listing import ListedObject
from billstream.consumer.worker import Worker
from tests.fakes.clock import FakeClock, FakeStop
from tests.fakes.objects import FakeBucket
from tests.fakes.queue import FakeQueue
from tests.model.histories import Point

if TYPE_CHECKING:
    from billstream.consumer.periodic import Periodic
    from billstream.consumer.s3.listing import Bucket

Reach = Callable[[str], None]


class Killed(BaseException):
    """A process ends here.

    Python unwinds the stack where SIGKILL would not: a transaction is rolled back and a scratch folder removed by
    this process rather than by the next one. No message is given back and none deleted, as the worker does neither on
    the way out. What a real SIGKILL leaves behind, `tests/crash` shows.
    """


class ShakyLake(Lake):
    """A lake whose commits may be waited before, and whose answers may get lost."""

    reach: Reach = staticmethod(lambda _point: None)
    happened: Counter[str] = Counter()  # noqa: RUF012 - the estate's own takes its place

    def commit(self, *arguments: Any, **more: Any) -> int:  # noqa: ANN401 - those of Lake.commit
        self.reach(Point.COMMIT_ASKED)
        try:
            snapshot = super().commit(*arguments, **more)
        except ClaimRefused:
            self.happened["claim refused"] += 1
            raise
        self.happened["commit"] += 1
        self.reach(Point.COMMIT_ANSWERED)
        return snapshot


class OneTurn(FakeStop):
    """Ends a worker's run after one micro-batch, or where it would wait for something to recover."""

    def wait(self, seconds: float) -> bool:
        self.request()
        return super().wait(seconds)

    def run_if_due(self) -> bool:
        """As a periodic task: the micro-batch is done."""
        self.request()
        return True

    def next(self) -> None:
        self._event.clear()


@dataclass(frozen=True)
class Listing:
    """The bucket page by page, with a step before each."""

    bucket: FakeBucket
    reach: Reach

    @property
    def name(self) -> str:
        return self.bucket.name

    def pages(self) -> Iterator[list[ListedObject]]:
        for page in self.bucket.pages():
            yield page
            self.reach(Point.NEXT_PAGE)


@dataclass
class Consumer:
    """One process of the fleet. After a crash it is made anew over the same attachment to the lake."""

    intake: Intake
    queue: FakeQueue
    clock: FakeClock
    listing: Listing
    settings: Settings
    busy: bool = False
    stop: OneTurn = field(init=False)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    @property
    def interest(self) -> BillingFiles:
        return BillingFiles(self.settings, self.intake.context.layouts)

    def restart(self) -> None:
        self.stop = OneTurn(self.clock)
        self.worker = self._worker(self.stop)

    def work(self) -> None:
        """Settle one micro-batch."""
        self.stop.next()
        self.worker.run()

    def sweep(self, gone: Gone = Gone.LIST) -> None:
        """Compare the bucket with the ledger, and settle what differs; as a running consumer does it."""
        stop = FakeStop(self.clock)
        sweep = Sweep(self.intake.context.lake, cast("Bucket", self.listing), self.interest, stop)
        try:
            reconcile(sweep, Backfill(self.intake, self.settings, stop), gone, max_share=1)
        except Retryable:
            return  # the next sweep goes on

    def drain(self) -> None:
        """Work until the queue is empty, or for two days at most."""
        stop = FakeStop(self.clock)
        given_up = self.clock.now + 2 * 86_400
        receive = self.queue.receive

        def watched(limit: int, wait_seconds: int) -> Any:  # noqa: ANN401
            if self.clock.now > given_up:
                stop.request()
            return receive(limit, wait_seconds)

        self.queue.receive = watched  # type: ignore[method-assign]
        try:
            self._worker(stop).run(drain=True)
        finally:
            self.queue.receive = receive  # type: ignore[method-assign]

    def _worker(self, stop: FakeStop) -> Worker:
        periodic = [cast("Periodic", stop)] if isinstance(stop, OneTurn) else []
        return Worker(
            self.queue,
            self.intake,
            self.settings,
            stop,
            interest=self.interest,
            periodic=periodic,
            clock=self.clock,
            jitter=lambda: 1.0,
        )
