"""The commands that make aggregates and insights."""

import math
from typing import Annotated

import typer

from billstream.cli.terminal import examples, out

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("billstream aggregate", "billstream aggregate --once"))
def aggregate(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="Refresh, analyse and publish once, then exit.")] = False,
) -> None:
    """Keep aggregates and insights up to date.

    Runs until Ctrl-C or SIGTERM. Each refresh reads only what has changed in the lake, and then publishes
    insights.json, insights.md and dashboard.html.
    """
    from billstream.aggregator.alerts.config import read_sinks
    from billstream.aggregator.analysis.analyst import Analyst
    from billstream.aggregator.loop import follow
    from billstream.aggregator.publish import publish
    from billstream.aggregator.refresh import refresh_once
    from billstream.cli import observing, opening, report
    from billstream.common import retries

    settings = opening.settings_with_logs()
    stop = opening.signals(context, settings)
    patience = retries.COMMAND_SECONDS if once else math.inf
    with (
        opening.service("aggregator", stop),
        observing.observed(settings, "aggregator", running=not once),
        opening.opened_lake(settings, stop=stop, seconds=patience) as lake,
    ):
        opening.begins_work(stop, settings)
        if not once:
            opening.say_started("aggregator", settings, lake)
            with observing.queue_observed(settings):
                follow(lake, settings, stop)
            return
        refreshed = refresh_once(lake, tag_keys=settings.tag_keys)
        Analyst(lake, settings, read_sinks(settings.alerts)).analyse_all()
        publish(lake, settings, refreshed)
        report.refresh(out, refreshed, settings)


@app.command("rebuild", epilog=examples("billstream rebuild"))
def rebuild_command() -> None:
    """Recompute the aggregates from all charges.

    Replaces the aggregates in one commit, and publishes the insights. A refresh gives the same numbers at less cost;
    use this when `billstream verify` finds a difference.
    """
    from billstream.aggregator.alerts.config import read_sinks
    from billstream.aggregator.analysis.analyst import Analyst
    from billstream.aggregator.publish import publish
    from billstream.aggregator.refresh import rebuild
    from billstream.cli import opening, report

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings) as lake:
        rebuilt = rebuild(lake, tag_keys=settings.tag_keys)
        Analyst(lake, settings, read_sinks(settings.alerts)).analyse_all()
        publish(lake, settings, rebuilt)
    report.refresh(out, rebuilt, settings)
