"""`billstream quality …`, every command thin."""

from typing import Annotated

import typer

from billstream.cli.terminal import AsJson, examples

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def quality() -> None:
    """List quality rules, and rows that break them.

    Each file is judged before its rows are committed. By default they are loaded all the same, and what they break is
    kept with them. With BILLSTREAM_QUALITY=enforce a file that breaks a rule of severity error goes into quarantine.
    """


@app.command("list", epilog=examples("billstream quality list", "billstream quality list --json"))
def list_command(*, as_json: AsJson = False) -> None:
    """List what active loads break, errors first.

    A load is active while its rows count: what a newer version of its file has replaced is not listed. Exit code 1 if
    a rule of severity error is broken.
    """
    from billstream.cli import opening
    from billstream.cli.quality import report
    from billstream.consumer.quality import Severity, findings

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = findings(lake)
    report.findings(found, as_json=as_json)
    raise typer.Exit(any(one.severity == Severity.ERROR for one in found))


@app.command(epilog=examples("billstream quality show exports/march.csv --limit 5"))
def show(
    name: Annotated[str, typer.Argument(metavar="KEY", help="Key, object URI, load or rule, e.g. exports/march.csv.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows shown of each finding at most, e.g. 5.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the rows that break a rule.

    The rows are read from the lake by the rule as it is now.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.quality import report
    from billstream.common.errors import Fatal
    from billstream.common.lake.tables import CHARGES
    from billstream.consumer.quality import broken_rows, findings

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        rules = wiring.quality(settings, lake.columns(CHARGES)).rules
        chosen = [one for one in findings(lake) if name in {one.scope, one.key, one.load_id, one.rule}]
        if not chosen:
            raise Fatal(f"Nothing active called {name} breaks a rule. `billstream quality list` shows what does.")
        found = [(one, broken_rows(lake, one, rules, limit)) for one in chosen]
    report.rows(found, {rule.name: rule for rule in rules}, as_json=as_json)


@app.command(epilog=examples("billstream quality rules"))
def rules(*, as_json: AsJson = False) -> None:
    """List the rules that files are judged by.

    The built-in ones, and those of the folder that BILLSTREAM_QUALITY_RULES names.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.quality import report
    from billstream.common.lake.tables import CHARGES

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = wiring.quality(settings, lake.columns(CHARGES))
    report.rules(found, as_json=as_json)
