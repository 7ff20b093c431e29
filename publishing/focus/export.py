"""`billstream export focus`: the charges of a lake, as of one snapshot, as FOCUS files month by month."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import structlog

from billstream import __version__
from billstream.common.errors import Fatal, Misconfigured
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.lake.reader import SnapshotReader
from billstream.common.lake.tables import CHARGES
from billstream.common.statements import statement
from billstream.publishing.focus.columns import FileFormat, select_list
from billstream.publishing.focus.files import BATCH_ROWS, WrittenFile, write_files
from billstream.publishing.focus.folder import ExportFolder
from billstream.publishing.focus.manifest import ExportedFile, ExportManifest, sums_of
from billstream.publishing.focus.months import Month, months_of
from billstream.publishing.focus.versions import FocusVersion

_NEVER = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be exported.

    Args:
        version: the version of FOCUS.
        form: of the files.
        folder: where to.
        months: first days of the months; none: those that have charges, and those that an earlier export left in the
            folder and that have none any more.
    """

    version: FocusVersion
    form: FileFormat
    folder: Path
    months: tuple[date, ...] = ()


@dataclass(frozen=True)
class Foreseen:
    """What an export would write: months of one snapshot."""

    snapshot_id: int
    months: tuple[Month, ...]


def foresee(lake: Lake, order: Order) -> Foreseen:
    """Return what an export would write now; nothing is written.

    Raises:
        Retryable, Fatal: the lake or the folder cannot be read.
    """
    _refuse_data_path(lake, order.folder)
    with lake.one_snapshot() as snapshot:
        return Foreseen(snapshot.snapshot_id, tuple(_wanted(snapshot, order, ExportFolder(order.folder).months())))


def export(
    lake: Lake,
    order: Order,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[int], None] = lambda _: None,
) -> list[ExportManifest]:
    """Write the months of an order, each as a whole: its files, then its manifest, then earlier files go.

    What ends it early leaves, of each month, the earlier export or the new one.

    Args:
        lake: has the charges; all months are of one snapshot of it.
        order: what is to be written, and where.
        clock: tells the time of each month's export, by which a later one replaces it where it is loaded.
        progress: called with the number of months that are done.

    Returns:
        The manifests that were written.

    Raises:
        Retryable: the lake does not answer, or the disk is full; what was written stays.
        Fatal: the folder cannot be used, or what was written is not what was counted.
    """
    _refuse_data_path(lake, order.folder)
    folder, done = ExportFolder(order.folder), list[ExportManifest]()
    with folder.alone():
        before = folder.months()
        with lake.one_snapshot() as snapshot:
            types = snapshot.columns(CHARGES)
            for month in _wanted(snapshot, order, before):
                # Later than the export before, whatever the clock says: who loads the two goes by their times.
                now = max(clock(), before.get(month.name, _NEVER) + timedelta(milliseconds=1))
                done.append(_export_month(snapshot, types, month, order, folder, now))
                progress(len(done))
    return done


def _refuse_data_path(lake: Lake, folder: Path) -> None:
    """Refuse a folder among the lake's own files, where upkeep would take the export for what a crash has left.

    Raises:
        Misconfigured: see above; nothing was written.
    """
    if not lake.data_path.startswith("s3://") and folder.resolve().is_relative_to(Path(lake.data_path).resolve()):
        raise Misconfigured(
            f"{folder} is in the data path of the lake, {lake.data_path}: files of an export are none of its own. "
            "Nothing was written. Name another folder with --to."
        )


def _wanted(snapshot: SnapshotReader, order: Order, before: Iterable[str]) -> list[Month]:
    """Return the months of an order; one without charges has no rows."""
    there = {month.first_day: month for month in months_of(snapshot, order.version)}
    wanted: Sequence[date] = order.months or [*there, *(date.fromisoformat(f"{month}-01") for month in before)]
    return [there.get(first_day) or Month(first_day) for first_day in sorted(set(wanted))]


def _export_month(
    snapshot: SnapshotReader,
    types: dict[str, str],
    month: Month,
    order: Order,
    folder: ExportFolder,
    now: datetime,
) -> ExportManifest:
    names = order.version.names(types)
    sql = statement(__name__, "rows", columns=select_list(names, types, order.form))
    delivery = folder.new_delivery(month.name, now)
    try:
        with failpoint("export files"):
            bounds = [month.first_day, month.first_start, month.last_start]
            schema, batches = snapshot.batches(sql, bounds, rows=BATCH_ROWS)
            files = write_files(batches, schema, delivery, order.form)
        _check(files, month)
        manifest = ExportManifest(
            focus_version=order.version.version,
            billstream_version=__version__,
            billing_period=month.name,
            snapshot_id=snapshot.snapshot_id,
            created_at=now,
            rows=month.rows,
            sums=sums_of(month),
            rows_without_value=month.missing,
            columns=tuple(names),
            files=tuple(_named(file, delivery, folder) for file in files),
        )
        with failpoint("export manifest"):
            folder.publish(manifest)
    except BaseException:
        if not folder.is_published(delivery):  # an error behind the renaming of the manifest leaves files that it names
            folder.discard(delivery)
        raise
    with failpoint("export tidy"):
        folder.tidy(month.name, keep=delivery)
    log.info("month_exported", month=month.name, rows=month.rows, files=len(files), snapshot=snapshot.snapshot_id)
    return manifest


def _check(files: Sequence[WrittenFile], month: Month) -> None:
    if (written := sum(file.rows for file in files)) != month.rows:
        raise Fatal(
            f"{written:,} rows of {month.name} were written, and {month.rows:,} were counted in the same snapshot: a "
            "bug. The earlier export of the month stays as it is."
        )


def _named(file: WrittenFile, delivery: Path, folder: ExportFolder) -> ExportedFile:
    path = (delivery / file.name).relative_to(folder.folder).as_posix()
    return ExportedFile(path=path, rows=file.rows, bytes=file.size_bytes, sha256=file.sha256)
