"""Maintenance with limits so small that a handful of commits is worth a step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from billstream.common.lake import Lake
from billstream.maintenance.upkeep import Report, maintain
from billstream.maintenance.values import Limits
from tests.integration.aggregator_support import NOW, Row, commit_load

KEEP_ALL = Limits(
    keep=timedelta(days=365),
    grace=timedelta(0),
    settled=timedelta(0),
    quiet=timedelta(0),
    many_files=3,
    most_files=5,
    many_rows=3,
    dead_bytes=1,
    most_snapshots=4,
)
KEEP_NONE = replace(KEEP_ALL, keep=timedelta(0))
"""No snapshot is kept but those that somebody reads from."""


def soon() -> datetime:
    """A moment at which everything that there is has an age."""
    return datetime.now(UTC) + timedelta(hours=1)


def maintained(lake: Lake, limits: Limits = KEEP_NONE) -> Report:
    return maintain(lake, limits, now=soon())


def load(lake: Lake, load_id: str, rows: int = 2, *, replaces: str | None = None) -> int:
    """A load of so many rows, each with an amount that no other has."""
    number = crc32(load_id.encode())
    charges = [
        Row(NOW + timedelta(days=day), "USD", service_name="chat", billed_cost=Decimal(number + day))
        for day in range(rows)
    ]
    return commit_load(lake, load_id, charges, replaces=replaces, scope=f"s3://b/{load_id}")


def feed(lake: Lake, first: int, last: int) -> list[tuple[Any, ...]]:
    """What was inserted and deleted from a snapshot to another, both inclusive."""
    columns = "snapshot_id, load_id, charge_period_start, billed_cost"
    return lake.rows(
        f"SELECT 'in', {columns} FROM ducklake_table_insertions('lake', 'main', 'charges', {first}, {last}) "
        f"UNION ALL SELECT 'out', {columns} FROM ducklake_table_deletions('lake', 'main', 'charges', {first}, {last}) "
        "ORDER BY ALL"
    )


def tables_at(lake: Lake, version: int) -> list[Any]:
    """Charges, ledger and watermark as they were."""
    return [
        lake.rows(
            "SELECT load_id, charge_period_start, billed_cost FROM charges AT (VERSION => $1) ORDER BY ALL", [version]
        ),
        lake.rows("SELECT entry_id, state FROM ledger AT (VERSION => $1) ORDER BY ALL", [version]),
        lake.rows("SELECT snapshot_id FROM watermark AT (VERSION => $1)", [version]),
    ]


def snapshots(lake: Lake) -> list[int]:
    rows = lake.rows("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY snapshot_id")
    return [int(snapshot) for (snapshot,) in rows]
