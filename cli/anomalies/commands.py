"""`billstream anomalies …`, every command thin."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.cli.terminal import AsJson, examples, person
from billstream.common.errors import WrongUsage

if TYPE_CHECKING:
    from billstream.aggregator.analysis.decisions import Decision

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the anomaly, or its first digits, e.g. fd909f55.")]
LONGEST_REASON = 500


@app.callback()
def anomalies() -> None:
    """List anomalies, and say what they are.

    The aggregator finds them: days on which the usage of an account and a service costs much more, or less, than is
    usual for it.
    """


@app.command("list", epilog=examples("billstream anomalies list", "billstream anomalies list --all --json"))
def list_command(
    *,
    every: Annotated[bool, typer.Option("--all", help="Show also those that ended more than 35 days ago.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Lines at most, the gravest first, e.g. 10.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List anomalies, the gravest first.

    Open ones come first, then those of the last five weeks, by tier and impact.
    """
    from billstream.aggregator.insights.anomalies_section import list_anomalies
    from billstream.cli import opening
    from billstream.cli.anomalies import report

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = list_anomalies(lake, datetime.now(UTC).date(), every=every, most=limit)
    report.listed(found, as_json=as_json)


@app.command("show", epilog=examples("billstream anomalies show fd909f55", "billstream anomalies show fd909f55 --rows"))
def show(
    anomaly: Id,
    *,
    rows: Annotated[bool, typer.Option("--rows", help="Print only the SQL that returns its charges.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an anomaly, its cause and its charges.

    The SQL of --rows returns exactly the charges of its days, each with its file: give it to billstream sql.
    """
    from billstream.aggregator.insights.anomalies_section import find_anomaly
    from billstream.cli import opening
    from billstream.cli.anomalies import report

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = find_anomaly(lake, anomaly)
    report.shown(found, rows=rows, as_json=as_json)


@app.command("ack", epilog=examples('billstream anomalies ack fd909f55 --reason "load test, planned"'))
def ack(
    anomaly: Id,
    *,
    reason: Annotated[str, typer.Option(help="Why, for those who read it later, e.g. planned.")],
    expected: Annotated[bool, typer.Option("--expected", help="Say that it is as it should be, not a fault.")] = False,
) -> None:
    """Acknowledge an anomaly.

    Nobody is alerted of it any more. It stays in the insights with its reason. Refreshes, rebuilds and restatements do
    not take the decision back.
    """
    _decide(anomaly, "expected" if expected else "acknowledged", reason)


@app.command("resolve", epilog=examples('billstream anomalies resolve fd909f55 --reason "the job was stopped"'))
def resolve(
    anomaly: Id,
    *,
    reason: Annotated[str, typer.Option(help="What ended it, e.g. job stopped.")] = "resolved",
) -> None:
    """Say that an anomaly is over.

    When its days go on, it is open again.
    """
    _decide(anomaly, "ended", reason)


def _decide(anomaly: str, decision: "Decision", reason: str) -> None:
    from billstream.aggregator.analysis.decisions import decide_anomaly
    from billstream.cli import opening
    from billstream.cli.anomalies import report

    if not reason.strip() or not reason.isprintable() or len(reason) > LONGEST_REASON:
        raise WrongUsage(f"--reason must have 1 to {LONGEST_REASON} printable characters; nothing was changed.")
    settings = opening.settings_with_logs()
    with opening.opened_lake(settings) as lake:
        decided = decide_anomaly(lake, anomaly, decision, reason=reason.strip(), by=person())
    report.decided(decided)
