"""`billstream changes`, thin."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import WrongUsage

if TYPE_CHECKING:
    from billstream.aggregator.restatements.intervals import Point

app = typer.Typer(rich_markup_mode=None)

WHEN = "SNAPSHOT|TIME"


@app.command(epilog=examples("billstream changes --since 24h", "billstream changes --since 2026-03-01 --restated-only"))
def changes(
    *,
    since: Annotated[
        str, typer.Option(metavar=WHEN, help="Begin: a snapshot's id, an ISO 8601 time, or an age, e.g. 24h or 7d.")
    ],
    until: Annotated[str | None, typer.Option(metavar=WHEN, help="End, in the same forms. Default: now.")] = None,
    restated_only: Annotated[bool, typer.Option("--restated-only", help="Leave out new files.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Differences shown at most, the largest first, e.g. 10.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show which costs changed, and by which file.

    Compares two snapshots of the lake by day, service and account, and names the file behind each difference. Restated
    costs come before those of new files.
    """
    from billstream.aggregator.restatements.comparison import read_restatements
    from billstream.aggregator.restatements.intervals import interval_between
    from billstream.cli import opening
    from billstream.cli.changes import report

    now = datetime.now(UTC)
    beginning = _point("--since", since, now)
    end = _point("--until", until, now) if until is not None else None
    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        interval = interval_between(lake, beginning, end)
        found = read_restatements(lake, interval, most=limit, restated_only=restated_only)
    report.tell(found, cut=interval.cut, lost=found.from_snapshot_id != interval.after, as_json=as_json)


def _point(option: str, text: str, now: datetime) -> "Point":
    from billstream.aggregator.restatements.intervals import read_point

    try:
        return read_point(text.strip(), now)
    except ValueError as error:
        raise WrongUsage(f"{option} {text!r} cannot be read: {error}.") from None
