"""`billstream demo`, thin. Its code is loaded when it runs: no other command needs the samples or the emulator."""

from pathlib import Path
from typing import Annotated

import typer

from billstream.cli.terminal import console, examples

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("billstream demo", "billstream demo --input bills/ --keep"))
def demo(
    *,
    input_dir: Annotated[
        Path | None, typer.Option("--input", help="Folder of your own files, e.g. bills/. Default: sample files.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it running until Ctrl-C.")] = False,
    days: Annotated[int, typer.Option(help="Days of sample files, e.g. 30.", min=2, max=400)] = 90,
) -> None:
    """Show billstream at work on an emulated AWS.

    Starts an AWS emulator, a consumer and an aggregator on this machine, uploads billing files to S3, and compares what
    arrives in the lake with what was written into the files. No AWS account and no containers are needed. Exit code 1
    if anything differs.
    """
    from billstream.cli import opening
    from billstream.cli.demo.run import run_demo

    settings = opening.settings_with_logs()
    raise typer.Exit(run_demo(home=settings.home, console=console(), input_dir=input_dir, keep=keep, days=days))
