"""The manifest of a backup: what belongs to it, and by which versions it was made. It has no secrets."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from billstream.backups.places import Place
from billstream.backups.places.place import safe_name
from billstream.common.errors import Misconfigured
from billstream.common.ids import new_id
from billstream.common.lake.migrations import newest

FORMAT = 1
MANIFESTS, CATALOGS, DATA = "manifests/", "catalogs/", "data/"
_MANIFEST = re.compile(rf"{MANIFESTS}(\d{{8}}T\d{{6}}\.\d{{6}}Z-[0-9a-f]{{8}})\.json")

Kind = Literal["sqlite", "postgres"]
"""The kind of a catalog."""

_Name = Annotated[str, AfterValidator(safe_name)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SavedFile(_Frozen):
    """One file: its name under `data/`, or that of the catalog in the backup; its size; its SHA-256."""

    name: _Name
    size_bytes: Annotated[int, Field(ge=0)]
    sha256: _Sha256


class Manifest(_Frozen):
    """One backup of one lake.

    `lake_id` stays the same for the life of a lake, whatever its place. `snapshot_id` is the newest snapshot in it.
    """

    format: int
    backup_id: Annotated[str, Field(pattern=r"^\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}$")]
    made_at: datetime
    billstream_version: str
    duckdb_version: str
    ducklake_format: str
    schema_version: int
    lake_id: str
    snapshot_id: int
    data_path: str
    catalog_kind: Kind
    catalog: SavedFile
    files: tuple[SavedFile, ...]

    @property
    def size_bytes(self) -> int:
        """Return the bytes of the data files and the catalog."""
        return self.catalog.size_bytes + sum(file.size_bytes for file in self.files)

    @property
    def names(self) -> Iterator[str]:
        """Yield the names of everything but the manifest itself, in the place of the backup."""
        yield self.catalog.name
        yield from (f"{DATA}{file.name}" for file in self.files)


def new_backup_id(now: datetime) -> str:
    """Return a name for a backup; later ones sort behind it."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{new_id()[-8:]}"


def backup_ids(place: Place) -> list[str]:
    """Return the ids of the complete backups in a place, the newest first."""
    found = (_MANIFEST.fullmatch(name) for name in place.sizes(MANIFESTS))
    return sorted((match[1] for match in found if match), reverse=True)


def read_manifest(place: Place, backup_id: str) -> Manifest:
    """Read a manifest. It was written by others, so nothing in it is believed unseen.

    Raises:
        Misconfigured: it cannot be read, it was made by a newer billstream, or it names files outside of a backup.
    """
    name = manifest_name(backup_id)
    where = f"The manifest {place.location}{name}"
    try:
        with place.open(name) as stream:
            given = json.loads(stream.read())
        if isinstance(given, dict) and isinstance(given.get("format"), int) and given["format"] > FORMAT:
            raise Misconfigured(
                f"{where} has format {given['format']}; this billstream reads formats up to {FORMAT}. Nothing was "
                "changed. Use the version of billstream that made the backup, or a newer one."
            )
        return Manifest.model_validate(given)
    except FileNotFoundError as error:
        raise Misconfigured(f"{where} is gone. Nothing was changed.") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise Misconfigured(
        f"{where} is damaged ({reason}). Nothing was changed. Use another backup (`billstream restore --at`), or move "
        "this manifest away."
    )


def write_manifest(place: Place, manifest: Manifest) -> None:
    """Write a manifest, which makes its backup a backup."""
    place.store(manifest_name(manifest.backup_id), BytesIO(manifest.model_dump_json(indent=1).encode()))


def manifest_name(backup_id: str) -> str:
    """Return the name of a manifest in its place."""
    return f"{MANIFESTS}{backup_id}.json"


def refuse_newer(manifest: Manifest) -> None:
    """Refuse a backup that this code cannot have written or migrated.

    Raises:
        Misconfigured: its schema is newer than this code.
    """
    if manifest.schema_version > newest():
        raise Misconfigured(
            f"The backup {manifest.backup_id} has schema version {manifest.schema_version}, made by billstream "
            f"{manifest.billstream_version}; this billstream knows versions up to {newest()}. Nothing was changed. "
            "Upgrade billstream, or restore an older backup (`billstream restore --at`)."
        )
