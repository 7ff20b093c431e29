"""Carries out a replay."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from billstream.cli import wiring
from billstream.cli.replay.order import Order, Origin
from billstream.cli.replay.results import Foreseen, Result, Sent
from billstream.cli.terminal import progress
from billstream.consumer.backfill.backfill import Backfill, BackfillResult
from billstream.consumer.backfill.replay import FromLedger, FromListing, Source, expected_verdicts
from billstream.consumer.events import FILE_BUCKET, ObjectEvent
from billstream.consumer.sqs.notifications import Notifications

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.common.runtime import Stop
    from billstream.common.settings import Settings
    from billstream.consumer.layouts.registry import Layouts

Told = Callable[[int], None]


def carry_out(order: Order, settings: "Settings", stop: "Stop") -> Result:
    """Do what is asked for, until told to stop.

    Raises:
        Retryable: S3, SQS or the lake does not answer. The same command goes on from there: what is settled by
            then changes nothing.
        Fatal: something is missing, or we may not use it.
    """
    with wiring.opened_lake(settings, read_only=not order.writes) as lake, progress() as bar:
        task = bar.add_task("Replaying", total=None)

        def told(count: int) -> None:
            bar.advance(task, count)

        source = _source(order, lake, settings)
        if order.dry_run:
            return foresee_replay(source, lake, wiring.layouts(settings), stop, told)
        if order.via_queue:
            return replay_via_queue(source, wiring.notices(settings), stop, told)
        return replay_directly(source, wiring.operator_feed(settings, lake, stop, role="replay"), told)


def foresee_replay(source: Source, lake: "Lake", layouts: "Layouts", stop: "Stop", told: Told) -> Foreseen:
    """Look at every candidate without fetching any, until told to stop."""
    found = Foreseen()
    for page in source():
        if stop.requested:
            break
        found.objects += len(page)
        found.size_bytes += sum(candidate.event.size_bytes or 0 for candidate in page)
        found.verdicts.update(verdict.value for verdict in expected_verdicts(lake, page, layouts))
        told(len(page))
    return found


def replay_directly(source: Source, feed: Backfill, told: Told) -> BackfillResult:
    """Settle every candidate in this process, until told to stop."""
    fed = BackfillResult()
    for outcomes in feed.run(_events(source, feed.stop)):
        fed.add(outcomes)
        told(len(outcomes))
    return fed


def replay_via_queue(source: Source, notices: Notifications, stop: "Stop", told: Told) -> Sent:
    """Send a notification for every candidate, until told to stop."""
    sent = Sent()
    for page in source():
        if stop.requested:
            break
        events = [candidate.event for candidate in page if candidate.event.bucket != FILE_BUCKET]
        notices.send(events)
        sent.notices += len(events)
        sent.left_out += len(page) - len(events)
        told(len(page))
    return sent


def _source(order: Order, lake: "Lake", settings: "Settings") -> Source:
    if order.origin is Origin.LEDGER:
        return FromLedger(lake, order.selection)
    return FromListing(lake, wiring.bucket(settings), wiring.interest(settings), order.selection)


def _events(source: Source, stop: "Stop") -> Iterator[ObjectEvent]:
    for page in source():
        if stop.requested:
            return
        yield from (candidate.event for candidate in page)
