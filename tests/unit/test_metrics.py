"""Metrics and health of a process: the catalogue, what is counted, and what the small server answers."""

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from billstream.common.addresses import ip_and_port
from billstream.common.errors import (
    CatalogUnavailable,
    ClaimRefused,
    Fatal,
    Held,
    Misconfigured,
    Retryable,
    WriteConflict,
)
from billstream.common.metrics import catalogue, labels, server
from billstream.common.metrics.catalogue import CATALOGUE, exported_by
from billstream.common.metrics.exposition import exporting, exposition
from billstream.common.metrics.health import STALLED_SECONDS, Health, reason_of
from billstream.common.metrics.instruments import (
    AGGREGATOR,
    CONSUMER,
    MAINTAIN,
    OTHER,
    PUBLISHER,
    Counter,
    Histogram,
)
from billstream.common.metrics.server import MOST_AT_ONCE, serving
from billstream.common.settings import Settings
from billstream.consumer.decide.states import State
from tests.fakes.clock import FakeClock

BUILD = {"service": "consumer", "version": "1.2.3", "schema_version": "19"}
NAME = re.compile(r"billstream(_[a-z]+)+")


def scraped(text: str | bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by name and labels."""
    families = text_string_to_metric_families(text.decode() if isinstance(text, bytes) else text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


@contextmanager
def exported(process: str = CONSUMER) -> Iterator[Callable[[], dict[Any, float]]]:
    """A function that scrapes."""
    with exporting(process, BUILD) as registry:
        yield lambda: scraped(exposition(registry))


pytestmark = pytest.mark.usefixtures("no_gauge_known")


# -- the catalogue ---------------------------------------------------------------------------------------


def test_the_names_are_as_prometheus_wants_them() -> None:
    names = [one.name for one in CATALOGUE]
    assert len(set(names)) == len(names) > 30
    for one in CATALOGUE:
        assert NAME.fullmatch(one.name), one.name
        assert one.name.endswith("_total") == isinstance(one, Counter), one.name
        assert one.meaning.endswith("."), one.name
        stem = one.name.removesuffix("_total")
        assert (one.unit or None) == next((unit for unit in ("seconds", "bytes") if stem.endswith(f"_{unit}")), None)
        assert bool(one.values) == bool(one.label)
        assert len(one.values) <= 25, "each value is a series"
        assert set(one.processes) <= {CONSUMER, AGGREGATOR, MAINTAIN, PUBLISHER}
    for one in (one for one in CATALOGUE if isinstance(one, Histogram)):
        assert list(one.buckets) == sorted(one.buckets)


def test_the_states_are_those_of_the_ledger() -> None:
    assert {*labels.LEDGER_STATES, "stale"} == {*State}


def test_nothing_is_counted_that_nobody_exports() -> None:
    catalogue.MESSAGES.add(3, "acknowledged")
    catalogue.COMMIT_SECONDS.observe(1)
    with exported() as scrape:
        assert scrape()["billstream_messages_total", (("result", "acknowledged"),)] == 0


def test_a_service_exports_its_own_metrics_and_each_series_from_the_start() -> None:
    for process in (CONSUMER, AGGREGATOR, MAINTAIN):
        with exported(process) as scrape:
            found = scrape()
        ours = {name for name, _ in found if name.startswith("billstream_")}
        counting = [one for one in exported_by(process) if isinstance(one, Counter)]
        timing = [one.name + "_count" for one in exported_by(process) if isinstance(one, Histogram)]
        assert ours >= {*timing, *(one.name for one in counting)}
        assert not [name for name in ours if name.endswith("_created")]
        for one in counting:
            labels = {pairs[0][1] if pairs else "" for name, pairs in found if name == one.name}
            assert labels == set(one.series)
        foreign = {one.name for one in CATALOGUE if process not in one.processes}
        assert ours.isdisjoint(foreign)
    assert ("process_resident_memory_bytes", ()) in found
    assert found["billstream_build_info", tuple(sorted(BUILD.items()))] == 1


def test_a_text_of_others_never_becomes_a_label() -> None:
    key = 'bills/acme"secret\n.csv'
    with exported() as scrape:
        catalogue.OBJECTS.add(1, key)
        catalogue.MESSAGES.add(1, key)  # it has no `other`
        catalogue.RETRIES.add(1, reason_of(Fatal(key)))
        found = scrape()
    assert found["billstream_objects_total", (("state", OTHER),)] == 1
    assert found["billstream_retries_total", (("reason", OTHER),)] == 1
    assert not [labels for _, labels in found if "acme" in str(labels)]


def test_a_gauge_is_absent_until_it_is_known() -> None:
    with exported(AGGREGATOR) as scrape:
        name = "billstream_ledger_objects"
        assert not [one for one, _ in scrape() if one == name]
        catalogue.LEDGER.set_all({"loaded": 4, "of a later version": 2})
        found = {dict(labels)["state"]: value for (one, labels), value in scrape().items() if one == name}
        assert {state: value for state, value in found.items() if value} == {"loaded": 4, OTHER: 2}
        assert found.keys() == set(catalogue.LEDGER.values)
        catalogue.LEDGER.forget()
        assert not [one for one, _ in scrape() if one == name]


def test_a_gauge_is_asked_at_each_scrape_while_somebody_answers() -> None:
    held = [1, 2, 3]
    with exported() as scrape:
        with catalogue.IN_FLIGHT.read_by(lambda: len(held)):
            assert scrape()["billstream_messages_in_flight", ()] == 3
            held.clear()
            assert scrape()["billstream_messages_in_flight", ()] == 0
        assert ("billstream_messages_in_flight", ()) not in scrape()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ClaimRefused("x"), "claim_refused"),
        (WriteConflict("x"), "write_conflict"),
        (CatalogUnavailable("x"), "catalog"),
        (Held("x"), "held"),
        (Retryable("x"), OTHER),
        (None, OTHER),
    ],
)
def test_an_error_has_a_reason_by_its_class(error: Exception | None, reason: str) -> None:
    assert reason_of(error) == reason


# -- health ----------------------------------------------------------------------------------------------


def test_a_process_that_does_not_move_is_stuck_and_one_that_waits_is_not() -> None:
    clock = FakeClock()
    health = Health(clock)
    health.usual_wait = 60
    clock.advance(STALLED_SECONDS + 60)
    assert health.stalled() is None
    clock.advance(1)
    assert health.stalled() == "no progress for 961 seconds; 960 are allowed"
    health.moved()
    assert health.stalled() is None
    for _ in range(100):  # an outage of days
        clock.advance(STALLED_SECONDS)
        health.waits(CatalogUnavailable("the password is hunter2"))
        assert health.stalled() is None
    assert catalogue.WAITING.known() == dict.fromkeys(labels.REASONS, 0.0) | {"catalog": 1.0}
    health.goes_on()
    assert set(catalogue.WAITING.known().values()) == {0.0}


def test_a_process_is_ready_with_its_lake() -> None:
    health = Health()
    assert health.unready()
    health.has_lake(attached=True)
    assert health.unready() is None
    assert catalogue.LAKE_ATTACHED.known() == {"": 1.0}
    health.has_lake(attached=False)
    assert health.unready() == "the lake is not attached; the log says why"


# -- the server ------------------------------------------------------------------------------------------


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_the_server_answers_three_pages_and_ends() -> None:
    clock = FakeClock()
    health = Health(clock)
    with serving(("127.0.0.1", 0), CONSUMER, BUILD, health=health) as port:
        status, text, headers = ask(port, "/metrics?x=1")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert ("billstream_messages_received_total", ()) in scraped(text)
        assert ask(port, "/healthz")[:2] == (200, "ok\n")
        assert ask(port, "/readyz")[0] == 503
        health.has_lake(attached=True)
        assert ask(port, "/readyz")[:2] == (200, "ok\n")
        clock.advance(STALLED_SECONDS + 1)
        assert ask(port, "/healthz")[0] == 503
        assert ask(port, "/etc/passwd")[0] == 404
        assert ask(port, "/metrics", "POST")[0] == 501
        head = ask(port, "/healthz", "HEAD")
        assert (head[0], head[1]) == (503, "")
        assert "Python" not in str(headers)
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/healthz")
    assert "metrics" not in {thread.name for thread in threading.enumerate()}


def test_a_port_in_use_is_a_mistake_of_the_configuration() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(Misconfigured, match=rf"127.0.0.1 port {port}: Address already in use.*METRICS_ADDRESS"),
            serving(("127.0.0.1", port), CONSUMER, BUILD),
        ):
            pass


def test_clients_that_say_nothing_do_not_take_every_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Answer, "timeout", 1.0)
    with serving(("127.0.0.1", 0), CONSUMER, BUILD, health=Health()) as port:
        before = threading.active_count()
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3 * MOST_AT_ONCE)]
        # The last of them is closed at once: it found no room, and the server goes on.
        silent[-1].settimeout(30)
        assert silent[-1].recv(1) == b""
        assert threading.active_count() <= before + MOST_AT_ONCE
        for one in silent[:-1]:  # given up after their time
            one.settimeout(30)
            assert one.recv(1) == b""
        assert ask(port, "/healthz")[0] == 200
        for one in silent:
            one.close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        (" 0.0.0.0:0 ", ("0.0.0.0", 0)),  # noqa: S104 - as in the image
        ("localhost:1", ("127.0.0.1", 1)),
        ("[::]:9464", ("::", 9464)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert ip_and_port(text) == address
    monkeypatch.setenv("BILLSTREAM_METRICS_ADDRESS", text)
    assert Settings.from_environment().metrics_address == text.strip()


@pytest.mark.parametrize("text", ["9464", ":9464", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "db.internal:9464"])
def test_another_address_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_METRICS_ADDRESS", text)
    with pytest.raises(Fatal, match=r"BILLSTREAM_METRICS_ADDRESS: must be an IP address .* Example: `127.0.0.1:9464`"):
        Settings.from_environment()
