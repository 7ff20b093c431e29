"""Bare DuckDB on the same files, in this process: CSV to one Parquet file, nothing checked and nothing remembered.

Two of them. `equal` does the part of billstream's work that any loader has to do: typed read, and costs widened to the
DECIMAL(38,18) of the lake's columns. It reads them as DECIMAL(18,10) first, which is exact for these files and twelve
times as fast as reading DECIMAL(38,18): whoever knows their files would. `cheapest` keeps six decimals of costs.
"""

from pathlib import Path

import duckdb

from tests.benchmarks.files import Shape
from tests.benchmarks.measure import Taken, clock


def equal(shape: Shape, folder: Path, target: Path) -> Taken:
    """Load with exact costs."""
    costs = ", ".join(f'"{name}"::DECIMAL(38, 18) AS "{name}"' for name in shape.of_kind("cost"))
    return _load(shape, folder, target, "DECIMAL(18,10)", f"* REPLACE ({costs})")


def cheapest(shape: Shape, folder: Path, target: Path) -> Taken:
    """Load with costs to the sixth decimal."""
    return _load(shape, folder, target, "DECIMAL(18,6)", "*")


def _load(shape: Shape, folder: Path, target: Path, cost: str, columns: str) -> Taken:
    kinds = {"text": "VARCHAR", "time": "TIMESTAMPTZ", "cost": cost}
    types = ", ".join(f"'{name}': '{kinds[column.kind]}'" for name, column in shape.columns.items())
    with duckdb.connect(config={"preserve_insertion_order": "false"}) as con:
        with clock() as taken:
            con.execute(
                f"COPY (SELECT {columns} FROM read_csv('{shape.pattern(folder)}', columns = {{{types}}}, "
                f"auto_detect = false, header = true, filename = true)) TO '{target}' (FORMAT parquet)"
            )
        ((rows,),) = con.execute(f"SELECT count(*) FROM '{target}'").fetchall()
    if rows != shape.files * shape.rows:
        raise RuntimeError(f"bare DuckDB read {rows} of {shape.files * shape.rows} rows")
    target.unlink()
    return taken
