"""A supervised subprocess: a server that cannot outlive the process that started it.

A guard (this very file, run as a script) stands between us and the server and is the server's real parent. Both live
in a session of their own, so a Ctrl-C in our terminal reaches us only, and the server is stopped when we say so. The
guard watches its own parent: once that is gone, by whatever death, it stops the server.

Watching `getppid` is what every POSIX system offers. Linux's PR_SET_PDEATHSIG is not; besides, it fires when the
*thread* that started the child ends, and it needs code between fork and exec, which is unsafe in a threaded process.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

POLL_SECONDS = 0.1


class SupervisedProcess:
    """A running server under supervision.

    Args:
        command: Program and arguments; the program by absolute path.
        env: The server's whole environment: nothing is inherited.
        log: The file that its output is appended to.
        stop_signal: What asks the server to stop.
        grace_seconds: How long it may take to obey before it is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_seconds: float = 5.0,
    ) -> None:
        self._log = log
        # -P: neither the folder of this file nor the current one may stand in for the standard library.
        guard = [sys.executable, "-P", __file__, str(os.getpid()), str(int(stop_signal)), str(grace_seconds)]
        with log.open("ab") as output:
            self._guard = subprocess.Popen(  # noqa: S603 - the caller's own command, and no shell
                [*guard, *command],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The guard's process id; the server is its only child."""
        return self._guard.pid

    @property
    def running(self) -> bool:
        """True while the server runs; its end is noticed within a fifth of a second."""
        return self._guard.poll() is None

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Stopping a stopped server does nothing."""
        self._guard.terminate()
        self._guard.wait()

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the server wrote, for an error message."""
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-lines:])


def _guard(parent: int, stop_signal: int, grace_seconds: float, command: Sequence[str]) -> None:
    """Run `command` until it ends, until SIGTERM, or until `parent` is no longer our parent."""
    told_to_stop = False

    def on_sigterm(_signum: int, _frame: object) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    signal.signal(signal.SIGTERM, on_sigterm)  # before there is a server that could be left behind
    server = subprocess.Popen(command, process_group=0)  # noqa: S603 - handed over by SupervisedProcess, and no shell
    while server.poll() is None and not told_to_stop and os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    server.send_signal(stop_signal)
    try:
        server.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


if __name__ == "__main__":
    _guard(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
