"""Failpoints: named steps, before or after which a test can kill a real process.

`BILLSTREAM_CRASH_AT="before commit"` makes the process end itself with SIGKILL at that point, as a power cut would;
`"after commit #2"` the second time it is reached. The last words go to standard error, so that a test knows that
the process died where it should. Without the variable a failpoint costs nothing.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

CRASH_AT = "BILLSTREAM_CRASH_AT"
LAST_WORDS = "killed on purpose: "

_reached: Counter[str] = Counter()


@contextmanager
def failpoint(name: str) -> Iterator[None]:
    """Mark a step as a failpoint. The point `after` is reached only when the step succeeds."""
    _pass(f"before {name}")
    yield
    _pass(f"after {name}")


def _pass(point: str) -> None:
    wanted = os.environ.get(CRASH_AT)
    if wanted is None:
        return
    # SIGKILL, not an exception: no `finally` and no `except` may tidy up, as none does in a power cut.
    _reached[point] += 1
    if wanted in {f"{point} #{_reached[point]}", point if _reached[point] == 1 else None}:
        sys.stderr.write(f"{LAST_WORDS}{wanted}\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
