"""The records of texts that do not split into the columns of the header, as DuckDB lists them."""

import csv

import duckdb

from billstream.consumer.decode.charges import is_left_out
from billstream.consumer.decode.rejects import (
    MAX_KEPT_CHARACTERS,
    RejectedRow,
    Rejects,
    lines_of,
    placed,
    within_room,
)
from billstream.consumer.decode.scan import Malformed, Scan
from billstream.consumer.decode.tabular import Tabular


def structural_rejects(scan: Scan, engine: duckdb.DuckDBPyConnection, limit: int) -> dict[str, Rejects]:
    """Return, by load, the records that do not split into the header's columns; `limit` of each listed.

    Covers the rows that were read since `prepare`.
    """
    # A row of Parquet always has its columns.
    if scan.files[0].text.parquet or scan.malformed is not Malformed.LIST:
        return {}
    by_path = {str(file.path): file for file in scan.files}
    # DuckDB's `line` is the number of the record; the line is found by the record's position.
    records = (
        "SELECT file_path, min(line_byte_position) AS position, arg_max(csv_line, length(csv_line)) AS record, "
        "arg_min(error_message, line_byte_position) AS reason, bool_and(error_type = 'MISSING COLUMNS') AS short "
        f"FROM temp.rejected_{scan.number} JOIN temp.scanned_{scan.number} USING (scan_id, file_id) "
        "GROUP BY file_path, line"
    )
    counts = f"SELECT file_path, count(*), count(*) FILTER (short) FROM ({records}) GROUP BY file_path"
    rejects = {}
    for path, total, short in engine.execute(counts).fetchall():
        file = by_path[path]
        found = engine.execute(
            f"SELECT position, left(record, {MAX_KEPT_CHARACTERS}), left(reason, {MAX_KEPT_CHARACTERS}), short "
            f"FROM ({records}) WHERE file_path = ? ORDER BY position LIMIT ?",
            [path, limit],
        )
        listed = within_room(found, lambda row: len(row[1] or "") + len(row[2]))
        # What is no charge does not reject, as far as the cells that it has are those that tell.
        charges = [row for row in listed if not (row[3] and _is_left_out(row[1] or "", file))]
        left_out = len(listed) - len(charges)
        lines = lines_of(file.path, [row[0] for row in charges])
        rows = (
            RejectedRow(file.load_id, line, None, None, ((record or "").strip("\r\n"),), str(reason))
            for line, (_, record, reason, _) in zip(lines, charges, strict=True)
        )
        rejects[file.load_id] = Rejects(total - left_out, placed(file, rows), short - left_out, left_out)
    return rejects


def _is_left_out(record: str, file: Tabular) -> bool:
    if not file.header_binding.profile.records.filters:
        return False
    try:
        cells = next(csv.reader(record.splitlines(keepends=True), delimiter=file.delimiter), [])
    except csv.Error:
        return False
    return is_left_out(cells, file.header_binding)
