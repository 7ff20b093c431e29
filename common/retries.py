"""The named retry policies: what is tried again, how long, with how much jitter. tenacity does the work."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from billstream.common.errors import CatalogUnavailable, NoRoom, ServiceUnavailable, WriteConflict

T = TypeVar("T")

log = structlog.get_logger(__name__)


def redo_on_conflict(unit: Callable[[], T]) -> T:
    """Redo a unit that lost a race: at once, then with growing jitter up to 2 s, for two minutes at most.

    The unit must look at the ledger anew each time it is called.
    """
    return Retrying(
        retry=retry_if_exception_type(WriteConflict),
        wait=wait_random_exponential(multiplier=0.02, max=2),
        stop=stop_after_delay(120),
        before_sleep=_say("unit_redone"),
        reraise=True,
    )(unit)


def patiently(call: Callable[[], T]) -> T:
    """Call a dependency that may still be starting: every few seconds, for two minutes at most."""
    return Retrying(
        retry=retry_if_exception_type((CatalogUnavailable, NoRoom, ServiceUnavailable)),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        stop=stop_after_delay(120),
        before_sleep=_say("dependency_awaited"),
        reraise=True,
    )(call)


def _say(event: str) -> Callable[[RetryCallState], None]:
    def say(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.info(event, attempt=state.attempt_number, wait_seconds=round(state.upcoming_sleep, 3), reason=str(error))

    return say
