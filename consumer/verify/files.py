"""The data files of the lake: each must be readable, every value of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.datafiles import DamagedFile, DataFile, damaged_files, data_files, loads_in
from billstream.common.lake.tables import CHARGES, WITH_ROWS
from billstream.common.texts import counted
from billstream.consumer.verify.finding import Check, Cure, Finding

_OF_THE_CONSUMER = (
    *WITH_ROWS,
    "ledger",
    "rejected_rows",
    "load_coverage",
    "export_preferences",
    "provider_names",
    "schema_version",
)


def find_damaged(lake: Lake, *, charges: bool) -> list[DamagedFile]:
    """Return the data files that cannot be read.

    Args:
        lake: open.
        charges: also read those of `charges`, the largest table.

    Raises:
        Retryable: the catalog or the data path does not answer.
        Fatal: no data file of the lake can be read, so it is the folder that is missing and not a file.
    """
    of_lake = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY ALL"
    tables = [table for (table,) in lake.rows(of_lake) if charges or table != CHARGES]
    files = [file for table in tables for file in data_files(lake, table)]
    found = damaged_files(lake, files)
    if charges and len(found) == len(files) > 1:
        raise Fatal(
            f"None of the {len(files)} data files under {lake.data_path} can be read ({found[0].reason}). Mount or "
            "restore the data path; nothing was changed. If the files are lost for good, build the lake anew: move its "
            "catalog away, then billstream init and billstream sweep."
        )
    return found


def file_findings(lake: Lake, damaged: Sequence[DamagedFile], *, listed: bool) -> Iterator[Finding]:
    """Describe each data file that cannot be read, and each active load with rows in it.

    `listed`: the bucket was, so it can tell what a lost ledger had.
    """
    of_ledger = [one for one in damaged if one.file.table == "ledger"]
    for one in damaged:
        file = one.file
        lost = f"the data file {file.path} of {file.table} cannot be read: {one.reason}."
        check, cure = Check.CHARGES, Cure.TAKE_OUT
        if file.table == "ledger":
            check, cure = Check.CLAIMS, Cure.TAKE_OUT if listed else Cure.NONE
            lost += (
                " Restore it from a backup; without one, run billstream verify --s3 --repair, which loads the objects "
                "again that it told of."
            )
        elif file.table not in _OF_THE_CONSUMER:
            check = Check.AGGREGATES
        yield Finding(check, lost, cure, data_files=(file.path,), damaged=file)
        if file.table in WITH_ROWS and not of_ledger:
            yield from (_lost(load, file) for load in loads_in(lake, file))


def _lost(load: dict[str, Any], file: DataFile) -> Finding:
    return Finding(
        Check.CHARGES,
        f"its {counted(load['rows_loaded'], 'row')} cannot be read. Data file: {file.path}.",
        Cure.RELOAD,
        scope=load["scope"],
        bucket=load["bucket"],
        key=load["key"],
        load_id=load["load_id"],
        data_files=(file.path,),
    )
