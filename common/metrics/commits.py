"""What is counted of each commit."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics.health import reason_of


@contextmanager
def counted_commit() -> Iterator[None]:
    """Count the commit that is made in the block, by its result, and take its time."""
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        metrics.COMMITS.add(1, reason_of(error))
        raise
    metrics.COMMITS.add(1, "committed")
    metrics.COMMIT_SECONDS.observe(time.monotonic() - started)
    metrics.LAST_COMMIT.set_now()
