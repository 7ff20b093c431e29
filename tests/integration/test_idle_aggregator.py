"""An aggregator to which nothing happens: it does not read the lake, and it misses nothing."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from billstream.aggregator import publish
from billstream.aggregator.loop import follow
from billstream.aggregator.pages.render import JSON_NAME
from billstream.aggregator.watermark import read_watermark
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.commands import python_path
from tests.integration.aggregator_support import Row, commit_load

CHARGE = Row(datetime(2026, 3, 14, tzinfo=UTC), "USD", service_name="s", billed_cost=Decimal("1.5"))
READING = ("query", "rows", "run", "snapshot_id", "processed_keys", "commit")
LOOKS = 20
SETTLED_WITHIN = 4
"""Rounds: the first, one for what maintenance has committed, and some for others; far fewer than a loop that spins."""


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    return Settings(home=tmp_path, catalog=catalog, threads=1)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake.open(settings, create=True) as opened:
        yield opened


@pytest.fixture
def other(settings: Settings, lake: Lake) -> Iterator[Lake]:
    """The lake as another process has it open."""
    assert lake.catalog
    with Lake.open(settings) as opened:
        yield opened


class Looks:
    """Lets a loop go on until it has looked in vain for a while; then the next thing happens, or it must end."""

    def __init__(self, lake: Lake, *then: Callable[[], object]) -> None:
        self.idle_wait = lake.look_seconds
        self.then = list(then)
        self.rounds: list[int] = [0]  # between two things that happen
        self.idle = 0

    def wait(self, timeout: float, /) -> bool:
        if timeout != self.idle_wait:  # the pause after a round
            self.rounds[-1] += 1
            self.idle = 0
            return False
        self.idle += 1
        if self.idle <= LOOKS:
            return False
        if not self.then:
            return True
        self.then.pop(0)()
        self.rounds.append(0)
        self.idle = 0
        return False


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a lake was read or written by each method."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., object]:
        real = getattr(Lake, name)

        def ask(self: Lake, *args: object, **kwargs: object) -> object:
            counted[name] += 1
            return real(self, *args, **kwargs)

        return ask

    for name in READING:
        monkeypatch.setattr(Lake, name, counting(name))
    return counted


def charges(settings: Settings) -> int:
    return int(json.loads((settings.insights / JSON_NAME).read_text())["charge_rows"])


def test_the_newest_snapshot_is_that_of_the_lake_whoever_commits(lake: Lake, other: Lake) -> None:
    assert lake.newest_snapshot() == lake.snapshot_id()
    for number in range(3):
        for committing in (other, lake):
            made = commit_load(committing, f"{number}{committing is lake}", [CHARGE])
            assert lake.newest_snapshot() == other.newest_snapshot() == lake.snapshot_id()
            assert made is None or made == lake.newest_snapshot()
    assert lake.snapshots_made == other.snapshots_made == 3
    lake.begin_work()
    assert lake.newest_snapshot() == lake.snapshot_id()


def test_a_look_in_vain_does_not_read_the_lake(
    lake: Lake, other: Lake, settings: Settings, asked: Counter[str]
) -> None:
    commit_load(other, "a", [CHARGE])
    looks = Looks(lake, asked.clear)
    follow(lake, settings, looks)
    assert 1 <= looks.rounds[0] <= SETTLED_WITHIN, "own commits make the loop spin"
    assert looks.rounds[1] == 0
    assert asked == {}


def test_a_commit_and_a_removed_file_are_not_missed(lake: Lake, other: Lake, settings: Settings) -> None:
    seen: list[int] = []
    index = settings.insights / JSON_NAME

    def happens(change: Callable[[], object]) -> Callable[[], None]:
        def then() -> None:
            seen.append(charges(settings))
            change()

        return then

    looks = Looks(
        lake, happens(lambda: commit_load(other, "a", [CHARGE])), happens(index.unlink), happens(lambda: None)
    )
    follow(lake, settings, looks)
    assert seen == [0, 1, 1]
    assert index.exists()
    assert [0 < number <= SETTLED_WITHIN for number in looks.rounds] == [True, True, True, False]
    assert looks.rounds[-1] == 0


def test_what_is_committed_during_a_round_is_not_taken_for_its_own(
    lake: Lake, other: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = publish.Publisher.publish
    late = ["c", "b"]

    def commit_meanwhile(self: publish.Publisher, *args: object, **kwargs: object) -> bool:
        if late:
            commit_load(other, late.pop(), [CHARGE], scope=f"s3://b/{len(late)}")
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(publish.Publisher, "publish", commit_meanwhile)
    follow(lake, settings, Looks(lake))
    assert charges(settings) == 2
    watermark = read_watermark(lake, lake.snapshot_id())
    assert watermark is not None
    assert watermark.rows_inserted == 1


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def test_an_idle_aggregator_takes_next_to_no_cpu_time(tmp_path: Path) -> None:
    with Lake.open(Settings(home=tmp_path, threads=1), create=True) as lake:
        commit_load(lake, "a", [CHARGE])
    shipped = {"PYTHONPATH": python_path(as_shipped=True)}
    environment = {**os.environ, **shipped, "BILLSTREAM_HOME": str(tmp_path), "BILLSTREAM_MAINTAIN": "false"}
    command = [sys.executable, "-m", "billstream.cli.main", "aggregate"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            # Until it rests it has a first round to make, and looks a second time at what it has analysed.
            used, deadline = [cpu_seconds(process)], time.monotonic() + 400
            while len(used) < 2 or used[-1] - used[-2] >= 0.1 or not (tmp_path / "insights" / JSON_NAME).exists():
                assert time.monotonic() < deadline, used
                time.sleep(20)
                used.append(cpu_seconds(process))
        finally:
            process.terminate()
            assert process.wait(120) == 0
