"""Restore a backup: the data files first, then the catalog with their new place, which makes it a lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import SecretStr

from billstream.backups import postgres_tools
from billstream.backups.copying import GoneError, Progress, Wanted, Way, carry_all
from billstream.backups.manifest import DATA, Manifest, SavedFile, backup_ids, read_manifest, refuse_newer
from billstream.backups.places import Place, place_at
from billstream.backups.places.place import overlap
from billstream.common.errors import DataDamaged, Misconfigured
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.lake.catalog import Catalog
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.moved import record_moved_data
from billstream.common.lake.postgres_catalog import PostgresCatalog
from billstream.common.lake.sqlite_catalog import SqliteCatalog
from billstream.common.scratch import scratch_folder
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)

_WORDS = {"sqlite": "an SQLite file", "postgres": "a PostgreSQL database"}
_NAMED = 3  # files that an error names


@dataclass(frozen=True)
class Restored:
    """A lake that was restored: from which backup, and where it is now. `kept_files` were there already."""

    manifest: Manifest
    catalog: str
    data_path: str
    kept_files: int


def restore(settings: Settings, source: str, *, at: str | None = None, progress: Progress = lambda _: None) -> Restored:
    """Restore a backup as the lake of the settings. Nothing that is there is overwritten.

    Args:
        settings: name the new lake; there must be none yet. Data files that are there already, in their sizes, are
            taken as they are: a restore that was ended early goes on, and a lost catalog comes back to its data.
        source: a folder or an S3 prefix with backups.
        at: the beginning of the id of a backup; default: the newest.
        progress: called with the number of files that are in place.

    Raises:
        Misconfigured: there is a lake, or no such backup, or it does not fit; nothing was changed.
        DataDamaged: a file of the backup is lost or damaged; there is no lake then.
        Retryable: a service or a disk is away or full; the same again goes on from there.
    """
    place, data = place_at(source), place_at(settings.data_location)
    manifest = _chosen(place, at)
    catalog = catalog_from_url(settings.catalog_url)
    refuse_newer(manifest)
    _refuse_kind(manifest, catalog)
    _refuse_lake(catalog)
    if overlap(place, data):
        raise Misconfigured(
            f"The data path {data.location} lies in the backup {place.location}, or that in it. Nothing was changed. "
            "Set BILLSTREAM_DATA_PATH to another place."
        )
    there = data.sizes()
    _refuse_others(manifest, there, data)
    wanted = [Wanted(file.name, file.size_bytes, file.sha256) for file in manifest.files if file.name not in there]
    try:
        with failpoint("restore_files"):
            kept: dict[str, SavedFile] = {file.name: file for file in manifest.files if file.name in there}
            carry_all(Way(place, data, source_below=DATA), wanted, kept, lambda: None, progress)
        with scratch_folder(settings.spool, "restore") as scratch:
            name = manifest.catalog.name
            saved = Wanted(name, manifest.catalog.size_bytes, manifest.catalog.sha256)
            Way(place, place_at(str(scratch))).carry(saved, to="catalog")
            _put_catalog(settings, catalog, scratch / "catalog")
        data.tidy()
    except GoneError as error:
        raise DataDamaged(
            f"The backup {manifest.backup_id} at {place.location} has no file {error} any more. There is no lake yet. "
            "Restore another backup (`billstream restore --at`)."
        ) from error
    log.info("backup_restored", backup=manifest.backup_id, catalog=catalog.description, data_path=data.location)
    return Restored(manifest, catalog.description, data.location, len(manifest.files) - len(wanted))


def _put_catalog(settings: Settings, catalog: Catalog, copy: Path) -> None:
    """Put the catalog where it belongs, with the new data path in it."""
    if isinstance(catalog, PostgresCatalog):
        with failpoint("restore_catalog"):
            postgres_tools.load(catalog.url, copy)
        record_moved_data(settings)
        return
    if not isinstance(catalog, SqliteCatalog):
        raise NotImplementedError(catalog.description)
    # Beside its place, and under its name only when it is whole: a catalog that is there is a lake.
    catalog.make_room()
    part = catalog.path.with_name(f".restored-{new_id()}")
    lock = part.with_name(f"{part.name}.lock")
    try:
        Way(place_at(str(copy.parent)), place_at(str(part.parent))).carry(
            Wanted(copy.name, copy.stat().st_size), to=part.name
        )
        record_moved_data(with_catalog(settings, str(part.absolute())))
        with failpoint("restore_catalog"):
            _refuse_lake(catalog)
            part.rename(catalog.path)
    finally:
        for leftover in (part, lock, *part.parent.glob(f"{part.name}-*")):
            leftover.unlink(missing_ok=True)


def with_catalog(settings: Settings, catalog: str) -> Settings:
    """Return the settings with another catalog."""
    # A copy keeps what was computed before, so both are given.
    return settings.model_copy(update={"catalog": SecretStr(catalog), "catalog_url": catalog})


def _chosen(place: Place, at: str | None) -> Manifest:
    ids = backup_ids(place)
    if not ids:
        raise Misconfigured(
            f"There is no complete backup at {place.location}. Nothing was changed. Name the folder or prefix that "
            "`billstream backup` was given."
        )
    found = [backup_id for backup_id in ids if backup_id.startswith(at)] if at else ids[:1]
    if len(found) != 1:
        raise Misconfigured(
            f"{len(found) or 'No'} backups at {place.location} have ids that begin with {at!r}. Nothing was changed. "
            f"There are: {', '.join(ids)}."
        )
    return read_manifest(place, found[0])


# -- refusals ------------------------------------------------------------------------------------------------


def _refuse_kind(manifest: Manifest, catalog: Catalog) -> None:
    kind = "postgres" if isinstance(catalog, PostgresCatalog) else "sqlite"
    if manifest.catalog_kind != kind:
        raise Misconfigured(
            f"The backup {manifest.backup_id} has a catalog of {_WORDS[manifest.catalog_kind]}, and BILLSTREAM_CATALOG "
            f"names {_WORDS[kind]}. Nothing was changed. Set BILLSTREAM_CATALOG to {_WORDS[manifest.catalog_kind]}."
        )


def _refuse_lake(catalog: Catalog) -> None:
    exists = postgres_tools.has_lake(catalog.url) if isinstance(catalog, PostgresCatalog) else catalog.exists()
    if exists:
        raise Misconfigured(
            f"There is a lake at {catalog.description} already. Nothing was changed: a restore overwrites none. Set "
            "BILLSTREAM_CATALOG (or BILLSTREAM_HOME) to a new place, or move the old catalog away."
        )


def _refuse_others(manifest: Manifest, there: Mapping[str, int], data: Place) -> None:
    """Refuse a data path with a file of the same name and another size: it is no copy of what was saved."""
    others = [file.name for file in manifest.files if there.get(file.name, file.size_bytes) != file.size_bytes]
    if others:
        raise Misconfigured(
            f"{data.location} has {len(others)} files of other sizes than the backup has them, such as "
            f"{', '.join(others[:_NAMED])}. Nothing was changed. Move them away, or set BILLSTREAM_DATA_PATH to an "
            "empty place."
        )
