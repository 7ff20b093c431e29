"""Statements and maintenance on an SQLite catalog: none of them reads a catalog from which rows are being removed."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from billstream.cli.query import read_only
from billstream.common.errors import CatalogUnavailable, Misconfigured, ReadersAtWork
from billstream.common.lake import Lake, readers_lock
from billstream.common.lake.readers_lock import ReadersLock
from billstream.consumer.exports.deciding import unsettled
from billstream.maintenance.upkeep import Report
from tests.integration.aggregator_support import new_lake, settings_in
from tests.integration.maintenance_support import KEEP_ALL, load, maintained

ROUNDS = 2
COUNT = "SELECT count(load_id) FROM charges"


@pytest.fixture
def soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers_lock, "ALONE_SECONDS", 0.1)
    monkeypatch.setattr(readers_lock, "STATEMENT_SECONDS", 0.1)


# -- a reader, and maintenance that comes in the middle of its transaction -------------------------------------


def count(lake: Lake) -> int:
    found = lake.connection.execute(COUNT).fetchone()
    assert found
    return int(found[0])


@contextmanager
def transaction(lake: Lake) -> Iterator[None]:
    """What a single statement is as well, only longer."""
    with lake.reading():
        lake.connection.execute("BEGIN")
        try:
            yield
        finally:
            lake.connection.execute("COMMIT")


def seen_around_maintenance(writer: Lake, reader: Lake, name: str) -> tuple[int, int, Report]:
    for number in range(3):
        load(writer, f"{name}-{number}")
    with transaction(reader):
        before = count(reader)
        report = maintained(writer, KEEP_ALL)
        return before, count(reader), report


@pytest.mark.usefixtures("soon_given_up")
def test_no_rows_are_missed_while_files_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_lake(tmp_path, threads=2) as writer, Lake.open(settings_in(tmp_path, threads=2), read_only=True) as reader:
        for number in range(ROUNDS):
            before, after, report = seen_around_maintenance(writer, reader, f"round-{number}")
            assert after == before == 6 * (number + 1)
            assert not report.done
            assert len(report.failed) == 1  # the others would have to wait for the reader, too
            # Later it is done.
            assert any("merge charges" in one.step.subject for one in maintained(writer, KEEP_ALL).done)
            assert reader.rows(COUNT) == [(before,)]

        # If this fails, DuckDB reads the catalog in one snapshot, and the lock can go.
        monkeypatch.setattr(ReadersLock, "shared", lambda _: nullcontext())
        before, after, report = seen_around_maintenance(writer, reader, "unlocked")
        assert after != before
        assert report.done


def test_every_kind_of_statement_waits_for_maintenance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_lake(tmp_path, threads=2) as lake, ReadersLock(tmp_path / "catalog.sqlite").alone():
        monkeypatch.setattr(readers_lock, "STATEMENT_SECONDS", 0.02)
        for statement in (
            lambda: lake.rows(COUNT),
            lambda: lake.query(COUNT),
            lambda: lake.run("CREATE TEMP TABLE t AS FROM charges"),
            lambda: lake.processed_keys(["0" * 64]),
            lambda: lake.same_content(["0" * 64]),
            lake.snapshot_id,
            lake.restore_options,
            lambda: read_only(lake, COUNT),
            lambda: unsettled(lake),
            lambda: Lake.open(settings_in(tmp_path), read_only=True),
        ):
            with pytest.raises(CatalogUnavailable, match="held by maintenance"):
                statement()


# -- the lock itself -------------------------------------------------------------------------------------------


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.mark.usefixtures("soon_given_up")
def test_readers_share_it_and_maintenance_does_not(catalog: Path) -> None:
    one, other, maintenance = ReadersLock(catalog), ReadersLock(catalog), ReadersLock(catalog)
    with one.shared(), other.shared(), other.shared(), pytest.raises(ReadersAtWork), maintenance.alone():
        pass
    with maintenance.alone():
        with maintenance.shared():  # its own statements
            pass
        with pytest.raises(CatalogUnavailable), one.shared():
            pass
        with pytest.raises(ReadersAtWork), ReadersLock(catalog).alone():
            pass
    with one.shared():
        pass


def test_a_stream_of_readers_does_not_starve_maintenance(catalog: Path) -> None:
    """Each reader begins before the one before has ended, so that there always is one."""
    stop = threading.Event()
    begun = threading.Semaphore(0)

    def read() -> None:
        lock = ReadersLock(catalog)
        while not stop.is_set():
            with lock.shared():
                begun.release()
                time.sleep(0.05)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
        time.sleep(0.0125)
    try:
        begun.acquire()
        for _ in range(3):
            with ReadersLock(catalog).alone():
                pass
    finally:
        stop.set()
        for reader in readers:
            reader.join()


HOLDS = """
import sys, time
from pathlib import Path
from billstream.common.lake.readers_lock import ReadersLock
with getattr(ReadersLock(Path(sys.argv[1])), sys.argv[2])():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["shared", "alone"])
def test_a_process_that_dies_holds_nothing(catalog: Path, kind: str) -> None:
    command = [sys.executable, "-c", HOLDS, str(catalog), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        file = os.open(f"{catalog}.readers", os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(file)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with ReadersLock(catalog).alone():
            pass


def test_who_cannot_make_its_files_reads_all_the_same(tmp_path: Path) -> None:
    lock = ReadersLock(tmp_path / "missing" / "catalog.sqlite")
    with lock.shared():
        pass
    with pytest.raises(Misconfigured, match="the lake's catalog"), lock.alone():
        pass


@pytest.mark.usefixtures("soon_given_up")
def test_who_may_only_read_locks_all_the_same(catalog: Path) -> None:
    with ReadersLock(catalog).shared():
        pass
    for name in ("turnstile", "readers"):
        Path(f"{catalog}.{name}").chmod(0o444)
    catalog.parent.chmod(0o555)
    try:
        with ReadersLock(catalog).shared(), pytest.raises(ReadersAtWork), ReadersLock(catalog).alone():
            pass
    finally:
        catalog.parent.chmod(0o755)
