"""A supervised server dies with its owner, however the owner dies, and never before."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from billstream.cli.demo.supervisor import SupervisedProcess

OWNER = """
import signal, sys, time
from pathlib import Path
from billstream.cli.demo.supervisor import SupervisedProcess
# Whoever runs the tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
SupervisedProcess([sys.executable, "-c", sys.argv[2]], env={}, log=Path(sys.argv[1]), grace_seconds=0.5)
print("started", flush=True)
time.sleep(600)
"""
OBEDIENT = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {OBEDIENT}"


def server_pid(log: Path) -> int:
    return int(log.read_text())


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    log = tmp_path / "log"
    yield log
    assert wait_for(lambda: not psutil.pid_exists(server_pid(log)))


@pytest.mark.parametrize("server", [OBEDIENT, DEAF], ids=["obedient", "deaf"])
@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_dies_with_its_owner(log: Path, server: str, death: signal.Signals) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(log), server], stdout=subprocess.PIPE)
    assert wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
    owner.send_signal(death)
    owner.communicate()
    assert owner.returncode != 0


@pytest.mark.parametrize("server", [OBEDIENT, DEAF], ids=["obedient", "deaf"])
def test_stop_returns_when_the_server_is_gone(log: Path, server: str) -> None:
    process = SupervisedProcess([sys.executable, "-c", server], env={}, log=log, grace_seconds=0.5)
    assert wait_for(lambda: log.read_text().endswith("\n"))
    assert process.running
    process.stop()
    assert not psutil.pid_exists(server_pid(log))


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(log: Path) -> None:
    process = SupervisedProcess([sys.executable, "-c", OBEDIENT], env={}, log=log)
    assert wait_for(lambda: log.read_text().endswith("\n"))
    assert os.getsid(server_pid(log)) != os.getsid(0)
    process.stop()
