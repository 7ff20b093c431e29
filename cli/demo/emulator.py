"""MiniStack, the AWS emulator inside the demo: S3, SQS and SNS on a free port of 127.0.0.1.

It keeps its state in memory and its few files in one folder, and it ends when we do.
"""

import http.client
import importlib.util
import json
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from billstream.cli.demo.supervisor import SupervisedProcess

HOST = "127.0.0.1"
START_SECONDS = 30.0
# Between our choice of a free port and MiniStack's bind another process may take it.
PORT_ATTEMPTS = 3
INHERITED = ("PATH", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH")


class EmulatorError(RuntimeError):
    """MiniStack is not installed or did not start; the text says which and ends with its log."""


class Emulator:
    """One MiniStack process.

    Args:
        folder: An existing folder for its log and scratch files; it is not cleaned up.
    """

    program: ClassVar[tuple[str, ...]] = ("-P", "-m", "ministack")
    services: ClassVar[str] = "s3,sqs,sns"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._process: SupervisedProcess | None = None

    @property
    def endpoint_url(self) -> str:
        """The URL of all its services, such as `http://127.0.0.1:41234`."""
        return f"http://{HOST}:{self._port}"

    def start(self) -> None:
        """Start it and return once it answers.

        Raises:
            EmulatorError: it is not installed or did not come up.
        """
        if importlib.util.find_spec("ministack") is None:
            raise EmulatorError("MiniStack is not installed. Install billstream with its extra: billstream[demo]")
        deadline = time.monotonic() + START_SECONDS
        for _ in range(PORT_ATTEMPTS):
            if self._answers(deadline):
                return
        tail = self._process.log_tail() if self._process else ""
        raise EmulatorError(f"MiniStack did not start. The end of its log:\n{tail}")

    def stop(self) -> None:
        """Stop it and wait until it is gone. Stopping a stopped emulator does nothing."""
        if self._process:
            self._process.stop()

    def _answers(self, deadline: float) -> bool:
        """Return True if a process of ours came up on a free port by `deadline`; if not, none is left running."""
        self._port = free_port()
        identity = secrets.token_hex(8)
        process = SupervisedProcess(
            [sys.executable, *self.program],
            env=self._environment(identity),
            log=self._folder / "ministack.log",
        )
        self._process = process
        while process.running and time.monotonic() < deadline:
            if _edition_at(self._port) == identity:
                return True
            time.sleep(0.05)
        process.stop()
        return False

    def _environment(self, identity: str) -> dict[str, str]:
        """Return a whole environment, so that no variable around us changes MiniStack's behaviour."""
        scratch = str(self._folder)
        return {name: os.environ[name] for name in INHERITED if name in os.environ} | {
            "HOME": scratch,
            "TMPDIR": scratch,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": HOST,
            # The health page repeats the edition, which tells our process from a stranger on the same port.
            "MINISTACK_EDITION": identity,
            "SERVICES": self.services,
            "LOG_LEVEL": "WARNING",
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
            "STATE_DIR": f"{scratch}/state",
            "S3_DATA_DIR": f"{scratch}/s3",
            # No other listeners, and no container engine: MiniStack removes containers that it takes for its own.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": f"unix://{scratch}/no-container-engine",
        }


@contextmanager
def running_emulator(kind: type[Emulator] = Emulator) -> Iterator[str]:
    """Run MiniStack for the length of the block and yield its endpoint URL.

    Args:
        kind: the emulator to run; one of another kind has other services.

    Raises:
        EmulatorError: it is not installed or did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="billstream-ministack-", ignore_cleanup_errors=True) as folder:
        emulator = kind(Path(folder))
        try:
            emulator.start()
            yield emulator.endpoint_url
        finally:
            emulator.stop()


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _edition_at(port: int) -> object:
    """Return the edition on the health page at `port`; None while there is no such page."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)  # urllib would go through a configured proxy
    try:
        connection.request("GET", "/_ministack/health")
        health = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return health.get("edition") if isinstance(health, dict) else None
