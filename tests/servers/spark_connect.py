"""A server of Spark Connect that reads Iceberg: Sail, in an environment of its own."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.engines import PYTHON

PATIENCE = 60.0


@contextmanager
def spark_connect(log: Path) -> Iterator[str]:
    """A server at work, by its URL."""
    with log.open("w") as out:
        server = subprocess.Popen(
            [PYTHON.with_name("sail"), "spark", "server", "--port", "0"], stdout=out, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not (found := re.search(r"Starting the Spark Connect server on (\S+:\d+)", log.read_text())):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield f"sc://{found[1]}"
        finally:
            server.kill()
            server.wait()
