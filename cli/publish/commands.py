"""`billstream publish …`, every command thin."""

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from billstream.cli.terminal import AsJson, examples, say

if TYPE_CHECKING:
    from billstream.common.settings import Settings
    from billstream.common.stop import Stop
    from billstream.publishing.config import Place

TARGET = "TARGET"


class _Publish(TyperGroup):
    """The group whose first word is one of its commands, or else the name of a target."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - typer's
        word = args[0] if args else ""
        if word in self.commands or word.startswith("-"):
            return super().resolve_command(ctx, args)
        return word, self.commands[TARGET], args


class _Target(TyperCommand):
    """The command of a target, whose own name is that of the target."""

    def collect_usage_pieces(self, _: Any) -> list[str]:  # noqa: ANN401 - typer's
        return ["[OPTIONS]"]


app = typer.Typer(cls=_Publish, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def publish() -> None:
    """Keep copies of the lake up to date elsewhere.

    Targets are a TOML file of yours, which BILLSTREAM_TARGETS names. A target is brought up to date with its name:
    `billstream publish warehouse`.
    """


@app.command(
    TARGET, cls=_Target, epilog=examples("billstream publish warehouse", "billstream publish warehouse --follow")
)
def target_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the target in the file, e.g. warehouse.")],
    *,
    once: Annotated[bool, typer.Option("--once", help="Publish once, then exit; so it is without options.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C or SIGTERM.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Copy everything, whatever the target has.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a target up to date.

    Replaces the days that have changed since the last time, and the target's own watermark with them, in one
    transaction of the target. Everything is copied anew where that is not enough, such as after snapshots have expired.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.publish import report
    from billstream.common import retries
    from billstream.publishing.config import target_named
    from billstream.publishing.follower import foresee
    from billstream.publishing.loop import published

    if follow and (once or dry_run or anew or as_json):
        raise typer.BadParameter("--follow goes with no other option.")
    settings = opening.settings_with_logs()
    place = target_named(settings.targets, name)
    place.check()  # a mistake shows before the lake is opened
    if follow:
        _follow(settings, name, place, opening.signals(context, settings))
        return
    with opening.opened_lake(settings, read_only=dry_run) as lake:
        target = wiring.target(name, place, lake)
        try:
            retries.patiently(target.watermark)  # a server that is still starting
            if dry_run:
                report.foreseen(name, foresee(lake, target, anew=anew), as_json=as_json)
            else:
                report.published(name, published(lake, target, anew=anew), as_json=as_json)
        finally:
            target.close()


@app.command("list", epilog=examples("billstream publish list", "billstream publish list --json"))
def list_command(*, as_json: AsJson = False) -> None:
    """List targets, and how far they are behind.

    Says what the lake knows of its targets; no target is asked.
    """
    from billstream.cli import opening
    from billstream.cli.publish import report
    from billstream.publishing.config import read_targets
    from billstream.publishing.lag import read_lags

    settings = opening.settings_with_logs()
    targets = read_targets(settings.targets)
    with opening.opened_lake(settings, read_only=True) as lake:
        lags = read_lags(lake, now=datetime.now(UTC), wait=timedelta(seconds=settings.keep_for_followers))
    report.listed({name: place.kind for name, place in targets.items()}, lags, as_json=as_json)


@app.command("remove", epilog=examples("billstream publish remove warehouse"))
def remove_command(
    name: Annotated[str, typer.Argument(metavar=TARGET, help="Name of the target, e.g. warehouse.")],
) -> None:
    """Keep nothing for a target any more.

    The lake forgets the target, so that old snapshots may go. What was published stays where it is: drop it yourself.
    When the target is published to again, it goes on or is copied anew.
    """
    from billstream.cli import opening
    from billstream.publishing.registry import forget

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings) as lake:
        forget(lake, name)
    say(f"The lake keeps nothing for {name} any more. Its copy stays as it is.")


def _follow(settings: "Settings", name: str, place: "Place", stop: "Stop") -> None:
    from billstream.cli import observing, opening, wiring
    from billstream.publishing.loop import follow

    with (
        opening.service("publisher", stop),
        observing.observed(settings, "publisher", running=True),
        opening.opened_lake(settings, stop=stop, seconds=math.inf) as lake,
    ):
        opening.begins_work(stop, settings)
        opening.say_started("publisher", settings, lake)
        target = wiring.target(name, place, lake)
        try:
            follow(lake, target, stop, least_seconds=settings.aggregate_seconds)
        finally:
            target.close()
