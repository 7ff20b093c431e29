"""The long-running follower: look, and where the lake has changed, publish; until it is told to stop."""

import time
from datetime import UTC, datetime
from typing import Protocol

import structlog

from billstream.common.errors import Retryable
from billstream.common.lake import Lake
from billstream.common.metrics import followers as metrics
from billstream.common.metrics.health import HEALTH
from billstream.publishing.follower import Published, publish_once
from billstream.publishing.registry import MOVED_EVERY
from billstream.publishing.target import Target

LONGEST_PAUSE_SECONDS = 60.0
"""A round that fails again and again is followed by a pause of so long."""

log = structlog.get_logger(__name__)


class Stop(Protocol):
    """Tells the loop to end; `threading.Event` is one."""

    def wait(self, timeout: float, /) -> bool:
        """Wait this many seconds, or less when told to stop. Returns True when the loop must end."""


def follow(lake: Lake, target: Target, stop: Stop, *, least_seconds: float) -> None:
    """Keep a target up to date with the lake, until told to stop.

    A look at the lake asks for the newest snapshot and nothing else. A round follows when there is a new one, and once
    a minute in any case: the entry of the target in the lake moves, and says that it is at work.

    Args:
        lake: open for writing.
        target: what is brought up to date.
        stop: ends the loop.
        least_seconds: the least pause between two rounds.

    Raises:
        Fatal: to continue would be wrong.
    """
    HEALTH.usual_wait = max(least_seconds, LONGEST_PAUSE_SECONDS)
    seen, due, failures = -1, 0.0, 0
    while True:
        looked_at = time.time()
        try:
            lake.begin_work()
            newest, wait = lake.newest_snapshot(), lake.look_seconds
            if newest != seen or time.monotonic() >= due:
                began = time.monotonic()
                published(lake, target, last=False)
                # A commit of its own is looked at once more, which finds nothing.
                seen, due = newest, time.monotonic() + MOVED_EVERY.total_seconds()
                wait = max(least_seconds, wait, min(time.monotonic() - began, LONGEST_PAUSE_SECONDS))
            metrics.TRUE_AS_OF.set(looked_at)
            failures = 0
            HEALTH.goes_on()
        except Retryable as error:
            failures += 1
            seen, wait = -1, min(least_seconds * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_SECONDS)
            HEALTH.waits(error)
            metrics.PUBLISHES.add(1, "postponed")
            log.warning("publish_postponed", target=target.name, seconds=wait, reason=str(error))
        if stop.wait(wait):
            return


def published(lake: Lake, target: Target, *, anew: bool = False, last: bool = True) -> Published:
    """Publish once, and count it. Arguments and errors are those of `publish_once`."""
    done = publish_once(lake, target, now=datetime.now(UTC), anew=anew, last=last)
    metrics.PUBLISHES.add(1, "unchanged" if not done.changed else "replaced" if done.change.reason else "changed")
    return done
