"""Show what maintenance did, or would do."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, assert_never

from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.maintenance.plan import first_needed
from billstream.maintenance.upkeep import Report
from billstream.maintenance.values import CleanUp, Expire, Facts, Flush, Forget, Merge, Renew, Step


def maintained(report: Report, *, as_json: bool) -> None:
    """Show what a run did."""
    if as_json:
        done = [{**_step(one.step), "changed": one.changed, "seconds": one.seconds} for one in report.done]
        failed = [{**_step(one.step), "reason": one.reason} for one in report.failed]
        write_json(
            {
                "before": _facts(report.before),
                "after": _facts(report.after),
                "done": done,
                "failed": failed,
                "another_at_work": report.refused,
                "options_restored": report.options_restored,
            }
        )
        return
    for one in report.done:
        say(f"{_words(one.step)}: {one.changed:,} in {one.seconds:,.1f} s")
    for left in report.failed:
        say(f"{_words(left.step)}: left for a later run. {left.reason}", style="red")
    if report.refused:
        say("Another maintenance of this lake is at work; the rest is left to it.")
    if not report.done and not report.failed and not report.refused:
        say("Nothing is due.")
    _state(report.after)


def foreseen(facts: Facts, steps: Sequence[Step], *, as_json: bool) -> None:
    """Show what a run would begin with."""
    if as_json:
        write_json({"facts": _facts(facts), "steps": [_step(step) for step in steps]})
        return
    for step in steps:
        say(f"Would: {_words(step)}")
    if not steps:
        say("Nothing is due.")
    _state(facts)


def orphans(paths: Sequence[str], *, removed: bool, as_json: bool) -> None:
    """Show the files that the catalog does not know."""
    if as_json:
        write_json({"files": list(paths), "removed": removed})
        return
    for path in paths:
        say(path)
    if removed:
        say(f"{len(paths):,} files removed.")
    else:
        say(f"{len(paths):,} files are unknown to the catalog. `billstream maintain --remove-orphans` removes them.")


def _state(facts: Facts) -> None:
    rows = table()
    add_row(rows, "data files", f"{facts.files:,} with {facts.file_bytes:,} bytes")
    add_row(rows, "files to remove", f"{facts.files_to_remove:,} now, {facts.files_waiting:,} later")
    add_row(rows, "snapshots", f"{facts.snapshots:,}, from {facts.oldest_snapshot} to {facts.newest_snapshot}")
    out.print(rows)


def _facts(facts: Facts) -> dict[str, Any]:
    found = asdict(facts)
    del found["small_files"], found["worn_files"], found["inlined"]
    return {
        **found,
        "first_snapshot_needed": first_needed(facts),
        "files_that_may_be_merged": len(facts.small_files),
        "files_with_deleted_rows": len(facts.worn_files),
        "inlined_rows": sum(rows.live for rows in facts.inlined),
    }


def _step(step: Step) -> dict[str, Any]:
    return {"step": type(step).__name__.lower(), **asdict(step)}


def _words(step: Step) -> str:
    match step:
        case Flush():
            return f"write {step.rows:,} rows of {step.table} from the catalog to a file"
        case Merge():
            return f"merge {step.files:,} files of {step.table} below {step.below:,} bytes"
        case Renew():
            files = f"{len(step.file_ids):,} files of {step.table} without their deleted rows"
            return f"write {files}: {step.rows:,} rows of about {step.size_bytes:,} bytes"
        case Expire():
            return f"expire snapshots before {step.before}, {step.at_most:,} at most"
        case Forget():
            return f"remove {step.rows:,} deleted rows of {step.table} from the catalog"
        case CleanUp():
            return f"remove {step.files:,} files that no snapshot needs"
        case _:
            assert_never(step)
