"""Everything that commands share when they write: tables, progress, JSON, plurals and times."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from billstream.cli.output import console, plain, printable
from billstream.common.stop import Stop

PATIENCE_SECONDS = 3600.0
"""Seconds that an open micro-batch may take once a command was told to end; no other process would finish it."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C has ended early, as in shells."""

out = console()


def say(text: str, *, style: str | None = None) -> None:
    """Write one line to standard output, taken literally."""
    out.print(printable(text, 5000), markup=False, style=style)


def utc(moment: datetime) -> str:
    """Return a time for people: `2026-11-25 02:33:23 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def on_terminal() -> bool:
    """Return True when a person reads along, False when the output goes to a file or a pipe."""
    return sys.stdout.isatty()


def table(*columns: str) -> Table:
    """Return a table whose cells fold; without columns it has two, and no header."""
    made = Table(show_header=bool(columns), box=None, pad_edge=False, header_style="bold")
    for column in columns or ("", ""):
        made.add_column(column, overflow="fold")
    return made


def add_row(to: Table, *cells: object) -> None:
    """Add a row, its cells taken literally."""
    to.add_row(*(Text(printable("" if cell is None else str(cell))) for cell in cells))


def write_json(value: Any) -> None:  # noqa: ANN401 - whatever a command returns
    """Write JSON to standard output: times as RFC 3339, decimals as strings."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def progress() -> Progress:
    """Return a bar on standard error, if that is a terminal; it disappears when the work is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        transient=True,
        disable=not sys.stderr.isatty(),
        console=Console(stderr=True),
    )


def interruptible() -> Stop:
    """Return a stop that Ctrl-C and SIGTERM request: work in progress is finished first. A second one ends at once."""
    return Stop(PATIENCE_SECONDS).install()


def exit_code(stop: Stop, *, fine: bool) -> int:
    """Return 0 when all is well, 1 when something is left to do, 130 when the command was ended early."""
    if stop.requested:
        return INTERRUPTED
    return 0 if fine else 1
