"""Three ways to carry out a replay: look only, process in this process, or notify the consumers."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from billstream.common.lake import Lake
from billstream.common.stop import Stop
from billstream.consumer.backfill.backfill import Backfill, BackfillResult
from billstream.consumer.backfill.replay import Source, expected_verdicts
from billstream.consumer.events import FILE_BUCKET, ObjectEvent
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.sqs.notifications import Notifications

Progress = Callable[[int], None]
"""Called with the number of objects that have just been handled."""


@dataclass
class Forecast:
    """The forecast of a replay: how many objects of how many bytes, and the verdict on each."""

    objects: int = 0
    size_bytes: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


@dataclass
class Sent:
    """The notifications of a replay. Local files are left out: a queue is for objects."""

    notifications: int = 0
    left_out: int = 0


def forecast_replay(source: Source, lake: Lake, layouts: Layouts, stop: Stop, progress: Progress) -> Forecast:
    """Look at every candidate without fetching any, until the stop is requested."""
    found = Forecast()
    for page in source():
        if stop.requested:
            break
        found.objects += len(page)
        found.size_bytes += sum(candidate.event.size_bytes or 0 for candidate in page)
        found.verdicts.update(verdict.value for verdict in expected_verdicts(lake, page, layouts))
        progress(len(page))
    return found


def replay_directly(source: Source, backfill: Backfill, progress: Progress) -> BackfillResult:
    """Process every candidate in this process, until the stop is requested.

    Raises:
        Retryable: S3 or the lake does not answer. What is processed stays, and the same replay goes on from there.
    """
    result = BackfillResult()
    for outcomes in backfill.run(_events(source, backfill.stop)):
        result.add(outcomes)
        progress(len(outcomes))
    return result


def replay_via_queue(source: Source, notifications: Notifications, stop: Stop, progress: Progress) -> Sent:
    """Send a notification for every candidate, until the stop is requested.

    Raises:
        Retryable: S3 or SQS does not answer. Notifications that were sent stay; a second one changes nothing.
    """
    sent = Sent()
    for page in source():
        if stop.requested:
            break
        events = [candidate.event for candidate in page if candidate.event.bucket != FILE_BUCKET]
        notifications.send(events)
        sent.notifications += len(events)
        sent.left_out += len(page) - len(events)
        progress(len(page))
    return sent


def _events(source: Source, stop: Stop) -> Iterator[ObjectEvent]:
    for page in source():
        # Between two pages too: a page whose objects all agree yields nothing that the backfill could stop at.
        if stop.requested:
            return
        yield from (candidate.event for candidate in page)
