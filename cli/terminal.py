"""What the operator's commands share when they speak: tables, progress, JSON, and texts of strangers made harmless."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from billstream.cli.output import console, printable
from billstream.common.stop import Stop

PATIENCE_SECONDS = 3600.0
"""How long an open micro-batch may take once a command was told to end; nobody else would finish it."""

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C has ended early, as shells have it."""

out = console()


def say(text: str, *, style: str | None = None) -> None:
    """One line to standard output, taken literally."""
    out.print(printable(text, 5000), markup=False, style=style)


def table(*columns: str) -> Table:
    """A table whose cells fold; without columns it has two, and no header."""
    made = Table(show_header=bool(columns), box=None, pad_edge=False, header_style="bold")
    for column in columns or ("", ""):
        made.add_column(column, overflow="fold")
    return made


def add_row(to: Table, *cells: object) -> None:
    """Add a row, its cells taken literally."""
    to.add_row(*(Text(printable("" if cell is None else str(cell))) for cell in cells))


def write_json(value: Any) -> None:  # noqa: ANN401 - whatever a command has to say
    """For programs: JSON on standard output; what JSON does not know becomes text."""
    json.dump(value, sys.stdout, default=str, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def progress() -> Progress:
    """A bar on standard error, if that is a terminal, which is gone when the work is done."""
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
    """Told by Ctrl-C, or by SIGTERM, to finish what is open and end; a second one ends the process at once."""
    return Stop(PATIENCE_SECONDS).install()


def exit_code(stop: Stop, *, fine: bool) -> int:
    """0 when all is well, 1 when something is left to be done, 130 when somebody ended the command early."""
    if stop.requested:
        return INTERRUPTED
    return 0 if fine else 1
