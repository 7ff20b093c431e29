"""`billstream changes`, thin."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from billstream.aggregator.restatements.comparison import read_restatements
from billstream.aggregator.restatements.intervals import Point, interval_between, read_point
from billstream.cli import wiring
from billstream.cli.changes import report
from billstream.cli.terminal import AsJson
from billstream.common.errors import Fatal

app = typer.Typer(rich_markup_mode=None)

WHEN = "SNAPSHOT|TIME"


@app.command()
def changes(
    *,
    since: Annotated[str, typer.Option(metavar=WHEN, help="A snapshot's id, an ISO 8601 time, or an age as 24h, 7d.")],
    until: Annotated[str | None, typer.Option(metavar=WHEN, help="Where it ends; default: now.")] = None,
    restated_only: Annotated[bool, typer.Option("--restated-only", help="Leave out what new files brought.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many differences at most, the largest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What restatements and new files changed, by day, service and account, with the file that caused it."""
    now = datetime.now(UTC)
    beginning = _point("--since", since, now)
    end = _point("--until", until, now) if until is not None else None
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        interval = interval_between(lake, beginning, end)
        found = read_restatements(lake, interval, most=limit, restated_only=restated_only)
    report.tell(found, cut=interval.cut, as_json=as_json)


def _point(option: str, text: str, now: datetime) -> Point:
    try:
        return read_point(text.strip(), now)
    except ValueError as error:
        raise Fatal(f"{option} {text!r} cannot be read: {error}.") from None
