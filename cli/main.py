"""`billstream …`: listens for signals before it loads its own code, which takes a second."""

import os
import sys

from billstream.common.stop import Stop

LONG_RUNNING = frozenset({"consume", "aggregate", "maintain", "serve"})
"""The commands that run until a signal ends them, and then finish in-flight work and exit with code 0."""


UMASK = 0o077
"""Whatever a command writes is for its owner alone: lake, spool, demo. Only insights are published."""


LIBRARIES = {
    # numpy would start a thread for each core, at a tenth of a CPU second, for algebra that nobody here does.
    "OPENBLAS_NUM_THREADS": "1",
    # Arrow would hand memory back a hundredth of a second after its use, and take it again for the next piece of a
    # file: a tenth of the CPU time of loading. `TypedPass` hands it back after each batch.
    "MIMALLOC_PURGE_DELAY": "-1",
}
"""Variables that libraries read as they are loaded; those that the operator has set stay."""


def _runs_on(words: list[str]) -> bool:
    """Return whether the command line is that of a service."""
    return bool(LONG_RUNNING.intersection(words[:1])) or (words[:1] == ["publish"] and "--follow" in words)


def run() -> None:
    """Run the console command."""
    os.umask(UMASK)
    for name, value in LIBRARIES.items():
        os.environ.setdefault(name, value)
    stop = Stop().install() if _runs_on(sys.argv[1:]) else None

    from billstream.cli import commands

    commands.run(stop)


if __name__ == "__main__":
    run()
