"""Shared by all commands: the form of their help, and text, tables, JSON, times and progress on the terminal."""

import datetime as dt
import getpass
import json
import math
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from billstream.common.exits import ExitCode
from billstream.common.masking import masked
from billstream.common.stop import Stop
from billstream.common.texts import decimal_text

PATIENCE_SECONDS = 3600.0
"""Seconds that an open micro-batch may take once a command was told to end; no other process would finish it."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

WIDE = 10_000
"""Columns of an output that is not a terminal: its reader folds it later, or greps it line by line."""

ELLIPSIS = "…"


class Format(StrEnum):
    """The form of a result on standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


def console(*, as_wide_as_asked: bool = False) -> Console:
    """Return standard output for people: as wide as the terminal; never folded into a file or a pipe.

    Args:
        as_wide_as_asked: an exported COLUMNS is the width of a file or a pipe, too.
    """
    fits = sys.stdout.isatty() or (as_wide_as_asked and os.environ.get("COLUMNS", "").isdigit())
    return Console(soft_wrap=True, highlight=False, emoji=False, width=None if fits else WIDE)


out = console()


def examples(*lines: str) -> str:
    """Return the epilog of a command's help: its examples, each on a line of its own."""
    # \b keeps click from folding the lines into a paragraph.
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


def say(text: str, *, style: str | None = None) -> None:
    """Write one line to standard output, taken literally."""
    out.print(printable(text, 5000), markup=False, style=style)


def utc(moment: datetime) -> str:
    """Return a time for people: `2026-11-25 02:33:23 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def person() -> str:
    """Return the name of the account that gives the command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as containers have
        return "unknown"


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


def failure(text: str) -> None:
    """Write the sentence of an error to standard error."""
    Console(stderr=True, soft_wrap=True).print(shown(f"billstream: {masked(text)}"), style="red", highlight=False)


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
        return ExitCode.INTERRUPTED
    return ExitCode.OK if fine else ExitCode.TROUBLE


# -- texts of strangers -------------------------------------------------------------------------------------


def shown(text: str) -> Text:
    """Return a stranger's text for a cell or lines of its own: no markup, no commands to the terminal."""
    return Text(_lines(text))


def marked(text: str) -> str:
    """Return a stranger's text for a place where markup is read: taken literally, no commands to the terminal."""
    return escape(_lines(text))


def _lines(text: str) -> str:
    return "\n".join(printable(line, None) for line in text.split("\n"))


def printable(text: str | None, longest: int | None = 500) -> str:
    """Return a stranger's text as one line without commands to the terminal; a longer one is cut."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text or "")
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}{ELLIPSIS}"


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever DuckDB or a command has
    """Return a value as JSON can hold it: decimals as strings, times as RFC 3339."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return _moment(value)
    # JSON has no word for a number that is not finite, and none for other types.
    finite = not isinstance(value, float) or math.isfinite(value)
    return value if isinstance(value, str | int | float | bool | None) and finite else str(value)


def _moment(value: dt.datetime | dt.date | dt.time) -> str:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()
