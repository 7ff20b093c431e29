"""Data files that cannot be read although a commit is to delete rows of theirs."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from billstream.common.lake import Lake
from billstream.common.lake.datafiles import DataFile, damaged_files, data_files, loads_in
from billstream.common.lake.tables import WITH_ROWS

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Unreadable:
    """A data file that cannot be read. `obsolete`: once the commit is made, no active load has rows in it."""

    file: DataFile
    obsolete: bool


def find_unreadable(lake: Lake, replaced: Sequence[str]) -> tuple[Unreadable, ...]:
    """Return the data files that may hold rows of the replaced loads and cannot be read.

    An obsolete one leaves the lake with the commit. Another one stays, so that nobody takes the charges without its
    rows for the whole: whoever reads them is told to run `billstream verify --repair`.

    Raises:
        Retryable: the catalog or the data path does not answer.
    """
    files = [file for table in WITH_ROWS for file in data_files(lake, table)]
    concerned = [file for file in files if any(map(file.may_hold, replaced))]
    found = []
    for damaged in damaged_files(lake, concerned):
        left = {load["load_id"] for load in loads_in(lake, damaged.file)}.difference(replaced)
        found.append(Unreadable(damaged.file, obsolete=not left))
        stays = "its other rows are missing: run billstream verify --repair"
        log.error(
            "data_file_damaged",
            path=damaged.file.path,
            reason=damaged.reason,
            consequence=stays if left else "it leaves the lake, its rows are replaced",
        )
    return tuple(found)
