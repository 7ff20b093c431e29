"""MiniStack for the tests is the very emulator that the demo runs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from billstream.cli.demo.emulator import Emulator, EmulatorError, running_emulator

__all__ = ["Emulator", "EmulatorError", "running_emulator", "running_glue"]


class _WithGlue(Emulator):
    services: ClassVar[str] = "s3,glue"


@contextmanager
def running_glue() -> Iterator[str]:
    """Run one with S3 and Glue for the length of the block and yield its endpoint URL."""
    with tempfile.TemporaryDirectory(prefix="billstream-glue-", ignore_cleanup_errors=True) as folder:
        emulator = _WithGlue(Path(folder))
        try:
            emulator.start()
            yield emulator.endpoint_url
        finally:
            emulator.stop()
