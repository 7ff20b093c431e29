"""Other engines doing equal work, as a program of the environment `.venv-bench`.

    .venv-bench/bin/python -P tests/benchmarks/peer_program.py polars|pyarrow|dlt

Each line on standard input is a load as JSON: the files, where to write, and which columns are costs and times. The
answer is a line with the rows and the seconds of the load itself; starting the program and importing do not count. All
read typed, costs as DECIMAL(38,18) and times in UTC, and write every column. Polars and pyarrow write one Parquet file,
compressed as DuckDB does. dlt loads a DuckDB database and remembers what it has loaded.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Load = dict[str, Any]


def polars() -> Callable[[Load], int]:
    """Return the loading by Polars' streaming engine."""
    import polars as pl

    def load(wanted: Load) -> int:
        schema = dict.fromkeys(wanted["names"], pl.String()) | dict.fromkeys(wanted["costs"], pl.Decimal(38, 18))
        times = pl.col(wanted["times"]).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
        read = pl.scan_csv(wanted["files"], schema=schema, include_file_paths="filename")
        read.with_columns(times).sink_parquet(wanted["target"], compression="snappy")
        return int(pl.scan_parquet(wanted["target"]).select(pl.len()).collect().item())

    return load


def pyarrow() -> Callable[[Load], int]:
    """Return the loading by Arrow's CSV reader and Parquet writer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = _arrow_reader()

    def load(wanted: Load) -> int:
        rows, writer = 0, None
        for file in wanted["files"]:
            table = read(wanted, file)
            table = table.append_column("filename", pa.repeat(file, len(table)))
            writer = writer or pq.ParquetWriter(wanted["target"], table.schema, compression="snappy")
            writer.write_table(table)
            rows += len(table)
        if writer:
            writer.close()
        return rows

    return load


def dlt() -> Callable[[Load], int]:
    """Return the loading by dlt: files by their modification time, read by Arrow, which is its fastest way."""
    import dlt as tool
    import duckdb
    from dlt.sources.filesystem import filesystem

    read = _arrow_reader()

    def load(wanted: Load) -> int:
        target = Path(wanted["target"])
        folder = Path(wanted["files"][0]).parent
        found = filesystem(
            bucket_url=folder.as_uri(), file_glob="*", incremental=tool.sources.incremental("modification_date")
        )

        @tool.transformer(name="charges")  # type: ignore[untyped-decorator]  # mypy runs without dlt
        def charges(items: Any) -> Any:
            for item in items:
                yield read(wanted, item["file_url"].removeprefix("file://"))

        pipeline = tool.pipeline(
            "peer",
            pipelines_dir=f"{target}.pipelines",
            destination=tool.destinations.duckdb(str(target)),
            dataset_name="lake",
        )
        pipeline.run(found | charges, loader_file_format="parquet", write_disposition="append")
        with duckdb.connect(str(target), read_only=True) as con:
            return int(con.execute("SELECT count(*) FROM lake.charges").fetchall()[0][0])

    return load


def _arrow_reader() -> Callable[[Load, str], Any]:
    import pyarrow as pa
    from pyarrow import csv

    def read(wanted: Load, file: str) -> Any:
        types: dict[str, Any] = dict.fromkeys(wanted["names"], pa.string())
        types |= dict.fromkeys(wanted["costs"], pa.decimal128(38, 18))
        types |= dict.fromkeys(wanted["times"], pa.timestamp("us", "UTC"))
        return csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=True))

    return read


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> None:
    """Load what standard input names, until it ends."""
    load = {"polars": polars, "pyarrow": pyarrow, "dlt": dlt}[sys.argv[1]]()
    for line in sys.stdin:
        cpu, wall = cpu_seconds(), time.perf_counter()
        rows = load(json.loads(line))
        answer = {"rows": rows, "cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
