"""`billstream profile …`, every command thin."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.cli.terminal import AsJson, examples, printable
from billstream.common.errors import Fatal

if TYPE_CHECKING:
    from billstream.common.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

FileOrFolder = Annotated[
    Path, typer.Argument(metavar="FILE", help="A billing file on local disk, or a folder of them, e.g. march.csv.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A billing file on local disk, e.g. march.csv.")]


@app.callback()
def profile() -> None:
    """List, test and propose file profiles.

    A profile maps the columns of a file to those of `charges`. Built-in ones know the formats of common vendors; your
    own go into the folder that BILLSTREAM_PROFILES_DIR names. No lake is needed.
    """


@app.command("list", epilog=examples("billstream profile list", "billstream profile list --json"))
def list_command(*, as_json: AsJson = False) -> None:
    """List all profiles, in order of precedence.

    On a terminal each profile has two lines; in a file or a pipe it is one line.
    """
    from billstream.cli.profiles import report
    from billstream.consumer.trial.bench import workbench
    from billstream.consumer.trial.catalogue import catalogue

    settings = _settings()
    with workbench(settings) as bench:
        found = catalogue(bench.profiles, settings.profiles_dir)
    report.listed(found, as_json=as_json)


@app.command(epilog=examples("billstream profile show focus"))
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a profile, e.g. focus.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show how a profile reads files.

    Shows when the profile fits a file, and the source of each column of `charges`.
    """
    from billstream.cli.profiles import report
    from billstream.consumer.trial.bench import workbench
    from billstream.consumer.trial.catalogue import catalogue, named

    settings = _settings()
    with workbench(settings) as bench:
        found = named(catalogue(bench.profiles, settings.profiles_dir), name)
    report.shown(found, as_json=as_json)


@app.command("test", epilog=examples("billstream profile test march.csv --key exports/march.csv"))
def examine(
    file: FileOrFolder,
    *,
    key: Annotated[
        str | None, typer.Option(help="The file's key in the bucket, e.g. exports/march.csv. Default: its path.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what loading a file would do.

    Shows the profile that is used and why, an example of each column, the totals, and the records that would be
    rejected; of a folder, what would become of each file. Nothing is loaded. The exit code is that of `load`: 1 if a
    file would not be loaded.
    """
    from billstream.cli.profiles import report
    from billstream.consumer.trial.bench import workbench
    from billstream.consumer.trial.loading import load_folder
    from billstream.consumer.trial.trial import try_file

    settings = _settings()
    if file.is_dir():
        if key is not None:
            raise Fatal("--key is the key of one file, and this is a folder. Leave it out, or name a file.")
        with workbench(settings) as bench:
            loading, files = load_folder(bench, file, settings)
        report.tried_folder(loading, files, as_json=as_json)
        raise typer.Exit(1 if loading.troubles else 0)
    path = _existing(file)
    with workbench(settings) as bench:
        trial = try_file(bench, path, str(path) if key is None else key)
    report.tried(trial, as_json=as_json)
    raise typer.Exit(0 if trial.refusal is None else 1)


@app.command(epilog=examples("billstream profile new march.csv --name acme > profiles/acme.toml"))
def new(
    file: File,
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the new profile, e.g. acme. Default: made from the file's name.")
    ] = None,
) -> None:
    """Propose a profile for a file.

    Prints the profile as TOML. Lines marked CHECK are guesses: read them before you use the profile.
    """
    from billstream.consumer.trial.bench import workbench
    from billstream.consumer.trial.proposal import propose

    path = _existing(file)
    with workbench(_settings()) as bench:
        sys.stdout.write(propose(bench, path, name))


def _settings() -> "Settings":
    """Return the settings of the environment, with logs set up; a trial's log is shown only to those who ask for it."""
    from billstream.common.runtime import configure_logs
    from billstream.common.settings import Settings

    settings = Settings.from_environment()
    quiet = {"log_level": "warning"} if settings.log_level == "info" else {}
    configure_logs(settings.model_copy(update=quiet))
    return settings


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise Fatal(f"There is no file {printable(str(file), None)}. Check the path.")
    path = file.resolve()
    # The path becomes the key that profiles match, and a key is text.
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise Fatal(f"The name of {printable(str(path), None)} is not UTF-8: rename the file.") from error
    return path
