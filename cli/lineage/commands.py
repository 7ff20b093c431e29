"""`billstream lineage`, thin."""

from datetime import date
from typing import Annotated, Any

import typer

from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import WrongUsage
from billstream.common.exits import ExitCode

app = typer.Typer(rich_markup_mode=None)

MOST_LINES = 10_000


def _of(what: str, example: str) -> Any:  # noqa: ANN401 - typer does not say what an option is
    return typer.Option(help=f"Only this {what} of the day, e.g. {example}; '' is no {what}. Default: all.")


@app.command(
    epilog=examples(
        "billstream lineage 2026-10-07 --service AmazonEC2 --currency USD",
        "billstream lineage s3://billing/exports/march.csv",
    )
)
def lineage(  # noqa: PLR0913 - its options
    what: Annotated[
        str,
        typer.Argument(
            metavar="DAY|LOAD|KEY", help="A UTC day, e.g. 2026-10-07; or a load's id, an object's key or URI."
        ),
    ],
    *,
    service: Annotated[str | None, _of("service", "AmazonEC2")] = None,
    user: Annotated[str | None, _of("user", "ada")] = None,
    region: Annotated[str | None, _of("region", "us-east-1")] = None,
    currency: Annotated[str | None, _of("currency", "USD")] = None,
    provider: Annotated[str | None, _of("provider", "AWS")] = None,
    account: Annotated[str | None, _of("account", "123456789012")] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_LINES, help="Lines of each file, or numbers of each load, at most, e.g. 100. 0: none."
        ),
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Trace a number to its files and lines, or back.

    Of a day: its amount in aggregates and charges, the loads that it adds up, their files, and the lines of each file,
    which are read again from the version that was loaded, up to BILLSTREAM_BATCH_BYTES in all. Exit code 1 if the lines
    do not add up to the number, or a file cannot be read any more.

    Of a load or an object: the days, services and currencies that it moved, and the loads before and after it.
    """
    from billstream.cli import opening
    from billstream.cli.lineage import report
    from billstream.cli.lineage.tracing import trace, trace_name
    from billstream.consumer.lineage import Cell

    given = {
        "provider": provider,
        "account": account,
        "service": service,
        "user": user,
        "region": region,
        "currency": currency,
    }
    where = {name: value or None for name, value in given.items() if value is not None}
    day = _day(what)
    if day is None and where:
        options = ", ".join(f"--{name}" for name in where)
        raise WrongUsage(f"{what!r} is not a day, such as 2026-03-14, and {options} choose among the charges of one.")
    if any("\ud800" <= character <= "\udfff" for text in (what, *filter(None, given.values())) for character in text):
        raise WrongUsage("What is asked for is not UTF-8, and no text in the lake is like that.")
    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        if day is None:
            report.moved(trace_name(lake, what, limit), as_json=as_json)
            return
        found = trace(lake, settings, Cell(day, where), limit)
    report.traced(found, as_json=as_json)
    if not found.proven:
        raise typer.Exit(ExitCode.TROUBLE)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-14") else None
    except ValueError:
        return None
