"""`billstream budgets …`, every command thin."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billstream.cli.terminal import AsJson, examples, person
from billstream.common.errors import WrongUsage

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

LONGEST_REASON = 500


@app.callback()
def budgets() -> None:
    """Check and list budgets; acknowledge alerts.

    Budgets are a TOML file of yours, which BILLSTREAM_BUDGETS names.
    """


@app.command("check", epilog=examples("billstream budgets check", "billstream budgets check budgets.toml --file-only"))
def check(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="TOML file, e.g. budgets.toml. Default: that of BILLSTREAM_BUDGETS."),
    ] = None,
    file_only: Annotated[bool, typer.Option("--file-only", help="Check the file; read no lake.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the file of budgets and what they have used.

    A mistake is named with its line. Then each budget is set against the costs in the lake; nothing is written and
    nobody is alerted.
    """
    from billstream.aggregator.alerts.config import read_sinks
    from billstream.aggregator.budgets.reading import read_budgets
    from billstream.aggregator.budgets.store import evaluate_all, read_states
    from billstream.cli import opening
    from billstream.cli.budgets import report

    settings = opening.settings_with_logs()
    path = file or settings.budgets
    if path is None:
        raise WrongUsage("There is no file of budgets to check: name one, or set BILLSTREAM_BUDGETS.")
    keys = [key.name for key in settings.tag_keys.names]
    found = read_budgets(path, keys, [sink.name for sink in read_sinks(settings.alerts)] or None)
    if file_only:
        report.checked(path, len(found.budgets), len(found.metrics), as_json=as_json)
        return
    with opening.opened_lake(settings, read_only=True) as lake:
        evaluations = evaluate_all(lake, found.budgets, datetime.now(UTC).date())
        states = read_states(lake)
    report.evaluated(path, found, evaluations, states, as_json=as_json)


@app.command("list", epilog=examples("billstream budgets list", "billstream budgets list --json"))
def list_command(*, as_json: AsJson = False) -> None:
    """List budgets with amounts, forecasts and states.

    They are as the aggregator has evaluated them last, each in its newest two periods. The state of a rule is ok,
    firing, acknowledged or resolved.
    """
    from billstream.aggregator.budgets.section import list_budgets
    from billstream.cli import opening
    from billstream.cli.budgets import report

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = list_budgets(lake)
    report.listed(found, as_json=as_json)


@app.command("ack", epilog=examples("billstream budgets ack ml-platform --rule actual:0.8 --reason planned"))
def ack(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the budget, e.g. ml-platform.")],
    *,
    rule: Annotated[str, typer.Option(help="Rule that fires, e.g. actual:0.8.")],
    reason: Annotated[str, typer.Option(help="Why, for those who read it later, e.g. planned.")],
) -> None:
    """Acknowledge a rule of a budget that fires.

    It is the newest period in which the rule fires. Nothing more is sent of it in this period, and the insights show
    who acknowledged it, and the reason.
    """
    from billstream.aggregator.analysis.acknowledging import acknowledge_rule
    from billstream.cli import opening
    from billstream.cli.budgets import report

    if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise WrongUsage(f"--reason must have 1 to {LONGEST_REASON} printable characters; nothing was changed.")
    settings = opening.settings_with_logs()
    with opening.opened_lake(settings) as lake:
        decided = acknowledge_rule(lake, name, rule, reason=reason.strip(), by=person(), now=datetime.now(UTC))
    report.acknowledged(decided)
