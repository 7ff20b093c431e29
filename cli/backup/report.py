"""Show what was saved, restored and moved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from billstream.backups.manifest import Manifest
from billstream.backups.restoring import Restored
from billstream.backups.saving import Saved
from billstream.cli.terminal import progress, say, write_json
from billstream.cli.verify import Verification
from billstream.cli.verify import report as verify_report
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.settings import Settings
from billstream.common.texts import counted


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the number of files that are done."""
    with progress() as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.update(task, completed=count)


def saved(made: Saved, *, as_json: bool) -> None:
    """Show a backup that was made."""
    manifest = made.manifest
    if as_json:
        facts = {name: value for name, value in asdict(made).items() if name != "manifest"}
        write_json({**_facts(manifest), **facts})
        return
    say(f"backup {manifest.backup_id} at {made.location}", style="green")
    say(
        f"snapshot {manifest.snapshot_id}: {counted(len(manifest.files), 'data file')} and the catalog, "
        f"{manifest.size_bytes:,} bytes; {counted(made.copied_files, 'data file')} copied ({made.copied_bytes:,} bytes)"
    )
    if made.dropped:
        say(f"{counted(len(made.dropped), 'old backup')} removed: {', '.join(made.dropped)}")


def restored(made: Restored, proof: Verification | None, *, as_json: bool) -> None:
    """Show a restored lake with its proof; None for a lake that has to be migrated first."""
    manifest = made.manifest
    if as_json:
        facts = {"catalog": made.catalog, "data_path": made.data_path, "kept_files": made.kept_files}
        write_json({**_facts(manifest), **facts, "verification": proof.as_json() if proof else None})
        return
    say(f"lake at {made.catalog}, data in {made.data_path}, from backup {manifest.backup_id}")
    if proof:
        verify_report.verification(proof)
        say("What came since is still in the bucket. To load it, run: billstream sweep")
    else:
        say(
            f"It has the schema version {manifest.schema_version} of an older billstream. To migrate it and to prove "
            "it, run: billstream init, then billstream verify",
            style="yellow",
        )


def relocated(settings: Settings) -> None:
    """Show where the lake is now."""
    say(f"lake at {catalog_from_url(settings.catalog_url).description}, data in {settings.data_location}")


def _facts(manifest: Manifest) -> dict[str, Any]:
    files = {"files": len(manifest.files), "bytes": manifest.size_bytes}
    return {**manifest.model_dump(exclude={"files", "catalog", "format"}), **files}
