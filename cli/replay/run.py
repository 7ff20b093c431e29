"""Wire a replay, and run it."""

from itertools import chain

from billstream.cli import opening, wiring
from billstream.cli.replay.order import Order
from billstream.cli.replay.origin import Origin
from billstream.cli.terminal import progress
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.backfill import BackfillResult
from billstream.consumer.backfill.execution import Forecast, Sent, forecast_replay, replay_directly, replay_via_queue
from billstream.consumer.backfill.replay import FromLedger, FromListing, Source


def carry_out(order: Order, settings: Settings, stop: Stop) -> BackfillResult | Forecast | Sent:
    """Carry out a replay, until the stop is requested.

    Raises:
        Retryable: S3, SQS or the lake does not answer. The same command goes on from there: what is processed by then
            changes nothing.
        Fatal: a bucket, queue or lake is missing, or a permission.
    """
    with opening.opened_lake(settings, read_only=not order.writes) as lake, progress() as bar:
        task = bar.add_task("Replaying", total=None)

        def advance(count: int) -> None:
            bar.advance(task, count)

        source = _source(order, lake, settings)
        if order.dry_run:
            return forecast_replay(source, lake, wiring.layouts(settings), stop, advance)
        if order.via_queue:
            return replay_via_queue(source, wiring.notifications(settings), stop, advance)
        return replay_directly(source, wiring.operator_backfill(settings, lake, stop, role="replay"), advance)


def _source(order: Order, lake: Lake, settings: Settings) -> Source:
    if order.origin is Origin.LEDGER:
        return FromLedger(lake, order.selection)
    chosen = wiring.interest(settings)
    listings = [FromListing(lake, bucket, chosen, order.selection) for bucket in wiring.buckets(settings)]
    return lambda: chain.from_iterable(listing() for listing in listings)
