"""The loop acknowledges what is settled, gives back what is not, and ends when it should."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest

from billstream.common.errors import CatalogUnavailable, Fatal, ServiceUnavailable
from billstream.common.settings import Settings
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.decide.states import State
from billstream.consumer.events import EventKind, Later, ObjectEvent
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.periodic import Periodic
from billstream.consumer.sqs.batching import ALONE_FROM
from billstream.consumer.worker import LONGEST_BACKOFF, LONGEST_WAIT, Worker
from tests.fakes.clock import FakeClock, FakeStop
from tests.fakes.queue import FakeQueue

if TYPE_CHECKING:
    from billstream.consumer.intake import Intake

Answer = Callable[[ObjectEvent], Outcome]


def settled(event: ObjectEvent) -> Outcome:
    entry = LedgerEntry(
        entry_id="e",
        scope=event.scope,
        state=State.LOADED,
        bucket=event.bucket,
        key=event.key,
        processed_at=datetime(2026, 3, 14, tzinfo=UTC),
        consumer_id="c",
        rows_loaded=2,
    )
    return Outcome(event, (entry,))


def duplicate(event: ObjectEvent) -> Outcome:
    return Outcome(event)


def released(event: ObjectEvent) -> Outcome:
    return Outcome(event, later=Later("not yet"))


def unavailable(event: ObjectEvent) -> Outcome:
    return Outcome(event, later=Later("S3 is away", unavailable=True))


def held(event: ObjectEvent) -> Outcome:
    return Outcome(event, later=Later("everything fails", holding=True))


def fatal(event: ObjectEvent) -> Outcome:
    return Outcome(event, later=Later("no permission", fatal=Fatal("no permission on the bucket")))


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last one from then on."""
    left = list(answers)

    def answer(event: ObjectEvent) -> Outcome:
        chosen = left.pop(0) if len(left) > 1 else left[0]
        return chosen(event)

    return answer


