"""Processes that end themselves at a failpoint, as a power cut would."""

import signal
import time

from billstream.common.failpoints import CRASH_AT, LAST_WORDS
from tests.faults.waiting import PATIENCE
from tests.worlds import World


def die(world: World, point: str, *command: str) -> None:
    """Run a command that kills itself at this point, and make sure that it did."""
    process = world.start(*command, **{CRASH_AT: point})
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, world.log(command[0])
    assert world.log(command[0]).splitlines()[-1] == LAST_WORDS + point


def wait_until_visible(world: World, seconds: float = PATIENCE) -> None:
    """Until the queue shows what the dead consumer had received."""
    deadline = time.monotonic() + seconds
    while world.visible() < world.depth():
        assert time.monotonic() < deadline, "the messages of the dead consumer do not come again"
        time.sleep(0.05)
