"""`billstream doctor`, thin."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from billstream.cli.doctor.check import Check, Verdict, worst
from billstream.cli.terminal import AsJson, examples, out, plain, printable, say, write_json
from billstream.common.exits import ExitCode
from billstream.common.values import LogLevel

app = typer.Typer(rich_markup_mode=None)

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red", Verdict.UNKNOWN: "yellow"}


@app.command("doctor", epilog=examples("billstream doctor", "billstream doctor --output report.json"))
def doctor_command(
    *,
    output: Annotated[
        Path | None, typer.Option(help="File for the report as JSON, e.g. report.json. Default: none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check everything, for an operator or support.

    Checks versions, settings, folders and disks, lake, ledger, quarantine, aggregates, insights, queue, buckets and
    clock, and says what to do. The report has no secrets, and nothing is changed. Exit code 1 if a check fails.
    """
    from billstream.cli.doctor.examination import examine
    from billstream.common.runtime import configure_logs
    from billstream.common.settings import Settings

    configure_logs(Settings.model_construct(log_level=LogLevel.ERROR))  # the report says it all
    checks = examine()
    report = {
        "made_at": datetime.now(UTC),
        "verdict": worst(checks).value,
        "checks": [asdict(check) for check in checks],
    }
    if output is not None:
        _write(output, report)
    if as_json:
        write_json(report)
    else:
        _show(checks)
        if output is not None:
            say(f"The report is in {output}.")
    raise typer.Exit(ExitCode.TROUBLE if worst(checks) is Verdict.FAIL else ExitCode.OK)


def _show(checks: list[Check]) -> None:
    for check in checks:
        out.print(f"{check.verdict.value:<8}", style=_STYLES[check.verdict], end="", markup=False)
        say(f"{check.name}: {printable(check.found, 1000)}")
        if check.advice:
            say(f"        {printable(check.advice, 1000)}")


def _write(path: Path, report: dict[str, Any]) -> None:
    from billstream.common.places import usable

    with usable(path, "the report", None):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(plain(report), file, ensure_ascii=False, indent=1)