@dataclass
class FakeIntake:
    """Answers each event by the beginning of its key; raises what it is told to, once each."""

    answers: dict[str, Answer] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    recoveries: list[Exception] = field(default_factory=list)
    batches: list[list[ObjectEvent]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def recover(self) -> None:
        if self.recoveries:
            raise self.recoveries.pop(0)

    def process(self, events: Sequence[ObjectEvent]) -> list[Outcome]:
        self.before()
        self.batches.append(list(events))
        if self.failures:
            raise self.failures.pop(0)
        return [self.answers.get(event.key.split("-")[0], settled)(event) for event in events]

    @property
    def keys(self) -> list[list[str]]:
        return [[event.key for event in batch] for batch in self.batches]


@dataclass
class Bench:
    """A worker over fakes, on a clock that moves only by waiting."""

    clock: FakeClock = field(default_factory=FakeClock)
    intake: FakeIntake = field(default_factory=FakeIntake)
    options: dict[str, Any] = field(default_factory=dict)
    queue: FakeQueue = field(init=False)
    stop: FakeStop = field(init=False)

    def __post_init__(self) -> None:
        self.queue = FakeQueue(self.clock)
        self.stop = FakeStop(self.clock)

    def worker(self, **more: Any) -> Worker:  # noqa: ANN401
        settings = Settings(**{"batch_seconds": 2.0, "poll_seconds": 5, **self.options})
        return Worker(
            self.queue,
            cast("Intake", self.intake),
            settings,
            self.stop,
            interest=BillingFiles(settings, Layouts()),
            clock=self.clock,
            **{"jitter": lambda: 1.0, **more},
        )

    def send(self, *keys: str, size: int = 10) -> list[str]:
        return [self.queue.send(body(key, size=size)) for key in keys]

    def until(self, done: Callable[[], bool]) -> None:
        """Have the stop requested once the worker waits and `done` is true, or after a day."""
        receive, wait = self.queue.receive, self.stop.wait

        def stop_when_done() -> None:
            if done() or self.clock.now > 86_400:
                self.stop.request()

        def watched(limit: int, wait_seconds: int) -> Any:  # noqa: ANN401
            stop_when_done()
            return receive(limit, wait_seconds)

        def waited(seconds: float) -> bool:
            stop_when_done()
            return wait(seconds)

        self.queue.receive = watched  # type: ignore[method-assign]
        self.stop.wait = waited  # type: ignore[method-assign]


def body(*keys: str, size: int = 10, name: str = "ObjectCreated:Put") -> str:
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": name,
            "s3": {"bucket": {"name": "billing"}, "object": {"key": key, "size": size, "eTag": key}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- acknowledging -----------------------------------------------------------------------------------------


def test_what_is_settled_is_acknowledged_and_counted(bench: Bench) -> None:
    bench.intake.answers = {"twice": duplicate}
    ids = bench.send("a.csv", "twice-b.csv", "c.csv")
    summary = bench.worker().run(drain=True)
    assert (bench.queue.deleted, bench.queue.messages, bench.queue.released) == (ids, [], [])
    assert (summary.messages, summary.files, summary.rows) == (3, 2, 4)
    assert summary.outcomes == {"loaded": 2, "duplicate": 1}


def test_what_is_not_settled_is_given_back_with_a_growing_backoff_until_it_is(bench: Bench) -> None:
    bench.intake.answers = {"late": in_turn(released, released, released, settled)}
    good, late = bench.send("a.csv", "late-b.csv")
    summary = bench.worker().run(drain=True)
    assert bench.queue.released == [(late, 2), (late, 4), (late, 8)]
    assert bench.queue.deleted == [good, late]
    assert [event.attempt for batch in bench.intake.batches for event in batch if event.key == "late-b.csv"] == [
        1,
        2,
        3,
        4,
    ]
    assert summary.outcomes == {"loaded": 2, "released": 3}


def test_a_message_is_acknowledged_only_when_each_event_in_it_is_settled(bench: Bench) -> None:
    bench.intake.answers = {"late": in_turn(released, settled)}
    message = bench.queue.send(body("a.csv", "late-b.csv", "c.csv"))
    bench.worker().run(drain=True)
    assert bench.queue.released == [(message, 2)]
    assert bench.intake.keys == [["a.csv", "late-b.csv", "c.csv"]] * 2
    assert bench.queue.deleted == [message]


def test_the_backoff_has_a_bound_and_jitter_shortens_it_by_half_at_most(bench: Bench) -> None:
    longest = bench.worker()
    assert [longest._backoff(attempt) for attempt in (1, 2, 5, 9, 10, 1000)] == [
        2,
        4,
        32,
        512,
        LONGEST_BACKOFF,
        LONGEST_BACKOFF,
    ]
    shortest = bench.worker(jitter=lambda: 0.0)
    assert [shortest._backoff(attempt) for attempt in (1, 2, 1000)] == [1, 2, LONGEST_BACKOFF // 2]


def test_a_message_that_cannot_be_deleted_comes_again_and_is_deleted_then(bench: Bench) -> None:
    bench.queue.refused = 1
    ids = bench.send("a.csv", "b.csv")
    bench.worker().run(drain=True)
    assert sorted(bench.queue.deleted) == ids
    assert bench.intake.keys == [["a.csv", "b.csv"], ["a.csv"]]


def test_a_copy_of_a_message_is_acknowledged_beside_its_original(bench: Bench) -> None:
    bench.intake.answers = {"late": released}
    for name in ("a.csv", "late-b.csv"):
        bench.queue.send(body(name), message_id="one id")
    bench.until(lambda: len(bench.intake.batches) == 1)
    bench.worker().run()
    assert bench.queue.deleted == ["one id"]
    assert bench.queue.released[0] == ("one id", 2)


# -- what is none of our business --------------------------------------------------------------------------


def test_keys_that_are_not_included_and_test_events_are_acknowledged_and_counted(bench: Bench) -> None:
    bench.send("manifest.json", "folder/", "a.csv")
    bench.queue.send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))
    bench.queue.send(body("gone.json", name="ObjectRemoved:Delete"))
    bench.queue.send(body("old.csv", name="LifecycleTransition"))
    summary = bench.worker().run(drain=True)
    assert bench.intake.keys == [["a.csv"]]
    assert bench.queue.messages == []
    assert summary.outcomes == {"not_included": 3, "ignored": 2, "loaded": 1}


def test_a_body_that_nobody_can_read_is_for_the_intake_whatever_the_patterns(bench: Bench) -> None:
    message = bench.queue.send("Hello")
    bench.worker().run(drain=True)
    ((event,),) = bench.intake.batches
    assert (event.kind, event.body) == (EventKind.UNREADABLE, "Hello")
    assert bench.queue.deleted == [message]


# -- failures ----------------------------------------------------------------------------------------------


def test_a_lake_that_is_away_gives_every_message_back_and_the_loop_goes_on(bench: Bench) -> None:
    bench.intake.failures = [CatalogUnavailable("away"), CatalogUnavailable("away")]
    first, second = bench.send("a.csv", "b.csv")
    bench.worker().run(drain=True)
    assert {message for message, _ in bench.queue.released} == {first, second}
    assert bench.stop.waits == [2, 4]
    assert sorted(bench.queue.deleted) == [first, second]


def test_while_something_is_away_one_message_alone_tries_it(bench: Bench) -> None:
    bench.intake.failures = [CatalogUnavailable("away")] * 3
    ids = bench.send(*(f"{number}.csv" for number in range(10)))
    bench.worker().run(drain=True)
    assert [len(batch) for batch in bench.intake.batches[:4]] == [10, 1, 1, 1]
    assert sorted(bench.queue.deleted) == sorted(ids)


def test_while_the_lake_is_away_no_message_is_received(bench: Bench) -> None:
    bench.intake.recoveries = [CatalogUnavailable("away")] * 50
    ids = bench.send("a.csv")
    bench.worker().run(drain=True)
    assert (bench.queue.deleted, bench.queue.dead) == (ids, [])
    assert [event.attempt for batch in bench.intake.batches for event in batch] == [1]


def test_a_store_that_is_away_is_waited_for_after_the_rest_was_settled(bench: Bench) -> None:
    bench.intake.answers = {"away": in_turn(unavailable, settled)}
    good, away = bench.send("a.csv", "away-b.csv")
    bench.worker().run(drain=True)
    assert bench.queue.deleted == [good, away]
    assert bench.queue.released == [(away, 2)]
    assert bench.stop.waits == [2]


def test_waiting_has_a_bound(bench: Bench) -> None:
    bench.intake.recoveries = [CatalogUnavailable("away")] * 9
    bench.worker().run(drain=True)
    assert bench.stop.waits == [2, 4, 8, 16, 32, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]


@pytest.mark.parametrize("call", ["receive", "depth"])
def test_a_queue_that_is_away_is_waited_for(bench: Bench, call: str) -> None:
    bench.queue.failures[call] = [ServiceUnavailable("away")]
    bench.send("a.csv")
    bench.worker().run(drain=True)
    assert bench.stop.waits == [2]
    assert bench.queue.messages == []


@pytest.mark.parametrize("call", ["delete", "release"])
def test_a_queue_that_fails_while_messages_go_back_gets_them_again_when_they_show(bench: Bench, call: str) -> None:
    bench.queue.failures[call] = [ServiceUnavailable("away")]
    bench.intake.answers = {"late": in_turn(released, settled)}
    ids = bench.send("a.csv", "late-b.csv")
    bench.worker().run(drain=True)
    assert sorted(bench.queue.deleted) == ids


def test_what_was_received_before_the_queue_went_away_is_settled(bench: Bench) -> None:
    ids = bench.send(*(f"{number}.csv" for number in range(10)))
    bench.queue.failures["receive"] = []
    receive = bench.queue.receive

    def fails_the_second_time(limit: int, wait_seconds: int) -> Any:  # noqa: ANN401
        if bench.queue.deleted == [] and bench.queue.messages[0].receives:
            raise ServiceUnavailable("away")
        return receive(limit, wait_seconds)

    bench.queue.receive = fails_the_second_time  # type: ignore[method-assign]
    bench.worker().run(drain=True)
    assert bench.queue.deleted == ids
    assert [len(batch) for batch in bench.intake.batches] == [10]


@pytest.mark.parametrize("error", [Fatal("no permission"), RuntimeError("a bug"), MemoryError()])
def test_what_is_fatal_ends_the_loop_and_acknowledges_nothing(bench: Bench, error: Exception) -> None:
    bench.intake.failures = [error]
    ids = bench.send("a.csv", "b.csv")
    with pytest.raises(type(error)):
        bench.worker().run(drain=True)
    assert (bench.queue.deleted, bench.queue.ids()) == ([], ids)


def test_a_fatal_outcome_ends_the_loop_once_all_others_are_acknowledged(bench: Bench) -> None:
    bench.intake.answers = {"denied": fatal}
    bad, good = bench.send("denied-a.csv", "b.csv")
    with pytest.raises(Fatal, match="no permission on the bucket"):
        bench.worker().run(drain=True)
    assert (bench.queue.deleted, bench.queue.ids()) == ([good], [bad])
    assert bench.queue.released == [(bad, 2)]


# -- messages that were received too often -----------------------------------------------------------------


def test_from_its_third_receive_on_a_message_is_processed_alone_after_all_others(bench: Bench) -> None:
    bench.send(*(f"{number}.csv" for number in range(6)))
    for queued in bench.queue.messages[:3]:
        queued.receives = ALONE_FROM - 1
    bench.worker().run(drain=True)
    assert bench.intake.keys[0] == ["3.csv", "4.csv", "5.csv"]
    assert sorted(bench.intake.keys[1:]) == [["0.csv"], ["1.csv"], ["2.csv"]]


def test_a_process_that_ends_with_a_message_takes_nothing_along_that_was_processed_before(bench: Bench) -> None:
    class Killed(BaseException):
        pass

    def kill(_event: ObjectEvent) -> Outcome:
        raise Killed

    bench.intake.answers = {"pill": kill}
    bench.queue.max_receives = 12
    pill, *good = bench.send("pill-a.csv", *(f"{number}.csv" for number in range(9)))
    ended = 0
    while not set(good) <= set(bench.queue.deleted):
        with pytest.raises(Killed):
            bench.worker().run(drain=True)
        ended += 1
        bench.clock.advance(bench.queue.timeout + 1)
    assert ended >= ALONE_FROM, "it did end the process, and it was not alone at first"
    assert bench.queue.dead == []
    assert bench.queue.ids() == [pill]


def test_once_such_a_message_was_received_no_more_are(bench: Bench) -> None:
    bench.send(*(f"{number}.csv" for number in range(25)))
    bench.queue.messages[0].receives = ALONE_FROM - 1
    bench.until(lambda: len(bench.intake.batches) == 2)
    bench.worker().run()
    assert [len(batch) for batch in bench.intake.batches[:2]] == [9, 1]


# -- holding -----------------------------------------------------------------------------------------------


def test_while_everything_fails_no_receive_is_used_up_and_the_process_lives(bench: Bench) -> None:
    bench.intake.answers = {"bad": held}
    bench.queue.timeout = 100_000
    ids = bench.send(*(f"bad-{number}.csv" for number in range(30)))
    bench.until(lambda: bench.clock.now > 20_000)
    bench.worker().run()
    assert bench.queue.dead == []
    assert sorted(bench.queue.ids()) == sorted(ids)
    assert len(bench.intake.batches) > 100, "it goes on trying"
    assert [len(batch) for batch in bench.intake.batches[1:]] == [1] * (len(bench.intake.batches) - 1)
    assert max(queued.receives for queued in bench.queue.messages) <= ALONE_FROM
    assert max(bench.stop.waits) == LONGEST_WAIT
    assert bench.queue.depth().visible >= 30 - 10, "the others are for whoever can load them"


def test_two_messages_that_fail_are_received_once_however_long_it_takes(bench: Bench) -> None:
    bench.intake.answers = {"bad": held}
    bench.send("bad-1.csv", "bad-2.csv")
    bench.queue.timeout = 100_000  # the heartbeat's thread knows nothing of the fake clock
    bench.until(lambda: bench.clock.now > 3_000)
    bench.worker().run()
    assert [queued.receives for queued in bench.queue.messages] == [1, 1]
    assert bench.queue.depth().visible == 2, "it gives them back when it ends"


def test_it_goes_on_by_itself_as_soon_as_one_can_be_loaded(bench: Bench) -> None:
    bench.queue.timeout = 100_000
    healthy_at = bench.clock.now + 500

    def until_corrected(event: ObjectEvent) -> Outcome:
        return held(event) if bench.clock.now < healthy_at else settled(event)

    bench.intake.answers = {"bad": until_corrected}
    ids = bench.send(*(f"bad-{number}.csv" for number in range(30)))
    bench.until(lambda: not bench.queue.messages)
    summary = bench.worker().run()
    assert sorted(bench.queue.deleted) == sorted(ids)
    assert bench.queue.dead == []
    assert summary.outcomes["loaded"] == 30
    assert bench.clock.now < healthy_at + 2 * LONGEST_WAIT + 30


def test_a_good_object_that_comes_while_it_holds_is_loaded(bench: Bench) -> None:
    bench.queue.timeout = 100_000
    bench.intake.answers = {"bad": held}
    bench.send("bad-1.csv", "bad-2.csv")
    sent: list[str] = []

    def settled_good() -> bool:
        if bench.clock.now > 1_500 and not sent:
            sent.extend(bench.send("good.csv"))
        return bool(sent) and sent[0] in bench.queue.deleted

    bench.until(settled_good)
    bench.worker().run()
    assert bench.queue.deleted == sent


def test_a_drain_processes_all_it_can_and_fails_because_of_the_rest(bench: Bench) -> None:
    bench.options = {"batch_files": 10}
    bench.queue.timeout = 100_000
    bench.intake.answers = {"bad": held}
    bad = bench.send(*(f"bad-{number}.csv" for number in range(20)))
    good = bench.send(*(f"{number}.csv" for number in range(5)))
    worker = bench.worker()
    with pytest.raises(Fatal, match="20 messages return to the queue: everything fails"):
        worker.run(drain=True)
    assert bench.queue.deleted == good
    assert sorted(bench.queue.ids()) == sorted(bad)
    assert bench.queue.depth().visible == 20
    assert worker.summary.outcomes["loaded"] == 5


# -- batches -----------------------------------------------------------------------------------------------


def test_a_batch_is_full_at_its_number_of_files(bench: Bench) -> None:
    bench.options = {"batch_files": 12}
    bench.send(*(f"{number}.csv" for number in range(30)))
    bench.worker().run(drain=True)
    assert [len(batch) for batch in bench.intake.batches] == [12, 12, 6]


def test_a_batch_is_full_at_its_number_of_bytes(bench: Bench) -> None:
    bench.options = {"batch_bytes": 15}
    bench.send(*(f"{number}.csv" for number in range(25)), size=1)
    bench.worker().run(drain=True)
    assert [len(batch) for batch in bench.intake.batches] == [20, 5]  # SQS gives ten at a time


def test_a_quiet_queue_is_not_waited_for(bench: Bench) -> None:
    began = bench.clock.now
    bench.send("a.csv", "b.csv")
    bench.until(lambda: bench.queue.messages == [])
    bench.worker().run()
    assert bench.intake.keys == [["a.csv", "b.csv"]]
    assert bench.clock.now - began == 5, "there was more to wait for than the long poll after the batch"


def test_under_load_a_batch_is_settled_when_its_first_message_is_old_enough(bench: Bench) -> None:
    bench.options = {"batch_seconds": 3.0}
    keys = [f"{number}.csv" for number in range(60)]
    bench.send(*keys)
    receive = bench.queue.receive

    def slow(limit: int, wait_seconds: int) -> Any:  # noqa: ANN401
        bench.clock.advance(1)
        return receive(limit, wait_seconds)

    bench.queue.receive = slow  # type: ignore[method-assign]
    bench.until(lambda: bench.queue.messages == [])
    bench.worker().run()
    assert bench.intake.keys == [keys[:40], keys[40:]]


@pytest.mark.parametrize(("seconds", "gathered"), [(1.5, 1.5), (30.0, 2.0)])
def test_messages_that_come_one_by_one_are_gathered_for_as_long_as_the_last_batch_took(
    bench: Bench, seconds: float, gathered: float
) -> None:
    """Else each would be a commit of its own, and the consumer busy with nothing but commits."""
    settled_at: list[float] = []

    def settling() -> None:
        settled_at.append(bench.clock.now)
        bench.clock.advance(seconds)
        if len(settled_at) < 3:
            bench.send(f"{len(settled_at)}.csv")

    bench.intake.before = settling
    bench.send("0.csv")
    bench.until(lambda: len(settled_at) == 3 and bench.queue.messages == [])
    bench.worker().run()
    assert bench.intake.keys == [["0.csv"], ["1.csv"], ["2.csv"]]
    pauses = [later - earlier - seconds for earlier, later in pairwise(settled_at)]
    assert pauses == [gathered, gathered]


def test_what_arrives_while_it_gathers_is_of_the_batch(bench: Bench) -> None:
    bench.intake.before = lambda: bench.clock.advance(1.5)
    bench.send("first.csv")
    wait = bench.stop.wait

    def arriving(seconds: float) -> bool:
        bench.send("third.csv")
        return wait(seconds)

    receive = bench.queue.receive

    def second(limit: int, wait_seconds: int) -> Any:  # noqa: ANN401
        if bench.intake.keys == [["first.csv"]] and "second.csv" not in sent:
            sent.extend(["second.csv"])
            bench.send("second.csv")
        return receive(limit, wait_seconds)

    sent: list[str] = []
    bench.stop.wait = arriving  # type: ignore[method-assign]
    bench.queue.receive = second  # type: ignore[method-assign]
    bench.until(lambda: len(bench.intake.keys) == 2)
    bench.worker().run()
    assert bench.intake.keys == [["first.csv"], ["second.csv", "third.csv"]]


def test_an_idle_queue_is_asked_three_times_a_minute(bench: Bench) -> None:
    """Each receive costs money, whatever it finds."""
    waits: list[int] = []
    bench.options = {"poll_seconds": Settings.model_fields["poll_seconds"].default}
    receive, began = bench.queue.receive, bench.clock.now

    def counted(limit: int, wait_seconds: int) -> Any:  # noqa: ANN401
        waits.append(wait_seconds)
        return receive(limit, wait_seconds)

    bench.queue.receive = counted  # type: ignore[method-assign]
    bench.until(lambda: bench.clock.now - began >= 3600)
    bench.worker().run()
    assert set(waits) == {20}
    assert len(waits) <= 181


def test_a_drain_takes_what_there_is_and_waits_for_what_is_in_flight(bench: Bench) -> None:
    bench.send("a.csv")
    bench.send("hidden.csv")
    bench.queue.messages[1].visible_at = bench.clock.now + 40
    bench.worker().run(drain=True)
    assert bench.intake.keys == [["a.csv"], ["hidden.csv"]]


def test_an_empty_queue_is_drained_at_once(bench: Bench) -> None:
    bench.options, began = {"poll_seconds": 20}, bench.clock.now
    summary = bench.worker().run(drain=True)
    assert (summary.messages, bench.intake.batches) == (0, [])
    assert bench.clock.now - began <= 5


# -- the end -----------------------------------------------------------------------------------------------


def test_told_to_stop_it_receives_nothing_more(bench: Bench) -> None:
    bench.stop.request()
    ids = bench.send("a.csv")
    bench.worker().run()
    assert (bench.queue.ids(), bench.queue.messages[0].receives) == (ids, 0)


def test_told_to_stop_while_it_settles_it_finishes_and_acknowledges(bench: Bench) -> None:
    bench.intake.before = bench.stop.request
    bench.send("a.csv")
    bench.worker().run()
    assert bench.queue.messages == []


def test_told_to_stop_while_it_gathers_it_gives_back_at_once_what_was_not_begun(bench: Bench) -> None:
    ids = bench.send("a.csv", "b.csv")
    bench.until(lambda: bench.queue.messages[0].receives > 0)
    bench.worker().run()
    assert bench.intake.batches == []
    assert bench.queue.released == [(message, 0) for message in ids]
    assert bench.queue.depth().visible == 2


def test_when_its_time_is_up_what_is_open_is_shown_to_others(bench: Bench) -> None:
    (message,) = bench.send("a.csv")
    bench.intake.before = lambda: bench.stop.abandon()  # noqa: PLW0108 - it is set when the worker runs
    bench.worker().run(drain=True)
    assert (message, 0) in bench.queue.released


# -- between batches ---------------------------------------------------------------------------------------


def test_periodic_tasks_are_done_between_batches_but_not_in_a_drain(bench: Bench) -> None:
    done: list[float] = []
    task = Periodic(10, lambda: done.append(bench.clock.now), bench.clock)
    began = bench.clock.now
    bench.worker(periodic=[task]).run(drain=True)
    assert done == []
    bench.until(lambda: bench.clock.now > began + 32)
    bench.worker(periodic=[task]).run()
    assert [moment - began for moment in done] == [10, 20, 30]


def test_a_periodic_task_that_cannot_be_done_is_tried_again_and_stops_nothing(bench: Bench) -> None:
    results: list[Exception | None] = [ServiceUnavailable("away"), None]

    def task() -> None:
        if error := results.pop(0):
            raise error

    bench.send("a.csv")
    bench.until(lambda: not results)
    bench.worker(periodic=[Periodic(1, task, bench.clock)]).run()
    assert results == []
    assert bench.queue.messages == []
