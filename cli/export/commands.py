"""`billstream export …`, every command thin."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import WrongUsage

if TYPE_CHECKING:
    from datetime import date

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def export() -> None:
    """Write charges as files of an open format.

    Only rows that count are written, all of them as of one snapshot of the lake.
    """


@app.command(
    "focus",
    epilog=examples(
        "billstream export focus --dry-run",
        "billstream export focus --month 2026-03 --format csv --to /srv/focus",
    ),
)
def focus_command(
    *,
    version: Annotated[str, typer.Option(help="Version of FOCUS, e.g. 1.0; 1.1 and 1.2 are the others.")] = "1.2",
    month: Annotated[
        list[str] | None,
        typer.Option(metavar="YYYY-MM", help="Billing month, e.g. 2026-03; may be repeated. Default: all."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="Form of the files: parquet, or e.g. csv.")] = "parquet",
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the export, e.g. /srv/focus. Default: exports/focus in the home."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show months, rows and sums; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write charges as FOCUS files.

    Each billing month becomes a folder with files and one manifest, written last, and replaces the earlier export of
    the month. Columns without a value stay empty, and those that FOCUS wants a value of are listed. An empty lake that
    loads the folder has the same charges.
    """
    from billstream.cli import opening
    from billstream.cli.export import report
    from billstream.cli.terminal import progress
    from billstream.common.outputs import focus_exports
    from billstream.publishing.focus.columns import FileFormat
    from billstream.publishing.focus.export import Order, foresee
    from billstream.publishing.focus.export import export as write
    from billstream.publishing.focus.versions import focus_version

    settings = opening.settings_with_logs()
    if form not in list(FileFormat):
        raise WrongUsage(f"--format {form!r} is neither parquet nor csv; nothing was written.")
    if to is not None and str(to).startswith("s3:/"):
        raise WrongUsage("--to is a folder of this host, to be uploaded afterwards; nothing was written.")
    folder = to or focus_exports(settings)
    order = Order(focus_version(version), FileFormat(form), folder, tuple(_month(text) for text in month or ()))
    with opening.opened_lake(settings, read_only=True) as lake:
        if dry_run:
            report.foreseen(foresee(lake, order), as_json=as_json)
            return
        with progress() as bar:
            task = bar.add_task("Writing months", total=None)
            written = write(lake, order, progress=lambda count: bar.update(task, completed=count))
    report.written(written, folder, as_json=as_json)


def _month(text: str) -> "date":
    from billstream.consumer.exports.rules import month_of

    try:
        return month_of(text.strip())
    except ValueError as error:
        raise WrongUsage(f"--month {text!r} is no month such as 2026-03; nothing was written.") from error
