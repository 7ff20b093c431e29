"""The console command: which module has which command. A command loads its own code only, so it starts at once.

The module of a command imports at its top what its help needs, which is little. What the command itself needs is
imported inside it: so `billstream COMMAND --help` starts no engine, and a command loads nothing of those beside it.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from billstream.common.masking import mask_tracebacks
from billstream.common.stop import Stop

COMMANDS = {
    "init": ("ingesting", "Create the lake, or migrate an older one."),
    "consume": ("ingesting", "Load files as the queue announces them."),
    "aggregate": ("aggregating", "Keep aggregates and insights up to date."),
    "serve": ("serve", "Show the insights live, to a browser."),
    "maintain": ("maintaining", "Keep the lake small and fast."),
    "rebuild": ("aggregating", "Recompute the aggregates from all charges."),
    "load": ("ingesting", "Load local files."),
    "sql": ("looking", "Query the lake, read-only."),
    "connect": ("looking", "Print SQL that attaches the lake elsewhere."),
    "status": ("looking", "Show queue depth, ledger states and lag."),
    "settings": ("looking", "List all settings with their values."),
    "dlq": ("operating", "Show dead letters and their causes."),
    "redrive": ("operating", "Move dead letters back to the queue."),
    "replay": ("operating", "Reprocess objects."),
    "sweep": ("operating", "Load what notifications have missed."),
    "verify": ("operating", "Prove that ledger, charges and totals agree."),
    "publish": ("publish", "Keep copies of the lake up to date elsewhere."),
    "backup": ("backup", "Save the lake while it is in use."),
    "restore": ("backup", "Restore a backup as a new lake, and verify it."),
    "relocate": ("backup", "Record that the lake's files were moved."),
    "doctor": ("doctor", "Check everything, for an operator or support."),
    "quality": ("quality", "List quality rules, and rows that break them."),
    "quarantine": ("quarantine", "List and reload what could not be loaded."),
    "export": ("export", "Write charges as files of an open format."),
    "exports": ("exports", "List exports, and say which of two counts."),
    "changes": ("changes", "Show which costs changed, and by which file."),
    "explain": ("explain", "Show why the costs of two periods differ."),
    "lineage": ("lineage", "Trace a number to its files and lines, or back."),
    "anomalies": ("anomalies", "List anomalies, and say what they are."),
    "budgets": ("budgets", "Check and list budgets; acknowledge alerts."),
    "alerts": ("alerts", "List, test and send alerts."),
    "profile": ("profiles", "List, test and propose file profiles."),
    "demo": ("demo.commands", "Show billstream at work on an emulated AWS."),
}
"""Each command's module in this package, and its title: the first line of its own help."""


class _Loaded(Mapping[str, Any]):
    """The commands by name, in the order of help; one is loaded when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer does not publish the type of a command
        if name not in self._made:
            group = get_group(import_module(f"billstream.cli.{COMMANDS[name][0]}").app)
            # A module has one group with sub-commands, or commands that stand beside those of other modules.
            self._made[name] = group.commands.get(name, group)
            self._made[name].name = name
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Commands(TyperGroup):
    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**attributes)
        self.commands = _Loaded()  # type: ignore[assignment]  # nothing is added to them

    def list_commands(self, _: object) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, _: object, formatter: Any) -> None:  # noqa: ANN401 - typer does not publish the type
        with formatter.section("Commands"):
            formatter.write_dl([(name, title) for name, (_, title) in COMMANDS.items()])


app = typer.Typer(
    name="billstream", cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


def run(stop: Stop | None) -> None:
    """Run the command of the command line; an error becomes a sentence on standard error and the exit code of its kind.

    Args:
        stop: the stop that listens for signals already, if there is one. Only services have one.
    """
    mask_tracebacks()
    try:
        app(obj=stop)
    except Exception as error:
        from billstream.cli.ending import told

        mask_tracebacks()  # again: typer has put a hook of its own there
        code = told(error, service=stop is not None)
        if code is None:
            raise
        sys.exit(code)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        from billstream import __version__

        sys.stdout.write(f"billstream {__version__}\n")
        raise typer.Exit


@app.callback()
def billstream(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The shortest safe road from a bucket of billing CSVs to numbers a company can act on.

    Settings come from BILLSTREAM_* environment variables; `billstream settings` lists them. `billstream COMMAND --help`
    shows the options of a command, and examples.
    """
