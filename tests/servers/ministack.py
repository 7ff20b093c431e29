"""MiniStack for the tests is the very emulator that the demo runs."""

from billstream.cli.demo.emulator import Emulator, EmulatorError, running_emulator

__all__ = ["Emulator", "EmulatorError", "running_emulator"]
