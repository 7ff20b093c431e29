"""`billstream alerts …`, every command thin."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.cli.terminal import AsJson, examples, say
from billstream.common.errors import Misconfigured, WrongUsage
from billstream.common.ids import new_id

if TYPE_CHECKING:
    from billstream.aggregator.alerts.config import Sink
    from billstream.common.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def alerts() -> None:
    """List, test and send alerts.

    Alerts are queued in the lake, and the aggregator sends them to the sinks of the file that BILLSTREAM_ALERTS names.
    """


@app.command("list", epilog=examples("billstream alerts list", "billstream alerts list --undelivered --json"))
def list_command(
    *,
    undelivered: Annotated[bool, typer.Option("--undelivered", help="Leave out what was sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Lines at most, the newest first, e.g. 10.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List alerts and their state at each sink.

    A sink that fails is named with its error and the time of its next attempt. Nothing is lost: what failed is sent
    again until the sink accepts it.
    """
    from billstream.aggregator.alerts.config import read_sinks
    from billstream.aggregator.alerts.outbox import list_alerts
    from billstream.cli import opening
    from billstream.cli.alerts import report

    settings = opening.settings_with_logs()
    names = {sink.name for sink in read_sinks(settings.alerts)}
    with opening.opened_lake(settings, read_only=True) as lake:
        found = list_alerts(lake, most=limit, undelivered=undelivered)
    report.alerts(found, names, as_json=as_json)


@app.command("test", epilog=examples("billstream alerts test ml-slack"))
def test_command(
    name: Annotated[str, typer.Argument(metavar="SINK", help="Name of the sink in the file, e.g. ml-slack.")],
) -> None:
    """Send a test message to a sink.

    Nothing is written to the lake, and quiet hours do not count. The command fails when the sink does not accept the
    message.
    """
    from billstream.aggregator.alerts.sinks import send
    from billstream.aggregator.alerts.values import Letter
    from billstream.cli import opening

    settings = opening.settings_with_logs()
    sink = next((one for one in _sinks(settings) if one.name == name), None)
    if sink is None:
        known = ", ".join(one.name for one in _sinks(settings))
        raise WrongUsage(f"There is no sink {name!r} in {settings.alerts}; nothing was sent. Its sinks: {known}.")
    letter = Letter(
        alert_id=new_id(),
        kind="test",
        title="Test of billstream's alerts",
        text=f"The sink {sink.name} works. Nothing has happened.",
        payload="{}",
        created_at=datetime.now(UTC),
    )
    send(sink, letter)
    say(f"{sink.name} has accepted the test message.")


@app.command("send", epilog=examples("billstream alerts send"))
def send_command() -> None:
    """Send queued alerts now.

    The aggregator does so by itself. This sends at once what waits after a failed attempt or in quiet hours, one round
    for each sink; what another process is sending is left to it.
    """
    from billstream.aggregator.alerts.courier import Courier
    from billstream.cli import opening
    from billstream.cli.alerts import report

    settings = opening.settings_with_logs()
    sinks = _sinks(settings)
    with opening.opened_lake(settings) as lake:
        ends = Courier(lake, sinks).deliver(at_once=True)
    report.sent(ends)


def _sinks(settings: "Settings") -> "tuple[Sink, ...]":
    from billstream.aggregator.alerts.config import read_sinks

    sinks = read_sinks(settings.alerts)
    if not sinks:
        raise Misconfigured(
            "There are no sinks, so nothing was sent. Set BILLSTREAM_ALERTS to a TOML file with a table [sink.NAME]."
        )
    return sinks
