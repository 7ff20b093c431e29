"""How often a process that waits for a commit asks its catalog, and what it counts of its own."""

from collections.abc import Callable

import pytest

from billstream.common.file_stamp import FileStamp
from billstream.common.lake.catalog import Writes
from billstream.common.lake.snapshots import LONGEST_TRUST_SECONDS, SETTLED_SECONDS, Snapshots
from tests.fakes.clock import FakeClock

START = 1_000_000.0


class Files:
    """A catalog whose files are written at some times, and that counts what it is asked."""

    def __init__(self, written: Writes | None) -> None:
        self.written, self.newest, self.asked = written, 1, 0

    def writes(self) -> Writes | None:
        return self.written

    def newest_snapshot(self, _: object) -> int:
        self.asked += 1
        return self.newest


class Connection:
    """Stands for DuckDB's, whose cursors are closed again."""

    open = 0

    def cursor(self) -> "Connection":
        return self

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *_: object) -> None:
        self.open -= 1


def written(at: float, size: int = 1) -> Writes:
    return Writes(at, (FileStamp(1, size, int(at * 1e9)), None))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=0.0)


def looking(files: Files, clock: FakeClock) -> Callable[[], int]:
    con = Connection()
    snapshots = Snapshots(files, wall=lambda: START + clock(), clock=clock)  # type: ignore[arg-type]

    def look() -> int:
        newest = snapshots.newest(con)  # type: ignore[arg-type]
        assert con.open == 0, "a cursor that stays open keeps the engine alive"
        return newest

    return look


def test_files_that_nobody_has_written_to_are_proof_for_a_minute(clock: FakeClock) -> None:
    files = Files(written(START - SETTLED_SECONDS))
    look = looking(files, clock)
    for _ in range(int(LONGEST_TRUST_SECONDS)):
        assert look() == 1
        clock.advance(1.0)
    assert files.asked == 1
    look()
    assert files.asked == 2


def test_a_commit_is_seen_at_once(clock: FakeClock) -> None:
    files = Files(written(START - SETTLED_SECONDS))
    look = looking(files, clock)
    assert look() == 1
    files.newest, files.written = 2, written(START)
    assert look() == 2


def test_a_commit_that_leaves_no_trace_right_after_another_is_seen(clock: FakeClock) -> None:
    # Two writes within one tick of the file system's clock; or one that is visible only after its bytes are there.
    files = Files(written(START))
    look = looking(files, clock)
    assert look() == 1
    files.newest = 2
    clock.advance(SETTLED_SECONDS / 2)
    assert look() == 2
    clock.advance(SETTLED_SECONDS)
    assert look() == 2
    asked = files.asked
    look()
    assert files.asked == asked, "two seconds later they are proof"


def test_files_from_the_future_are_never_proof(clock: FakeClock) -> None:
    files = Files(written(START + 3600))
    look = looking(files, clock)
    assert [look() for _ in range(3)] == [1, 1, 1]
    assert files.asked == 3


def test_a_server_is_asked_each_time(clock: FakeClock) -> None:
    files = Files(None)
    look = looking(files, clock)
    assert [look() for _ in range(3)] == [1, 1, 1]
    assert files.asked == 3


def test_own_snapshots_are_counted_once_each(clock: FakeClock) -> None:
    snapshots = Snapshots(Files(None), clock=clock)  # type: ignore[arg-type]
    # A commit that makes none leaves the id of the one before, or none at all on a connection that was replaced.
    assert [snapshots.made(number) for number in (5, 6, 6, 0, 9)] == [5, 6, 6, 0, 9]
    assert snapshots.number_made == 3
