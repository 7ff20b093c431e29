"""LocalStack in host mode, from a virtual environment of its own (`make setup-localstack`)."""

import http.client
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billstream.cli.demo.emulator import HOST, free_port
from billstream.cli.demo.supervisor import SupervisedProcess

START_SECONDS = 300.0
PYTHON = Path(__file__).resolve().parents[2] / ".venv-localstack" / "bin" / "python"
MISSING = f"LocalStack is not installed (no {PYTHON.parent.parent.name}); run `make setup-localstack`"

# LocalStack's Twisted server ignores the host in GATEWAY_LISTEN and listens on every interface.
LAUNCH = f"""
from twisted.internet import endpoints
class LocalEndpoint(endpoints.TCP4ServerEndpoint):
    def __init__(self, reactor, port):
        super().__init__(reactor, port, interface="{HOST}")
endpoints.TCP4ServerEndpoint = LocalEndpoint
from localstack.runtime.main import main
main()
"""


def installed() -> bool:
    """Whether the virtual environment is there."""
    return PYTHON.exists()


class LocalStack:
    """One LocalStack process with S3, SQS and SNS.

    Args:
        folder: An existing folder for its log and state.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "localstack.log"
        self._port = free_port()
        self._process: SupervisedProcess | None = None

    @property
    def endpoint_url(self) -> str:
        """Where all its services answer."""
        return f"http://{HOST}:{self._port}"

    def start(self) -> None:
        """Start it and return once S3, SQS and SNS run."""
        self._process = SupervisedProcess(
            [str(PYTHON), "-P", "-c", LAUNCH], env=self._environment(), log=self._log, grace_seconds=10
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if not self._process.running or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"LocalStack did not start. The end of its log:\n{self._process.log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self._process:
            self._process.stop()

    def _ready(self) -> bool:
        """Whether our own process said so (a stranger may sit on the port) and all services run."""
        if "Ready." not in self._log.read_text("utf-8", "replace"):
            return False
        connection = http.client.HTTPConnection(HOST, self._port, timeout=2)
        try:
            connection.request("GET", "/_localstack/health")
            services = json.load(connection.getresponse())["services"]
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        return all(services.get(name) == "running" for name in ("s3", "sqs", "sns"))

    def _environment(self) -> dict[str, str]:
        scratch = str(self._folder)
        return {
            "PATH": os.environ["PATH"],
            "HOME": scratch,
            "TMPDIR": scratch,
            "XDG_CACHE_HOME": f"{scratch}/cache",
            "CONFIG_DIR": f"{scratch}/config",
            "FILESYSTEM_ROOT": f"{scratch}/root",
            "GATEWAY_LISTEN": f"{HOST}:{self._port}",
            "SERVICES": "s3,sqs,sns",
            "EAGER_SERVICE_LOADING": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "DNS_ADDRESS": "0",  # no name server on port 53
        }


@contextmanager
def running_localstack() -> Iterator[LocalStack]:
    """Run LocalStack for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="billstream-localstack-"))
    localstack = LocalStack(folder)
    try:
        localstack.start()
        yield localstack
    finally:
        localstack.stop()
        shutil.rmtree(folder, ignore_errors=True)
