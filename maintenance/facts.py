"""Read the facts of a lake's catalog."""

import re
from datetime import datetime

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.statements import statement
from billstream.maintenance.values import Facts, InlinedRows, Limits, SmallFile, WornFile

_STORE = re.compile(r"ducklake_inlined_data_\d+_\d+")


def read_facts(lake: Lake, limits: Limits, now: datetime) -> Facts:
    """Return the facts at this moment; nothing is written, and no data file is read.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    (counts,) = lake.query(
        statement(__name__, "counts", catalog=METADATA), [now - limits.keep, now - limits.grace]
    ).to_pylist()
    files = lake.query(
        statement(__name__, "files", catalog=METADATA), [limits.size_classes[-1], now - limits.settled]
    ).to_pylist()
    worn = lake.query(statement(__name__, "worn", catalog=METADATA), [now - limits.quiet]).to_pylist()
    followers = tuple(int(snapshot) for (snapshot,) in lake.rows(statement(__name__, "followers"), [now - limits.wait]))
    return Facts(
        **counts,
        followers=followers,
        small_files=tuple(SmallFile(**file) for file in files),
        worn_files=tuple(WornFile(**file) for file in worn),
        inlined=_inlined(lake, counts["oldest_snapshot"]),
    )


def _inlined(lake: Lake, oldest: int) -> tuple[InlinedRows, ...]:
    found = []
    for table, store in lake.rows(statement(__name__, "stores", catalog=METADATA)):
        if not _STORE.fullmatch(store):  # it becomes part of a statement
            raise Fatal(f"The catalog names a table of rows that DuckLake does not make: {store!r}. It is damaged.")
        ((live, dead),) = lake.rows(statement(__name__, "inlined", catalog=METADATA, store=store), [oldest])
        found.append(InlinedRows(table=table, store=store, live=live, dead=dead))
    return tuple(found)
