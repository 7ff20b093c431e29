"""Rebuild a lake from its bucket: load every object, then make the aggregates."""

from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.publish import publish
from billstream.aggregator.refresh import refresh_once
from billstream.cli import wiring
from billstream.cli.sweeping import Handling, carry_out_sweep, sweep_result
from billstream.cli.terminal import say
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.sweep import Gone
from billstream.consumer.limits import MAX_SHARE


def load_bucket(settings: Settings, lake: Lake, stop: Stop) -> bool:
    """Load all objects of the configured buckets that the lake has not, and refresh what is made of them.

    It may be ended early and repeated: what was loaded stays, and is not loaded again. What only the old lake knew is
    not in the bucket: earlier versions, objects that are gone, local files, and what people have decided.

    Returns:
        Whether every object could be processed.

    Raises:
        Retryable, Fatal: see `reconcile` and `refresh_once`.
    """
    wiring.follow_rules(settings, lake, role="init")
    backfill = wiring.operator_backfill(settings, lake, stop, role="init")
    handling = Handling(Gone.LIST, MAX_SHARE, foreign=False)
    result = carry_out_sweep(wiring.sweeps(settings, lake, stop), backfill, handling)
    sweep_result(result, stopped=stop.requested, as_json=False)
    if stop.requested:
        return False
    refreshed = refresh_once(lake, tag_keys=settings.tag_keys)
    Analyst(lake, settings, read_sinks(settings.alerts)).analyse_all()
    publish(lake, settings, refreshed)
    say("The lake has what is in the bucket now. To prove it, run: billstream verify --s3")
    return result.complete
