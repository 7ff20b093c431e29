"""The commands that only look: at the rows, the way to them, the state of the pipeline and its settings."""

import sys
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from billstream.cli.terminal import AsJson, Format, examples, out, write_json
from billstream.common.errors import BillstreamError
from billstream.common.exits import ExitCode

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        'billstream sql "SELECT region_id, sum(billed_cost) FROM charges GROUP BY 1"',
        'billstream sql --format csv "FROM charges LIMIT 10" > charges.csv',
    )
)
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT, e.g. 'SELECT count(*) FROM charges'.")],
    form: Annotated[Format, typer.Option("--format", help="Form of the result, e.g. csv.")] = Format.TABLE,
) -> None:
    """Query the lake, read-only.

    Runs one SELECT in DuckDB's SQL; nothing can be changed. On a terminal, columns that do not fit are left out in the
    middle and counted. In JSON decimals are strings, so that no digit is lost.
    """
    from billstream.cli import opening
    from billstream.cli.output import write_result
    from billstream.cli.query import read_only

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        write_result(read_only(lake, query), form)


@app.command(epilog=examples("billstream connect", "billstream connect > lake.sql && duckdb -init lake.sql"))
def connect() -> None:
    """Print SQL that attaches the lake elsewhere.

    The statements attach this lake read-only from plain DuckDB: its shell, Python, a BI tool. They hold no secrets:
    replace <password> and the like yourself.
    """
    from billstream.cli import opening, report
    from billstream.common.lake.connect import connect_sql

    settings = opening.settings_with_logs()
    statements = connect_sql(settings)
    report.connection(statements)


@app.command(epilog=examples("billstream status", "billstream status --json"))
def status(*, as_json: AsJson = False) -> None:
    """Show queue depth, ledger states and lag.

    Also counts active loads, rows, rejected rows and dead letters, and shows how far the aggregates are behind. Exit
    code 1 if the queue or the catalog could not be asked.
    """
    from billstream.cli import opening, report
    from billstream.cli.status import queue_expected, read_queue, read_status, without_lake

    settings = opening.settings_with_logs()
    # A few small questions: to share each of them among threads takes more time than it saves.
    alone = settings.model_copy(update={"threads": settings.threads or 1})
    try:
        with opening.opened_lake(alone, read_only=True) as lake:
            found = read_status(lake, None, None, timedelta(seconds=settings.keep_for_followers))
            state = replace(found, queue_expected=queue_expected(settings))
    except BillstreamError as error:
        state = without_lake(settings, str(error))
    state = state.with_queue(read_queue(settings))
    if as_json:
        write_json(state.as_json())
    else:
        report.status(out, state)
    if not state.fine:
        raise typer.Exit(ExitCode.TROUBLE)


@app.command("settings", epilog=examples("billstream settings", "billstream settings --markdown"))
def settings_command(
    *,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print all settings with their defaults as a Markdown table.")
    ] = False,
) -> None:
    """List all settings with their values.

    Shows each BILLSTREAM_* environment variable, its value now and its meaning; secrets are masked.
    """
    from billstream.cli import opening, report
    from billstream.cli.settings_table import markdown

    if as_markdown:
        sys.stdout.write(markdown())
    else:
        report.settings(out, opening.settings_with_logs())
