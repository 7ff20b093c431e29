"""The retry policies by name: which errors are retried, for how long, with how much jitter."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    stop_before_delay,
    wait_random_exponential,
)

from billstream.common.errors import CatalogUnavailable, NoRoom, ServiceUnavailable, Stopped, WriteConflict
from billstream.common.metrics import catalogue as metrics
from billstream.common.metrics.health import HEALTH, reason_of
from billstream.common.stop import Stop

COMMAND_SECONDS = 10.0
"""A command that a person waits for waits no longer for a server."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


def redo_on_conflict(unit: Callable[[], T]) -> T:
    """Repeat a unit that lost a race: at once, then with growing jitter up to 2 s, for two minutes at most.

    Args:
        unit: reads the ledger again each time it is called; what it read before is out of date.

    Raises:
        WriteConflict: it still loses after two minutes.
    """
    # Random waits: consumers that collide and then wait for the same time would collide again.
    return Retrying(
        retry=retry_if_exception_type(WriteConflict),
        wait=wait_random_exponential(multiplier=0.02, max=2),
        stop=stop_after_delay(120),
        before_sleep=_note_redone,
        reraise=True,
    )(unit)


def patiently(call: Callable[[], T], *, stop: Stop | None = None, seconds: float = COMMAND_SECONDS) -> T:
    """Call a dependency that may still be starting, every few seconds.

    Args:
        call: asks the dependency.
        stop: ends the wait.
        seconds: the longest wait for an answer; `math.inf` for a service, which waits for as long as it takes.

    Raises:
        Retryable: it does not answer in that time.
        Stopped: a stop was requested before it answered.
    """

    def sleep(seconds: float) -> None:
        if not stop:
            time.sleep(seconds)
        elif stop.wait(seconds):
            raise Stopped("A stop was requested before the work began.")

    sleep(0)
    waiting = Retrying(
        retry=retry_if_exception_type((CatalogUnavailable, NoRoom, ServiceUnavailable)),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        stop=stop_before_delay(seconds),
        sleep=sleep,
        before_sleep=_note_awaited,
        reraise=True,
    )
    answer = waiting(call)
    HEALTH.goes_on()
    return answer


def _note_redone(state: RetryCallState) -> None:
    metrics.RETRIES.add(1, reason_of(_error_of(state)))
    log.info("unit_redone", **_attempt(state))


def _note_awaited(state: RetryCallState) -> None:
    HEALTH.waits(_error_of(state))
    log.warning("dependency_awaited", **_attempt(state))


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _attempt(state: RetryCallState) -> dict[str, object]:
    """Return what a log event tells of a failed attempt."""
    return {
        "attempt": state.attempt_number,
        "wait_seconds": round(state.upcoming_sleep, 3),
        "reason": str(_error_of(state)),
    }
