"""The commands that save, restore and move a lake, every one thin."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.backups import KEEP
from billstream.cli.terminal import AsJson, examples

if TYPE_CHECKING:
    from billstream.common.settings import Settings

app = typer.Typer(rich_markup_mode=None)

Where = typer.Argument(metavar="PLACE", help="Folder or S3 prefix of the backups, e.g. s3://my-backups/billstream/.")


@app.command(
    "backup",
    epilog=examples("billstream backup /mnt/backups/billstream", "billstream backup s3://my-backups/billstream/"),
)
def backup_command(
    to: Annotated[str, Where],
    *,
    keep: Annotated[int, typer.Option(min=1, help="Backups that stay in the place, e.g. 30.")] = KEEP,
    as_json: AsJson = False,
) -> None:
    """Save the lake while it is in use.

    Saves the catalog of one moment and the data files that it names; data files that an earlier backup has copied are
    not copied again. The backup counts once its manifest is written, last of all: a backup that is ended early leaves
    the earlier ones as they are.
    """
    from billstream.backups.saving import save
    from billstream.cli import opening
    from billstream.cli.backup import report

    settings = opening.settings_with_logs()
    with report.counting("Copying files") as progress:
        saved = save(settings, to, keep=keep, progress=progress)
    report.saved(saved, as_json=as_json)


@app.command(
    "restore",
    epilog=examples(
        "billstream restore s3://my-backups/billstream/",
        "billstream restore /mnt/backups/billstream --to /tmp/trial",
    ),
)
def restore_command(
    source: Annotated[str, Where],
    *,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder for the lake, e.g. /tmp/trial. Default: what the settings name."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="Beginning of a backup's id, e.g. 20260331T. Default: the newest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup as a new lake, and verify it.

    The lake becomes that of BILLSTREAM_CATALOG and BILLSTREAM_DATA_PATH, or of the folder of --to; a lake that is
    there already is never overwritten. Exit code 1 if the proof finds a difference.
    """
    from billstream.backups.restoring import restore
    from billstream.cli import opening, verify, wiring
    from billstream.cli.backup import report
    from billstream.common.lake.migrations import newest
    from billstream.common.outputs import refuse_feedback

    settings = opening.settings_with_logs()
    if to is not None:
        settings = _in_folder(to)
    refuse_feedback(settings)
    with report.counting("Copying files") as progress:
        restored = restore(settings, source, at=at, progress=progress)
    if restored.manifest.schema_version < newest():
        report.restored(restored, None, as_json=as_json)
        return
    with opening.opened_lake(settings, read_only=True) as lake:
        found = verify.prove(lake, wiring.interest(settings))
    report.restored(restored, found, as_json=as_json)
    raise typer.Exit(0 if found.agrees else 1)


@app.command("relocate", epilog=examples("BILLSTREAM_DATA_PATH=s3://new-lake/data/ billstream relocate"))
def relocate_command() -> None:
    """Record that the lake's files were moved.

    Stop all other commands, move or copy all files of the data path, and set BILLSTREAM_DATA_PATH to the new folder or
    S3 prefix. Unless every file of the lake is there, nothing is changed.
    """
    from billstream.cli import opening
    from billstream.cli.backup import report
    from billstream.common import retries
    from billstream.common.lake.moved import record_moved_data
    from billstream.common.outputs import refuse_feedback

    settings = opening.settings_with_logs()
    refuse_feedback(settings)
    retries.patiently(lambda: record_moved_data(settings))
    report.relocated(settings)


def _in_folder(folder: Path) -> "Settings":
    """Return the settings of a lake in a folder, whatever the environment names."""
    from pydantic import SecretStr

    from billstream.common.settings import Settings

    place = folder.absolute()
    return Settings(home=place, catalog=SecretStr(f"{place}/catalog.sqlite"), data_path=f"{place}/data")
