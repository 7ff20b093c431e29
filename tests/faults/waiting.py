"""Waiting for what another process does, however busy the machine is."""

import time
from collections.abc import Callable

PATIENCE = 300
"""Seconds after which something will never happen. No test may depend on how fast the machine is: a bound tells only a
test that hangs from one that waits."""


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Return as soon as the condition holds; fail with `what` when it does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
