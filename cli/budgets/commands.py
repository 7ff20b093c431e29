"""`billstream budgets …`, every command thin."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billstream.aggregator.budgets.reading import read_budgets
from billstream.aggregator.budgets.store import evaluate_all, read_states
from billstream.cli import opening
from billstream.cli.budgets import report
from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import WrongUsage

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def budgets() -> None:
    """Check budgets and show what they have used.

    Budgets are a TOML file of yours, which BILLSTREAM_BUDGETS names.
    """


@app.command("check", epilog=examples("billstream budgets check", "billstream budgets check budgets.toml --file-only"))
def check(
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="TOML file. Default: that of BILLSTREAM_BUDGETS.")
    ] = None,
    file_only: Annotated[bool, typer.Option("--file-only", help="Check the file; read no lake.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the file of budgets, and show what they have used.

    A mistake is named with its line. Then each budget is set against the costs in the lake; nothing is written and
    nobody is alerted.
    """
    settings = opening.settings_with_logs()
    path = file or settings.budgets
    if path is None:
        raise WrongUsage("There is no file of budgets to check: name one, or set BILLSTREAM_BUDGETS.")
    found = read_budgets(path, report.tag_keys(settings))
    if file_only:
        report.checked(path, len(found.budgets), as_json=as_json)
        return
    with opening.opened_lake(settings, read_only=True) as lake:
        evaluations = evaluate_all(lake, found.budgets, datetime.now(UTC).date())
        states = read_states(lake)
    report.evaluated(path, evaluations, states, as_json=as_json)
