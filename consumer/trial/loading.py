"""Files loaded into the lake of a bench, the way `load` loads them: what it says of them is what `load` says."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from billstream.common.errors import Poison
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import Loading, find_files, load_files
from billstream.consumer.commit.ledger import EntryBuilder
from billstream.consumer.context import Context
from billstream.consumer.decode import Staging
from billstream.consumer.events import FILE_BUCKET, GONE, EventKind, Gone, ObjectEvent, ObjectVersion
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.layout import ManifestOf
from billstream.consumer.layouts.manifest import MAX_BYTES, Manifest, read_manifest
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.objects import Fetched, LocalObjects
from billstream.consumer.trial.bench import Bench


@dataclass(frozen=True)
class LoadedFile:
    """The end of one file: a state of the ledger, or `released` for one that is not processed."""

    key: str
    state: str
    profile: str | None = None
    rows_loaded: int = 0
    rows_rejected: int = 0
    reason: str | None = None


class KeyedFiles(LocalObjects):
    """Local files under the keys that they have in a bucket.

    Args:
        path: returns where the file with a key is.
    """

    def __init__(self, path: Callable[[str], str]) -> None:
        self._path = path

    def current(self, event: ObjectEvent) -> ObjectVersion | Gone:
        """See `ObjectStore`."""
        path = self._path(event.key)
        return super().current(replace(event, key=path)) if path else GONE

    def fetch(self, event: ObjectEvent, target: Path) -> Fetched:
        """See `ObjectStore`."""
        return super().fetch(replace(event, key=self._path(event.key)), target)


def load_manifest(bench: Bench, path: Path, key: str) -> LoadedFile:
    """Load the delivery of a manifest, with the parts beside it.

    Args:
        bench: its lake keeps what is loaded, until the bench is removed.
        path: the manifest.
        key: its key; parts are looked for where their keys put them, seen from the manifest.

    Raises:
        Retryable, Fatal: the fault is not in the files.
    """
    # As much of the path as the key names; the rest is where the bucket's copy begins.
    common = next(
        (n for n, (a, b) in enumerate(zip(reversed(str(path)), reversed(key), strict=False)) if a != b),
        min(len(key), len(str(path))),
    )
    below, root = key[: len(key) - common], str(path)[: len(str(path)) - common]

    def place(name: str) -> str:
        return f"{root}{name.removeprefix(below)}" if name.startswith(below) else ""

    event = ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=key, event_name="load")
    (outcome,) = _intake(bench, KeyedFiles(place)).process([event])
    return LoadedFile(key, outcome.label, None, outcome.rows_loaded, outcome.rows_rejected, outcome.reason)


def manifest_beside(bench: Bench, path: Path, key: str) -> Manifest | None:
    """Return the manifest that names a part, from the part's own folder or the one above; None if there is none."""
    own = key.rpartition("/")[0]
    for folder, above in ((path.parent, own), (path.parent.parent, own.rpartition("/")[0])):
        for file in sorted(folder.glob("*anifest.json")):
            name = f"{above}/{file.name}" if above else file.name
            role = bench.layouts.role(name)
            if not isinstance(role, ManifestOf) or file.stat().st_size > MAX_BYTES:
                continue
            with suppress(Poison):
                manifest = read_manifest(file.read_bytes(), name, role)
                if any(part.key == key for part in manifest.parts):
                    return manifest
    return None


def load_folder(bench: Bench, folder: Path, settings: Settings) -> tuple[Loading, Sequence[LoadedFile]]:
    """Load the files below a folder that `load` would load. Returns what it reports, and the end of each file.

    Raises:
        Retryable, Fatal: the fault is not in the files, or there are none.
    """
    files = find_files([folder], settings, bench.layouts)
    loading = load_files(files, _intake(bench, LocalObjects()), settings)
    rows = bench.lake.rows(
        "SELECT key, state, profile, rows_loaded, rows_rejected, reason FROM latest_entries "
        f"WHERE bucket = '{FILE_BUCKET}' ORDER BY key"
    )
    return loading, [LoadedFile(*row) for row in rows]


def _intake(bench: Bench, objects: LocalObjects) -> Intake:
    settings = bench.settings
    return Intake(
        Context(
            lake=bench.lake,
            objects=objects,
            profiles=bench.profiles,
            spool=Spool(bench.folder / "spool"),
            staging=Staging(bench.lake),
            entries=EntryBuilder("profile test"),
            layouts=bench.layouts,
            on_duplicate_content=settings.on_duplicate_content,
            group_files=settings.batch_files,
            group_bytes=settings.batch_bytes,
        )
    )
