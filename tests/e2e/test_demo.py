import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.commands import python_path
from tests.servers.aws import REGION

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 300.0

pytestmark = pytest.mark.slow


class Demo:
    """A `billstream demo` in a process of its own; everything that it starts carries the folder in its environment."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        scratch = folder / "scratch"
        scratch.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "billstream.cli.main", "demo", *arguments],
            env={
                **os.environ,
                "PYTHONPATH": python_path(),
                "BILLSTREAM_HOME": str(self.home),
                "TMPDIR": str(scratch),
                "COLUMNS": "300",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def data(self) -> Path:
        """Where the demo keeps its lake."""
        return self.home / "demo"

    def read_until(self, words: str) -> str:
        """Everything that is said up to the line with these words."""
        said: list[str] = []
        assert self.process.stdout
        for line in self.process.stdout:
            said.append(line)
            if words in line:
                break
        assert words in said[-1], "".join(said)
        return "".join(said)

    def finish(self) -> tuple[int, str]:
        """Wait for the end. Returns the exit code and all that was said."""
        output, _ = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, output

    def others(self) -> list[psutil.Process]:
        """Whatever else runs on behalf of this demo."""
        return [process for process in psutil.process_iter() if process.pid != self.process.pid and self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return any(str(self.folder) in value for value in process.environ().values())
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def start_demo(*arguments: str, **environment: str) -> Demo:
        demos.append(Demo(tmp_path, *arguments, **environment))
        return demos[-1]

    yield start_demo
    for demo in demos:
        demo.process.kill()
        demo.process.communicate()
        for process in demo.others():
            process.kill()


def eventually(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def children_run(demo: Demo) -> bool:
    """Whether the consumer is at work and the aggregator has started."""
    logs = [demo.data / "consume.log", demo.data / "aggregate.log"]
    return all(log.exists() and log.stat().st_size for log in logs)


def test_the_demo_tells_the_truth_whatever_is_set_around_it_and_ends_with_ctrl_c(start: Callable[..., Demo]) -> None:
    demo = start(
        "--keep",
        "--days",
        "4",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_PROFILE="production",
        BILLSTREAM_CATALOG="postgresql://nobody:nothing@127.0.0.1:1/production",
        BILLSTREAM_DATA_PATH="s3://production/",
        BILLSTREAM_QUEUE_URL="http://127.0.0.1:1/production",
        HTTP_PROXY="http://127.0.0.1:1",
        http_proxy="http://127.0.0.1:1",
    )
    said = demo.read_until("Press Ctrl-C")
    assert "✗" not in said
    assert "The totals match what was written into the files, to the last decimal." in said
    assert "The aggregates match the rows, to the last decimal." in said
    assert (demo.data / "insights" / "dashboard.html").as_uri() in said
    assert "The dashboard says what is not in its numbers." in said
    assert "not in these numbers 1 file is in quarantine; nothing of it counts." in said
    page = (demo.data / "insights" / "dashboard.html").read_text("utf-8")
    assert '<h2 id="omissions">Not in these numbers</h2>' in page
    assert "charges-copy.csv" in page
    assert f"BILLSTREAM_HOME={demo.data} billstream sql" in said
    assert f"export AWS_REGION={REGION}" in said
    assert demo.others()
    demo.process.send_signal(signal.SIGINT)
    code, rest = demo.finish()
    assert code == 0, rest
    assert demo.others() == []


def test_files_of_the_readers_own_are_loaded(start: Callable[..., Demo], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "deep er").mkdir(parents=True)
    (folder / "deep er" / "usage+1.csv").write_text(
        "date,user,service,credits,cost,currency\n2026-01-02,ada@example.com,Search,1.5,0.30,CHF\n", "utf-8"
    )
    (folder / "notes.txt").write_text("not a bill", "utf-8")
    (folder / "\x1b[31m[bold]evil.csv").write_bytes(b"\x00")
    code, output = start("--input", str(folder)).finish()
    assert code == 0, output
    assert "CHF" in output
    assert "Uploading 3 files" in output
    assert "\x1b" not in output
    assert r"\x1b[31m[bold]evil.csv: " in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(start: Callable[..., Demo], number: signal.Signals) -> None:
    demo = start()
    eventually(lambda: children_run(demo), "consumer and aggregator did not start")
    demo.process.send_signal(number)
    demo.process.send_signal(number)  # an impatient reader
    code, output = demo.finish()
    assert code == 128 + number, output
    assert demo.others() == []


def test_a_killed_demo_takes_its_processes_along(start: Callable[..., Demo]) -> None:
    demo = start()
    eventually(lambda: children_run(demo), "consumer and aggregator did not start")
    demo.process.kill()
    eventually(lambda: not demo.others(), "processes were left behind")


def test_a_process_that_dies_is_reported_with_its_log(start: Callable[..., Demo]) -> None:
    demo = start("--keep")
    eventually(lambda: children_run(demo), "consumer and aggregator did not start")
    for process in demo.others():
        if (
            process.cmdline()[-1] == "consume"
            and "billstream.cli.main" in process.cmdline()
            and "-P" in process.cmdline()[1:2]
        ):
            process.kill()
    code, output = demo.finish()
    assert code == 1, output
    assert "`billstream consume` has ended by itself" in output
    assert "consume.log" in output
    assert demo.others() == []


def test_a_folder_of_somebody_else_is_left_alone(start: Callable[..., Demo], tmp_path: Path) -> None:
    precious = tmp_path / "home" / "demo" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work", "utf-8")
    code, output = start("--days", "2").finish()
    assert code == 1
    assert "was not made by a demo" in output
    assert precious.read_text("utf-8") == "years of work"
