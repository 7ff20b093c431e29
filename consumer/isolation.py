"""Takes a batch apart when it fails as a whole, so that no property of one object stops another.

An error that is ours to look into, a `Fatal` or an exception that nobody foresaw, may be about one object, or about
everything. Pieces of the batch are tried on their own until the others are processed and the culprits stand alone. What
they get is decided by what became of the others:

| the others | a fatal error | an exception that nobody foresaw |
|---|---|---|
| something was loaded | the object has failed | the object has failed |
| nothing was loaded, and no other object fails | ends the process | the object has failed |
| nothing was loaded, and others fail, too | ends the process | everything waits: no object is at fault |

A killed process cannot take anything apart. That is for the worker: it processes a message alone that was received
several times.
"""

import random
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from billstream.common.errors import BillstreamError, Fatal, Held, Misconfigured, Retryable
from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.commit.unit import Unit
from billstream.consumer.context import Context
from billstream.consumer.decide.decision import Verdict, decide
from billstream.consumer.decide.states import State
from billstream.consumer.decode import Staged
from billstream.consumer.events import Later, ObjectEvent

SAMPLE = 8
"""So many items of a batch are tried alone; when each of them fails, the others would, too."""

_NO_VERDICT = frozenset({Verdict.DUPLICATE, Verdict.STALE})
_LONGEST_REASON = 500  # characters
_LONGEST_TRACEBACK = 8_000
_MOST_REMEMBERED = 10_000

Item = TypeVar("Item")

log = structlog.get_logger(__name__)


def take_apart(items: Sequence[Item], attempt: Callable[[Sequence[Item]], object]) -> dict[int, Exception]:
    """Attempt all items at once; if that fails, attempt parts of them until those at fault stand alone.

    A few are tried alone first, from all over the batch. If each of them fails, the others are not tried, and count as
    `Held`: an error that befalls everything would otherwise be made hundreds of times.

    Args:
        items: in the order in which they are to be attempted.
        attempt: processes a part of them. What it did before it failed has to bear a repetition.

    Returns:
        The errors, by the positions of their items.

    Raises:
        Retryable: an attempt's own; what was processed by then stays.
    """
    whole = list(range(len(items)))
    errors: dict[int, Exception] = {}

    def failed(piece: Sequence[int]) -> bool:
        try:
            attempt([items[number] for number in piece])
        except Retryable:
            raise
        except Exception as error:  # noqa: BLE001 - it is kept, and somebody has to answer for it
            if len(piece) > 1:
                log.info("batch_taken_apart", items=len(piece), reason=_told(error))
            else:
                errors[piece[0]] = error
            return True
        return False

    if not whole or not failed(whole) or len(whole) == 1:
        return errors
    sample = random.sample(whole, min(SAMPLE, len(whole)))
    if sum(failed([number]) for number in sample) == len(sample):
        untried = Held(_told(errors[sample[0]]))
        return {number: errors.get(number, untried) for number in whole}
    pieces = deque([[number for number in whole if number not in sample]])
    while pieces:
        piece = pieces.popleft()
        if piece and failed(piece) and len(piece) > 1:
            middle = len(piece) // 2
            pieces += [piece[:middle], piece[middle:]]
    # A fatal error may have been about everything for a while, such as credentials that were just renewed.
    again = [number for number, error in errors.items() if isinstance(error, Fatal)]
    return {number: error for number, error in errors.items() if number not in again or failed([number])}


@dataclass
class Suspects:
    """Remembers which objects have failed, and when something was loaded last: not by time, but by count.

    An object that fails alone may be the first of many. So it is compared with those that failed since something was
    loaded.
    """

    _loaded: int = 0
    _failed: dict[str, int] = field(default_factory=dict)  # scope: what was loaded when it failed first

    def are_at_fault(self, errors: Mapping[str, Exception], *, loaded: int) -> dict[str, bool]:
        """Return, for each scope that has failed in a batch, whether the object itself is at fault.

        Args:
            errors: the scopes, with their errors.
            loaded: the number of objects of the batch that were loaded.
        """
        before = self._loaded
        self._loaded += loaded
        if not errors:
            return {}
        if len(self._failed) > _MOST_REMEMBERED:
            self._failed.clear()
        first = {scope: self._failed.setdefault(scope, before) for scope in errors}
        alone = sum(when == self._loaded for when in self._failed.values()) <= 1
        return {
            scope: not isinstance(error, Held)
            and (first[scope] < self._loaded or (alone and not isinstance(error, Fatal | MemoryError)))
            for scope, error in errors.items()
        }


class FailedObjects:
    """The work of writing down that objects have failed. See `consumer.process.Work`."""

    def __init__(self, context: Context, errors: Sequence[tuple[ObjectEvent, Exception]]) -> None:
        self._context = context
        self._errors = errors
        self.staged = Staged()  # nothing

    def plan(self) -> tuple[Unit, list[Outcome]]:
        """See `Work`."""
        unit, outcomes = Unit(), list[Outcome]()
        found = self._context.lake.processed_keys([scope_id(event.scope) for event, _ in self._errors])
        for event, error in self._errors:
            held = found.get(scope_id(event.scope))
            if decide(event, held) in _NO_VERDICT:  # another consumer could do it
                outcomes.append(Outcome(event))
                continue
            entry = self._context.entries.entry(event, held, State.FAILED, reason=_reason(error))
            unit.add(entry, held)
            outcomes.append(Outcome(event, (entry,)))
        return unit, outcomes


def log_traceback(scope: str, error: Exception) -> None:
    """Log an error that nobody foresaw, with its traceback; one of ours says all in its text."""
    if isinstance(error, Held):
        return  # it was not tried
    told: dict[str, str] = {"scope": scope, "reason": _told(error)}
    if not isinstance(error, BillstreamError):
        told["traceback"] = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
    log.error("object_raised", **told)


def waits(event: ObjectEvent, error: Exception) -> Outcome:
    """Return the outcome of an event whose error is not about its object."""
    told = _told(error)
    if isinstance(error, Fatal | MemoryError):
        fatal = type(error)(f"{event.scope}: {told}") if type(error) in {Fatal, Misconfigured} else error
        return Outcome(event, later=Later(told, fatal=fatal))
    reason = f"Objects fail one after the other, and none is loaded: {told}"
    return Outcome(event, later=Later(reason, holding=True))


def _reason(error: Exception) -> str:
    return (
        f"billstream fails at this object, and at no other: {_told(error)}. Report it with the traceback in the log of "
        "the consumer; once it is corrected, run: billstream quarantine reload"
    )


def _told(error: Exception) -> str:
    """Return an error in one line: our own by its text, any other with its type."""
    text = " ".join(str(error).split())
    text = text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
    return text if isinstance(error, BillstreamError) else f"{type(error).__name__}: {text}"
