"""What Iceberg tables have, as pyiceberg reads them: one data file in memory at a time, added up by DuckDB."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import Table as IcebergTable

from billstream.common.masking import masked
from billstream.publishing.contents import Month, read_months
from billstream.publishing.iceberg.marks import mark_of
from billstream.publishing.tables import Table
from billstream.publishing.target import CopyDamaged
from billstream.publishing.watermark import Watermark

_SOURCE = "data_file"
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class IcebergContents:
    """See `target.Contents`. Each table has the state that it had when it was loaded; `engine` is a DuckDB."""

    tables: Mapping[str, IcebergTable]
    engine: duckdb.DuckDBPyConnection

    def watermark(self, table: str) -> Watermark | None:
        """See `target.Contents`. It is what the table's properties say: they stay, whoever writes rows."""
        return mark_of(self.tables[table].properties) if table in self.tables else None

    def columns(self, table: str) -> Collection[str]:
        """See `target.Contents`."""
        return self.tables[table].schema().column_names if table in self.tables else ()

    def months(self, table: Table) -> Iterator[Month]:
        """See `target.Contents`."""
        for batches in self._files(table.name):
            self.engine.register(_SOURCE, pa.Table.from_batches(batches))
            try:
                yield from read_months(lambda text: self.engine.execute(text).fetchall(), table, _SOURCE)
            finally:
                self.engine.unregister(_SOURCE)

    def _files(self, name: str) -> Iterator[list[pa.RecordBatch]]:
        """Yield the rows of each data file that has some, without those that are marked as deleted."""
        scan = self.tables[name].scan()
        rows = ArrowScan(scan.table_metadata, scan.io, scan.projection(), AlwaysTrue())
        path = self.tables[name].metadata_location
        try:
            for task in scan.plan_files():
                path = task.file.file_path
                if batches := list(rows.to_record_batches([task])):
                    yield batches
        except (FileNotFoundError, ValueError) as error:
            raise CopyDamaged(f"{path} cannot be read: {masked(str(error))[-300:]}") from error
        except OSError as error:
            # Arrow has one class for a storage that is away and for bytes that are none of Parquet: only the second
            # gives them.
            with scan.io.new_input(path).open() as stream:
                while stream.read(_PIECE):
                    pass
            raise CopyDamaged(f"{path} cannot be read: {masked(str(error))[-300:]}") from error
