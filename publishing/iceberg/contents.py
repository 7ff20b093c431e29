"""What Iceberg tables have, as pyiceberg reads them: one data file in memory at a time, added up by DuckDB."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import Table as IcebergTable

from billstream.publishing.contents import Month, read_months
from billstream.publishing.iceberg.marks import mark_of
from billstream.publishing.tables import Table
from billstream.publishing.target import CopyDamaged
from billstream.publishing.watermark import Watermark

_SOURCE = "data_file"


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
        scan = self.tables[table.name].scan()
        rows = ArrowScan(scan.table_metadata, scan.io, scan.projection(), AlwaysTrue())
        try:
            for task in scan.plan_files():
                batches = list(rows.to_record_batches([task]))
                if not batches:
                    continue
                self.engine.register(_SOURCE, pa.Table.from_batches(batches))
                try:
                    yield from read_months(lambda text: self.engine.execute(text).fetchall(), table, _SOURCE)
                finally:
                    self.engine.unregister(_SOURCE)
        except (FileNotFoundError, ValueError) as error:  # of a file that is no Parquet any more, too
            raise CopyDamaged(f"a file of it cannot be read: {error}") from error
