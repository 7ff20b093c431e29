"""The change of one Iceberg table: whole days are replaced, in one snapshot of the table that carries the watermark."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, Not
from pyiceberg.expressions.parser import parse
from pyiceberg.io.pyarrow import ArrowScan, write_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import FileScanTask, WriteTask
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Operation, Snapshot
from pyiceberg.table.update.snapshot import ManageSnapshots
from pyiceberg.types import DateType

from billstream.common.failpoints import failpoint
from billstream.common.statements import statement
from billstream.publishing.days import Piece
from billstream.publishing.iceberg.layout import value_of
from billstream.publishing.iceberg.marks import properties_of
from billstream.publishing.iceberg.orphans import write_id_of
from billstream.publishing.iceberg.overwrite import Overwrite
from billstream.publishing.tables import DAY, Table
from billstream.publishing.watermark import Watermark

FILE_BYTES = 64 * 1024 * 1024
"""Rows of so many bytes in memory become one data file, of about a tenth on disk."""

SMALL_FILE_BYTES = 1024 * 1024
"""A data file below this is written anew together with others of its month, whenever days of the month change."""

_BATCH_ROWS = 10_000
_EPOCH = date(1970, 1, 1)


class TableChange:
    """Days to replace in one table. Data files are written at once, and belong to the table when `commit` returns.

    Args:
        table: as it is now.
        base: the snapshot whose rows are gone on from; None for an empty table.
        engine: a DuckDB for reading staged files.
    """

    def __init__(self, table: IcebergTable, base: Snapshot | None, engine: duckdb.DuckDBPyConnection) -> None:
        self._table, self._base, self._engine = table, base, engine
        self._removed: dict[str, DataFile] = {}
        self._added: list[DataFile] = []
        self._write_id, self._numbers = write_id_of(table), count()
        self._may_be_committed = False

    def clear(self, piece: Piece | None) -> None:
        """Take out the rows of a piece, or all rows. Files that have rows of other days as well are written anew."""
        if piece is None:
            self._removed.update((task.file.file_path, task.file) for task in self._tasks(AlwaysTrue()))
            return
        of_days = _of_days(piece)
        kept: list[FileScanTask] = []
        for task in self._tasks(_of_month(piece)):
            file, days = task.file, self._days_of(task.file)
            has_some = days is None or piece.days is None or not days.isdisjoint(piece.days)
            if not has_some and file.file_size_in_bytes >= SMALL_FILE_BYTES:
                continue
            self._removed[file.file_path] = file
            if piece.days is not None and (days is None or not days <= set(piece.days)):
                kept.append(task)
        self._write(piece, self._rows(kept, Not(of_days)))

    def add(self, table: Table, piece: Piece, path: Path) -> int:
        """Add the rows of a staged file, and return their number."""
        columns = ", ".join(value_of(column) for column in table.copied)
        found = self._engine.execute(statement(__name__, "staged", columns=columns, day=DAY), [str(path)])
        return self._write(piece, found.to_arrow_reader(_BATCH_ROWS))

    def commit(self, mark: Watermark) -> None:
        """Make the change, and move the table's watermark, in one commit.

        Raises:
            CommitFailedException: somebody else has changed the table; it stays as it is.
        """
        properties = properties_of(mark)
        transaction = self._table.transaction()
        if self._base != self._table.current_snapshot() and self._base is not None:
            # What a dead process has committed to this table is left behind, in the commit that replaces it.
            ManageSnapshots(transaction).set_current_snapshot(self._base.snapshot_id).commit()
        transaction.set_properties(properties)
        replacing = Overwrite(
            Operation.OVERWRITE if self._base else Operation.APPEND,
            transaction,
            self._table.io,
            commit_uuid=self._write_id,
            snapshot_properties=properties,
        )
        for file in self._removed.values():
            replacing.delete_data_file(file)
        for file in self._added:
            replacing.append_data_file(file)
        replacing.commit()
        self._may_be_committed = True
        try:
            with failpoint("publish commit"):
                transaction.commit_transaction()
        except CommitFailedException:
            self._may_be_committed = False
            raise

    def discard(self) -> None:
        """Remove the data files of a change that was not committed, as far as the storage lets it.

        Where nobody knows the outcome of the commit, they stay: the table may have them.
        """
        for file in () if self._may_be_committed else self._added:
            with suppress(OSError):
                self._table.io.delete(file.file_path)

    def _tasks(self, which: BooleanExpression) -> list[FileScanTask]:
        if self._base is None:
            return []
        scan = self._table.scan(row_filter=which, snapshot_id=self._base.snapshot_id)
        return [task for task in scan.plan_files() if isinstance(task, FileScanTask)]

    def _days_of(self, file: DataFile) -> set[date] | None:
        """Return every day from the first to the last of a file; None where the file does not tell."""
        number = self._table.schema().find_field(DAY).field_id
        bounds = [(of or {}).get(number) for of in (file.lower_bounds, file.upper_bounds)]
        if None in bounds:
            return None
        first, last = (_EPOCH + timedelta(days=int(from_bytes(DateType(), bound))) for bound in bounds if bound)
        return {first + timedelta(days=number) for number in range((last - first).days + 1)}

    def _rows(self, tasks: Iterable[FileScanTask], which: BooleanExpression) -> Iterator[pa.RecordBatch]:
        """Return rows of files, one file in memory at a time, without those that others have marked as deleted."""
        scan = ArrowScan(self._table.metadata, self._table.io, self._table.schema(), which)
        for task in tasks:
            yield from scan.to_record_batches([task])

    def _write(self, piece: Piece, rows: Iterable[pa.RecordBatch]) -> int:
        written, bytes_, batches = 0, 0, list[pa.RecordBatch]()
        for batch in rows:
            if batch.num_rows:
                batches.append(batch)
                written, bytes_ = written + batch.num_rows, bytes_ + batch.nbytes
            if bytes_ >= FILE_BYTES:
                self._write_file(piece, batches)
                bytes_, batches = 0, []
        if batches:
            self._write_file(piece, batches)
        return written

    def _write_file(self, piece: Piece, batches: list[pa.RecordBatch]) -> None:
        metadata = self._table.metadata
        spec, schema = metadata.spec(), metadata.schema()
        (month,) = spec.fields
        value = None if piece.month is None else (piece.month.year - _EPOCH.year) * 12 + piece.month.month - 1
        task = WriteTask(
            write_uuid=self._write_id,
            task_id=next(self._numbers),
            schema=schema.select(*batches[0].schema.names),
            record_batches=batches,
            partition_key=PartitionKey([PartitionFieldValue(month, value)], spec, schema),
        )
        self._added.extend(write_file(self._table.io, metadata, iter([task])))


def _of_month(piece: Piece) -> BooleanExpression:
    if piece.month is None:
        return parse(f"{DAY} IS NULL")
    return parse(f"{DAY} >= '{piece.month.isoformat()}' AND {DAY} < '{piece.after.isoformat()}'")


def _of_days(piece: Piece) -> BooleanExpression:
    if piece.days is None:
        return _of_month(piece)
    return parse(f"{DAY} IN ({', '.join(repr(day.isoformat()) for day in piece.days)})")
