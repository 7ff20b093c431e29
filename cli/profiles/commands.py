"""`billstream profile …`, every command thin."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from billstream.cli.output import printable
from billstream.cli.profiles import report
from billstream.cli.terminal import AsJson
from billstream.common.errors import Fatal
from billstream.common.runtime import configure_logs
from billstream.common.settings import Settings
from billstream.consumer.trial.bench import workbench
from billstream.consumer.trial.catalogue import catalogue, named
from billstream.consumer.trial.proposal import propose
from billstream.consumer.trial.trial import try_file

app = typer.Typer(
    help="How files are read: the profiles, what they make of a file, and a proposal for a new one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A billing file on local disk.")]


@app.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """The profiles, in the order in which they are tried."""
    settings = _settings()
    with workbench(settings) as bench:
        found = catalogue(bench.profiles, settings.profiles_dir)
    report.listed(found, as_json=as_json)


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="NAME")], *, as_json: AsJson = False) -> None:
    """When a profile fits a file, and what each column is made of."""
    settings = _settings()
    with workbench(settings) as bench:
        found = named(catalogue(bench.profiles, settings.profiles_dir), name)
    report.shown(found, as_json=as_json)


@app.command("test")
def examine(
    file: File,
    *,
    key: Annotated[str | None, typer.Option(help="The key it will have in the bucket. Default: its path.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a load of a file would do, and why; no lake is needed. Exit code 1 unless all of it would be loaded."""
    path = _there(file)
    with workbench(_settings()) as bench:
        trial = try_file(bench, path, str(path) if key is None else key)
    report.tried(trial, as_json=as_json)
    raise typer.Exit(0 if trial.fine else 1)


@app.command()
def new(
    file: File,
    *,
    name: Annotated[str | None, typer.Option(help="The name of the profile. Default: after the file.")] = None,
) -> None:
    """Propose a profile for files such as this one, as TOML on standard output."""
    path = _there(file)
    with workbench(_settings()) as bench:
        sys.stdout.write(propose(bench, path, name))


def _settings() -> Settings:
    """The settings of the environment; what a trial logs is of no interest unless somebody asks."""
    settings = Settings.from_environment()
    quiet = {"log_level": "warning"} if settings.log_level == "info" else {}
    configure_logs(settings.model_copy(update=quiet))
    return settings


def _there(file: Path) -> Path:
    if not file.is_file():
        raise Fatal(f"There is no file {printable(str(file), None)}.")
    path = file.resolve()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise Fatal(f"The name of {printable(str(path), None)} is not UTF-8: rename the file.") from error
    return path
