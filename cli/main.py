"""`billstream …`: listens for signals before it loads its own code, which takes a second."""

import os
import sys

from billstream.common.stop import Stop

LONG_RUNNING = frozenset({"consume", "aggregate", "maintain", "serve"})
"""The commands that run until a signal ends them, and then finish in-flight work and exit with code 0."""


UMASK = 0o077
"""Whatever a command writes is for its owner alone: lake, spool, demo. Only insights are published."""


def run() -> None:
    """Run the console command."""
    os.umask(UMASK)
    stop = Stop().install() if LONG_RUNNING.intersection(sys.argv[1:2]) else None

    from billstream.cli import commands

    commands.run(stop)


if __name__ == "__main__":
    run()
