"""`billstream …`: hears a signal to end before it loads what it works with, which takes a second."""

import sys

from billstream.common.stop import Stop

HEARING = frozenset({"consume", "aggregate"})
"""The commands that run until they are told to end, and then end in good order with exit code 0."""


def run() -> None:
    """The console command."""
    stop = Stop().install() if HEARING.intersection(sys.argv[1:2]) else None

    from billstream.cli import commands  # noqa: PLC0415 - only now, see above

    commands.run(stop)


if __name__ == "__main__":
    run()
