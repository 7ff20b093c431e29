"""A cell traced down to the lines of files: what the consumer knows of it, and what the aggregator does."""

import json
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from billstream.aggregator.cells import cell_sums
from billstream.aggregator.watermark import read_watermark
from billstream.cli import wiring
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.tables import CHARGES
from billstream.common.settings import Settings
from billstream.consumer.events import FILE_BUCKET
from billstream.consumer.lineage import (
    Amount,
    Cell,
    FileReader,
    LoadedFile,
    Moved,
    Reading,
    amounts_at,
    loads_named,
    moved_by,
    set_of,
    shares_of,
)
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.objects import LocalObjects, ObjectStore


@dataclass(frozen=True)
class Aggregates:
    """What the aggregates have of a cell. `snapshot_id` is the one that they are at.

    `agree` is whether that is what the charges of the same snapshot add up to; None where it has expired.
    """

    snapshot_id: int
    amounts: tuple[Amount, ...]
    agree: bool | None


@dataclass(frozen=True)
class TracedLoad:
    """One load behind a cell: what it has of it, and the reading of its file; None where no lines were asked for.

    `set_aside` does not count, as a preferred export has the same charges.
    """

    file: LoadedFile
    amounts: tuple[Amount, ...]
    set_aside: tuple[Amount, ...]
    reading: Reading | None


@dataclass(frozen=True)
class Trace:
    """A cell at one snapshot: its amounts, what the aggregates have, and its loads, the largest first.

    `proven` is true if nothing that was compared differs, and every file that was to be read was read. `aggregates` is
    None before the first refresh.
    """

    cell: Cell
    snapshot_id: int
    proven: bool
    amounts: tuple[Amount, ...]
    aggregates: Aggregates | None
    loads: tuple[TracedLoad, ...]


@dataclass(frozen=True)
class Moves:
    """The loads that a name stands for, the newest first: `load_count` of them, with the numbers of some."""

    load_count: int
    loads: tuple[Moved, ...]


def trace(lake: Lake, settings: Settings, cell: Cell, most: int) -> Trace:
    """Trace a cell, with so many lines of each file at most; 0: no file is read.

    Raises:
        Retryable: the lake or a store does not answer.
        Fatal: the lake or a profile is not usable.
    """
    snapshot_id = lake.snapshot_id()
    amounts, shares = shares_of(lake, cell, snapshot_id)
    aggregates = _aggregates(lake, cell, snapshot_id)
    reader = _reader(lake, settings) if most and shares else None
    loads = tuple(
        TracedLoad(share.file, share.amounts, share.set_aside, reader.read(share, cell, most) if reader else None)
        for share in shares
    )
    agree = aggregates is None or aggregates.agree is not False
    proven = agree and all(load.reading is None or load.reading.proven for load in loads)
    return Trace(cell, snapshot_id, proven, tuple(amounts), aggregates, loads)


def trace_name(lake: Lake, name: str, most: int) -> Moves:
    """Return the loads that a name stands for, so many at most, with so many numbers of each.

    Raises:
        Fatal: there is none.
    """
    found = loads_named(lake, name)
    return Moves(len(found), tuple(moved_by(lake, found[: max(most, 1)], most)))


def json_schema() -> str:
    """Return the JSON Schema of what `--json` prints: `Trace` for a day, `Moves` for anything else."""
    adapter: TypeAdapter[Trace | Moves] = TypeAdapter(Trace | Moves)
    schema = adapter.json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1) + "\n"


def _aggregates(lake: Lake, cell: Cell, snapshot_id: int) -> Aggregates | None:
    watermark = read_watermark(lake, snapshot_id)
    if watermark is None:
        return None
    found = tuple(cell_sums(lake, cell.day, cell.where, snapshot_id))
    try:
        agree = set_of(found) == set_of(amounts_at(lake, cell, watermark.snapshot_id))
    except Fatal:  # the snapshot has expired; with the next refresh the two can be compared again
        return Aggregates(watermark.snapshot_id, found, None)
    return Aggregates(watermark.snapshot_id, found, agree)


def _reader(lake: Lake, settings: Settings) -> FileReader:
    columns = lake.columns_of_loads()

    @cache
    def bucket_store() -> ObjectStore:  # only where a file is in a bucket: it needs a region and credentials
        return wiring.objects(settings)

    return FileReader(
        objects=lambda bucket: LocalObjects() if bucket == FILE_BUCKET else bucket_store(),
        profiles=ProfileRegistry.load(settings.profiles_dir, columns=columns[CHARGES], others=columns),
        types=columns[CHARGES],
        engine=lake.computing_engine,
        spool=Spool(settings.spool),
        most_bytes=settings.batch_bytes,
    )
