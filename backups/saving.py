"""Make a backup: the catalog first, then the data files that it names, then the manifest.

Data files never change and are only ever added or removed. So the catalog of one moment, with the files that it names
copied afterwards, is the lake of that moment, whatever consumers commit meanwhile. Only a file that was removed in
between has to be noticed: then all of it begins again, with a newer catalog.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import duckdb
import structlog
from pydantic import TypeAdapter, ValidationError

from billstream import __version__
from billstream.backups import KEEP, postgres_tools
from billstream.backups.copying import GoneError, Progress, Wanted, Way, carry_all, unchanged
from billstream.backups.manifest import (
    CATALOGS,
    DATA,
    FORMAT,
    Kind,
    Manifest,
    SavedFile,
    backup_ids,
    manifest_name,
    new_backup_id,
    read_manifest,
    write_manifest,
)
from billstream.backups.places import Place, place_at
from billstream.backups.places.place import overlap, safe_name
from billstream.common.errors import CatalogUnavailable, DataDamaged, Misconfigured
from billstream.common.failpoints import failpoint
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.copying import CatalogFacts, copy_sqlite, exported_postgres
from billstream.common.lake.postgres_catalog import PostgresCatalog
from billstream.common.lake.sqlite_catalog import SqliteCatalog
from billstream.common.scratch import scratch_folder
from billstream.common.settings import Settings
from billstream.common.texts import counted

log = structlog.get_logger(__name__)

_NOTED = TypeAdapter(list[SavedFile])

ATTEMPTS = 5
MARKER = "billstream-backup.txt"
"""The file that makes a place one for backups; it has the id of the lake."""
NOTE = "progress.json"
NOTE_SECONDS = 30.0
"""Seconds between two notes of what was copied: a backup that was killed begins again from there."""


@dataclass(frozen=True)
class Saved:
    """A backup that was made: its manifest, the files that were copied for it, and the old backups it replaced."""

    manifest: Manifest
    location: str
    copied_files: int
    copied_bytes: int
    dropped: tuple[str, ...]


def save(settings: Settings, to: str, *, keep: int = KEEP, progress: Progress = lambda _: None) -> Saved:
    """Make a backup of the lake of the settings; consumers and aggregator may go on.

    Until its manifest is written, the backups that are there stay as they are.

    Args:
        settings: name the lake.
        to: a folder or an S3 prefix, with earlier backups of the same lake or empty.
        keep: the number of backups that stay, this one included.
        progress: called with the number of files that are in place.

    Raises:
        Misconfigured: there is no lake, the place cannot be used, or it has backups of another lake.
        DataDamaged: a data file of the lake is lost or damaged; run `billstream verify --repair`.
        Retryable: a service or a disk is away or full; the same again goes on from there.
    """
    source, target = place_at(settings.data_location), place_at(to)
    if overlap(source, target):
        raise Misconfigured(
            f"The backup {target.location} would lie in the lake's data path {source.location}, or that in it. Nothing "
            "was made. Name another folder or prefix, best on another disk or in another bucket."
        )
    with target.alone(), scratch_folder(settings.spool, "backup") as scratch:
        lake_id = _lake_of(target)
        before = next((read_manifest(target, backup_id) for backup_id in backup_ids(target)), None)
        known = _noted(target) | {file.name: file for file in (before.files if before else ())}
        gone: set[str] = set()
        for attempt in range(ATTEMPTS):
            copy = scratch / f"catalog-{attempt}"
            kind, facts = _copy_catalog(settings, copy)
            if facts.lake_id != lake_id:
                _mark(target, facts, lake_id)
                lake_id = facts.lake_id
            wanted = [Wanted(safe_name(file.name), file.size_bytes) for file in facts.files]
            try:
                files, copied = _copy_files(Way(source, target, target_below=DATA), wanted, known, progress)
            except GoneError as error:
                _refuse_lost(str(error), gone, source)
                log.info("backup_begun_again", file=str(error), reason="it was removed from the lake meanwhile")
                continue
            manifest = _complete(target, copy, kind, facts, files)
            log.info("backup_made", backup=manifest.backup_id, snapshot=facts.snapshot_id, files=len(files))
            dropped = _drop_old(target, manifest, keep)
            return Saved(manifest, target.location, len(copied), sum(file.size_bytes for file in copied), dropped)
    raise CatalogUnavailable(
        f"Files of the lake were removed {ATTEMPTS} times while they were copied; the earlier backups stay as they "
        "are. Make the backup when no upkeep runs."
    )


def _copy_catalog(settings: Settings, target: Path) -> tuple[Kind, CatalogFacts]:
    """Copy the catalog of this moment into a file. Return its kind, and what it tells."""
    catalog = catalog_from_url(settings.catalog_url)
    if isinstance(catalog, PostgresCatalog):
        with exported_postgres(settings, catalog) as (snapshot, facts):
            postgres_tools.dump(catalog.url, snapshot, target)
        return "postgres", facts
    if isinstance(catalog, SqliteCatalog):
        return "sqlite", copy_sqlite(settings, catalog, target)
    raise NotImplementedError(catalog.description)


def _copy_files(
    way: Way, wanted: Sequence[Wanted], known: Mapping[str, SavedFile], progress: Progress
) -> tuple[list[SavedFile], list[SavedFile]]:
    """Copy what is not there yet. Return all files, and those that were copied."""
    done = unchanged(wanted, known, _there(way))
    missing = [file for file in wanted if file.name not in done]
    with failpoint("backup_files"):
        carry_all(way, missing, done, _noting(way.target, done), progress)
    # All of them once more: somebody may have tidied up in the place of the backup meanwhile.
    there = _there(way)
    if lost := [file.name for file in wanted if there.get(file.name) != file.size_bytes]:
        raise Misconfigured(
            f"{counted(len(lost), 'file')} that were copied are not at {way.target.location}{DATA} any more, such as "
            f"{lost[0]}: something else removes files there. The backup was not finished, and earlier ones there may "
            "be damaged. Make it in a place of its own."
        )
    return [done[file.name] for file in wanted], [done[file.name] for file in missing]


def _there(way: Way) -> dict[str, int]:
    return {name.removeprefix(DATA): size for name, size in way.target.sizes(DATA).items()}


def _complete(target: Place, copy: Path, kind: Kind, facts: CatalogFacts, files: Sequence[SavedFile]) -> Manifest:
    """Store the catalog, then the manifest, which makes the backup one."""
    now = datetime.now(UTC)
    backup_id = new_backup_id(now)
    with failpoint("backup_catalog"):
        name = f"{CATALOGS}{backup_id}.{'sqlite' if kind == 'sqlite' else 'dump'}"
        saved = Way(place_at(str(copy.parent)), target).carry(Wanted(copy.name, copy.stat().st_size), to=name)
    manifest = Manifest(
        format=FORMAT,
        backup_id=backup_id,
        made_at=now,
        billstream_version=__version__,
        duckdb_version=duckdb.__version__,
        ducklake_format=facts.ducklake_format,
        schema_version=facts.schema_version,
        lake_id=facts.lake_id,
        snapshot_id=facts.snapshot_id,
        data_path=facts.data_path,
        catalog_kind=kind,
        catalog=saved,
        files=tuple(files),
    )
    with failpoint("backup_manifest"):
        write_manifest(target, manifest)
    target.remove(NOTE)
    return manifest


def _drop_old(target: Place, newest: Manifest, keep: int) -> tuple[str, ...]:
    """Remove the oldest backups beyond `keep`, and what belongs to no other. Return their ids.

    The manifest of a backup goes first: what is left when this is killed is no backup, and the next backup removes it.
    The whole place is ours: see `_mark`.
    """
    kept, dropped = [newest], []
    others = [backup_id for backup_id in backup_ids(target) if backup_id != newest.backup_id]
    try:
        kept += [read_manifest(target, backup_id) for backup_id in others[: keep - 1]]
    except Misconfigured as error:  # the new backup is whole; what an unreadable one needs is not known
        log.warning("old_backups_kept", reason=str(error))
        return ()
    for backup_id in others[keep - 1 :]:
        with failpoint("backup_drop"):
            target.remove(manifest_name(backup_id))
        dropped.append(backup_id)
    needed = {name for manifest in kept for name in manifest.names}
    for below in (CATALOGS, DATA):
        for name in target.sizes(below):
            if name not in needed:
                target.remove(name)
    target.tidy()
    return tuple(dropped)


# -- what a killed backup leaves -----------------------------------------------------------------------------


def _noting(target: Place, done: Mapping[str, SavedFile]) -> Callable[[], None]:
    """Return a function that notes, now and then, what was copied."""
    noted_at = time.monotonic()

    def often() -> None:
        nonlocal noted_at
        if time.monotonic() - noted_at >= NOTE_SECONDS:
            target.store(NOTE, BytesIO(_NOTED.dump_json(list(done.values()))))
            noted_at = time.monotonic()

    return often


def _noted(target: Place) -> dict[str, SavedFile]:
    try:
        with target.open(NOTE) as stream:
            return {file.name: file for file in _NOTED.validate_json(stream.read())}
    except (FileNotFoundError, ValidationError):  # without it, files are copied once more
        return {}


# -- refusals ------------------------------------------------------------------------------------------------


def _lake_of(target: Place) -> str | None:
    """Return the id of the lake that a place belongs to, None for a new place."""
    try:
        with target.open(MARKER) as stream:
            return stream.read().decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None


def _mark(target: Place, facts: CatalogFacts, marked: str | None) -> None:
    """Make a new place that of this lake: from then on everything below it is ours, and may be removed by us.

    Raises:
        Misconfigured: it is that of another lake, or it has files of others.
    """
    if marked is not None:
        raise Misconfigured(
            f"{target.location} has backups of another lake. Nothing was changed. Name another folder or prefix: each "
            "lake has its own."
        )
    if target.sizes():
        raise Misconfigured(
            f"{target.location} has files, and none of them is a backup of billstream. Nothing was changed. Name an "
            "empty folder or prefix, as old backups are removed from it."
        )
    target.store(MARKER, BytesIO(f"{facts.lake_id}\n".encode()))


def _refuse_lost(name: str, gone: set[str], source: Place) -> None:
    """Raise for a file that a newer catalog names as well: nobody has removed it on purpose."""
    if name in gone:
        raise DataDamaged(
            f"The lake's data file {source.location}{name} is lost, so no backup was made; the earlier ones stay as "
            "they are. Run `billstream verify --repair`, then make the backup."
        )
    gone.add(name)
