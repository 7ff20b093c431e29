"""Runs for a lineage backend: whatever that does, nobody waits for it, and what is lost is counted and said once."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from billstream.common.metrics.openlineage import LINEAGE_RUNS
from billstream.common.openlineage import Input, Output, Run, emit, sending
from billstream.common.openlineage.queue import RunQueue
from billstream.common.openlineage.run import MOST_INPUTS
from billstream.common.openlineage.sending import wanted
from billstream.consumer.decode import Staged
from billstream.consumer.profiles import Binding, Profile

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
SOON = 20.0  # seconds; only a failing test waits so long


def run(number: int, inputs: int = 0) -> Run:
    read = tuple(Input(f"{number}-{index}", None) for index in range(inputs))
    return Run("consumer.load", number, NOW, NOW, read, (Output("charges"),))


class Counted:
    """What the metric has counted, by its label."""

    def __init__(self) -> None:
        self.results: dict[str, int] = dict.fromkeys(LINEAGE_RUNS.values, 0)

    def inc(self, result: str) -> Callable[[float], None]:
        def count(amount: float = 1) -> None:
            self.results[result] += int(amount)

        return count


class Child:
    def __init__(self, inc: Callable[[float], None]) -> None:
        self.inc = inc


@pytest.fixture
def counted() -> Iterator[dict[str, int]]:
    counts = Counted()
    LINEAGE_RUNS.export({value: Child(counts.inc(value)) for value in LINEAGE_RUNS.values})  # type: ignore[misc]
    yield counts.results
    LINEAGE_RUNS.export({})


class Backend:
    """Takes runs when it is let; fails while it is told to."""

    def __init__(self, *, open_: bool = True) -> None:
        self.taken: list[int] = []
        self.away = False
        self.asked = threading.Semaphore(0)
        self.gate = threading.Event()
        if open_:
            self.gate.set()

    def send(self, run: Run) -> None:
        self.asked.release()
        assert self.gate.wait(SOON)
        if self.away:
            raise ConnectionError("nobody listens at http://user:secret@backend")
        self.taken.append(run.snapshot_id)


def test_runs_are_sent_in_order_and_all_of_them_before_the_end(counted: dict[str, int]) -> None:
    backend = Backend()
    queue = RunQueue(backend.send)
    for number in range(200):
        queue.put(run(number))
    queue.close(SOON)
    assert backend.taken == list(range(200))
    assert counted == {"sent": 200, "failed": 0, "dropped": 0}


def test_a_full_queue_drops_and_says_so_once(counted: dict[str, int]) -> None:
    backend = Backend(open_=False)
    queue = RunQueue(backend.send, most=10)
    queue.put(run(0))
    assert backend.asked.acquire(timeout=SOON)  # in the backend's hands: the queue is empty
    with capture_logs() as logs:
        for number in range(1, 100):
            queue.put(run(number, inputs=4))
    assert [log["event"] for log in logs] == ["openlineage_runs_lost"]
    backend.gate.set()
    queue.close(SOON)
    assert backend.taken == [0, 1, 2]
    assert counted == {"sent": 3, "failed": 0, "dropped": 97}


def test_a_run_of_any_size_has_its_place(counted: dict[str, int]) -> None:
    backend = Backend()
    queue = RunQueue(backend.send, most=10)
    queue.put(run(1, inputs=500))
    queue.close(SOON)
    assert backend.taken == [1]
    assert counted["dropped"] == 0


def test_each_outage_is_told_once_without_secrets_and_so_is_its_end(counted: dict[str, int]) -> None:
    backend = Backend()
    queue = RunQueue(backend.send)
    with capture_logs() as logs:
        for backend.away, numbers in ((True, 3), (False, 2), (True, 2)):
            for number in range(numbers):
                queue.put(run(number))
                assert backend.asked.acquire(timeout=SOON)
                queue.put(run(number))  # sent after the one before has ended
                assert backend.asked.acquire(timeout=SOON)
        queue.close(SOON)
    told = [(log["event"], log["log_level"]) for log in logs]
    lost, recovered = ("openlineage_runs_lost", "warning"), ("openlineage_recovered", "info")
    assert told[:3] == [lost, recovered, lost]
    assert "nobody listens" in logs[0]["reason"]
    assert "secret" not in logs[0]["reason"]
    assert counted["sent"] + counted["failed"] == 14
    assert counted["dropped"] == 0


def test_a_backend_that_hangs_delays_the_end_for_the_given_time_only(counted: dict[str, int]) -> None:
    backend = Backend(open_=False)
    queue = RunQueue(backend.send)
    for number in range(5):
        queue.put(run(number))
    assert backend.asked.acquire(timeout=SOON)
    began = time.monotonic()
    with capture_logs() as logs:
        queue.close(0.2)
    assert 0.2 <= time.monotonic() - began < SOON / 2
    assert [(log["event"], log["runs"]) for log in logs] == [("openlineage_runs_dropped", 5)]
    assert counted["dropped"] == 5
    queue.put(run(9))  # too late, and no error
    backend.gate.set()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"OPENLINEAGE_URL": " "}, False),
        ({"OPENLINEAGE_NAMESPACE": "prod", "OPENLINEAGE_API_KEY": "key"}, False),
        ({"OPENLINEAGE_URL": "http://backend"}, True),
        ({"OPENLINEAGE_CONFIG": "lineage.yml"}, True),
        ({"OPENLINEAGE__TRANSPORT__TYPE": "file"}, True),
        ({"OPENLINEAGE_URL": "http://backend", "OPENLINEAGE_DISABLED": "True"}, False),
        ({"OPENLINEAGE_URL": "http://backend", "OPENLINEAGE_DISABLED": "false"}, True),
    ],
)
def test_only_the_variables_of_the_client_switch_it_on(variables: dict[str, str], *, expected: bool) -> None:
    assert wanted(variables) is expected


def test_without_a_backend_nothing_is_described() -> None:
    with sending("catalog.sqlite", "data", "1"):
        emit(lambda: pytest.fail("it was described"))


def test_a_missing_library_is_told_once_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    monkeypatch.delitem(sys.modules, "billstream.common.openlineage.events", raising=False)
    monkeypatch.setitem(sys.modules, "openlineage.client", None)
    with capture_logs() as logs, sending("catalog.sqlite", "data", "1"):
        for _ in range(3):
            emit(lambda: run(1))
    assert [log["event"] for log in logs] == ["openlineage_off"]
    assert "pip install 'billstream[openlineage]'" in logs[0]["reason"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"OPENLINEAGE_URL": "no address"}, "valid url"),
        ({"OPENLINEAGE_CONFIG": "/nowhere/openlineage.yml"}, "OPENLINEAGE_URL"),
        ({"OPENLINEAGE__TRANSPORT__TYPE": "pigeon"}, "pigeon"),
        ({"OPENLINEAGE__TRANSPORT__TYPE": "console"}, "`console`"),
    ],
)
def test_what_the_client_does_not_take_is_told_once(
    variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as logs, sending("catalog.sqlite", "data", "1"):
        emit(lambda: run(1))
    assert [log["event"] for log in logs] == ["openlineage_off"]
    assert told in logs[0]["reason"]
    assert capfd.readouterr() == ("", "")


def test_child_processes_inherit_what_the_operator_has_set_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "a-key-that-is-secret")
    before = dict(os.environ)
    with sending("catalog.sqlite", "data", "1"):
        assert dict(os.environ) == before


def test_a_run_that_cannot_be_described_is_logged_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Run:
        raise KeyError("a bug")

    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    with capture_logs() as logs, sending("catalog.sqlite", "data", "1"):
        emit(broken)
    assert [log["event"] for log in logs] == ["openlineage_run_not_described"]


def test_a_delivery_of_any_size_remembers_few_bindings() -> None:
    """What a run does not name is not kept, and files with one header share what is."""
    columns = {"charge_period_start": {"from": ["day"]}}
    profile = Profile.model_validate({"name": "p", "title": "p", "match": {"needs": [*columns]}, "columns": columns})
    whole = Staged()
    for number in range(MOST_INPUTS + 50):
        part = Staged()
        part.bind({f"load {number}": Binding(profile, ("day", "cost")[: 1 + number % 2], {})})
        whole.take(part)
    assert len(whole.bindings) == MOST_INPUTS
    assert len({id(one) for one in whole.bindings.values()}) == 2
    assert [whole.bindings[f"load {number}"].header for number in range(2)] == [("day",), ("day", "cost")]


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        ("/srv/lake/catalog.sqlite", "ducklake:///srv/lake/catalog.sqlite"),
        ("postgresql://reader@db.internal:5432/lake", "ducklake://db.internal:5432/lake"),
        ("postgresql://consumer@db.internal:5432/lake", "ducklake://db.internal:5432/lake"),
    ],
)
def test_the_lake_has_one_name_whoever_connects_to_it(catalog: str, expected: str) -> None:
    from billstream.common.openlineage.events import lake_namespace  # noqa: PLC0415 - of an extra

    assert lake_namespace(catalog) == expected
