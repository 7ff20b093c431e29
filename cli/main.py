"""`billstream …`: hears a signal to end before it loads what it works with, which takes a second."""

import sys

import billstream
from billstream.common.stop import Stop

HEARING = frozenset({"consume", "aggregate"})
"""The commands that run until they are told to end, and then end in good order with exit code 0."""


def run() -> None:
    """The console command."""
    if sys.argv[1:] == ["--version"]:  # answers at once: nothing else is loaded
        sys.stdout.write(f"billstream {billstream.__version__}\n")
        return
    stop = Stop().install() if HEARING.intersection(sys.argv[1:2]) else None

    from billstream.cli import commands  # noqa: PLC0415 - only now, see above

    commands.run(stop)


if __name__ == "__main__":
    run()
