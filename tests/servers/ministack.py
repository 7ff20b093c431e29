"""MiniStack for the tests is the very emulator that the demo runs."""

from contextlib import AbstractContextManager
from typing import ClassVar

from billstream.cli.demo.emulator import Emulator, EmulatorError, running_emulator

__all__ = ["Emulator", "EmulatorError", "running_emulator", "running_glue"]


class _WithGlue(Emulator):
    services: ClassVar[str] = "s3,glue"


def running_glue() -> AbstractContextManager[str]:
    """Run one with S3 and Glue for the length of the block and yield its endpoint URL."""
    return running_emulator(_WithGlue)
