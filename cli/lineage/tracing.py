"""A cell traced down to the lines of files: what the consumer knows of it, and what the aggregator does."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

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
    Share,
    amounts_at,
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
class Trace:
    """A cell: its amounts, what the aggregates have, and each load with the reading of its file.

    `aggregates` is None before the first refresh; a reading is None where no lines were asked for.
    """

    cell: Cell
    snapshot_id: int
    amounts: tuple[Amount, ...]
    aggregates: Aggregates | None
    files: tuple[tuple[Share, Reading | None], ...]

    @property
    def proven(self) -> bool:
        """True if nothing that was compared differs, and every file that was to be read was read."""
        agree = self.aggregates is None or self.aggregates.agree is not False
        return agree and all(reading is None or reading.proven for _, reading in self.files)

    def as_json(self) -> dict[str, Any]:
        """Return the trace as plain values."""
        return {
            "cell": {"day": self.cell.day, **self.cell.where},
            "snapshot_id": self.snapshot_id,
            "proven": self.proven,
            "amounts": [asdict(one) for one in self.amounts],
            "aggregates": asdict(self.aggregates) if self.aggregates else None,
            "loads": [
                {
                    **file_json(share.file),
                    "amounts": [asdict(one) for one in share.amounts],
                    "set_aside": [asdict(one) for one in share.set_aside],
                    "reading": {**asdict(reading), "records": reading.records} if reading else None,
                }
                for share, reading in self.files
            ],
        }


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
    files = tuple((share, reader.read(share, cell, most) if reader else None) for share in shares)
    return Trace(cell, snapshot_id, tuple(amounts), aggregates, files)


def moved_json(moved: Moved) -> dict[str, Any]:
    """Return the numbers that a load moved as plain values."""
    return {
        **file_json(moved.file),
        "first_day": moved.first_day,
        "last_day": moved.last_day,
        "totals": [asdict(one) for one in moved.totals],
        "number_count": moved.number_count,
        "numbers": [
            {"day": one.day, "service": one.service, "set_aside": one.set_aside, **asdict(one.amount)}
            for one in moved.numbers
        ],
    }


def file_json(file: LoadedFile) -> dict[str, Any]:
    """Return a load as plain values."""
    return {**asdict(file), "active": file.active}


def _aggregates(lake: Lake, cell: Cell, snapshot_id: int) -> Aggregates | None:
    watermark = read_watermark(lake, snapshot_id)
    if watermark is None:
        return None
    found = tuple(Amount(**asdict(one)) for one in cell_sums(lake, cell.day, cell.where, snapshot_id))
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
