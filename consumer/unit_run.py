"""The run of OpenLineage that a unit is: the object versions that were loaded, and the tables that they went to."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from billstream.common.lake.tables import CHARGES, table_of
from billstream.common.openlineage import Feed, Input, Output, Run
from billstream.common.openlineage.run import MOST_INPUTS, How
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.commit.unit import Unit
from billstream.consumer.context import Context
from billstream.consumer.decide.states import State
from billstream.consumer.events import FILE_BUCKET
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Switch, Tags, Value, cells_of

JOB = "consumer.load"


def run_of_unit(
    unit: Unit, bindings: Mapping[str, Binding], context: Context, snapshot_id: int, now: datetime, seconds: float
) -> Run:
    """Return the run of a unit that has been committed.

    Args:
        unit: what was committed.
        bindings: what the columns of each new load were made of.
        context: has the columns of the tables.
        snapshot_id: the snapshot that the commit has made.
        now: when that was.
        seconds: how long the work took before.
    """
    loaded = [entry for entry in unit.entries if entry.state is State.LOADED]
    # A unit that only removes rows, or that only writes the ledger, has no inputs; the second one has no outputs.
    replaced = {entry.table_name or CHARGES for entry in unit.entries if entry.previous_load_id in unit.replaced}
    tables = sorted({entry.table_name or CHARGES for entry in loaded} | replaced)
    return Run(
        job=JOB,
        snapshot_id=snapshot_id,
        began_at=now - timedelta(seconds=seconds),
        ended_at=now,
        inputs=tuple(_inputs(loaded[:MOST_INPUTS], bindings)),
        outputs=tuple(
            Output(
                table,
                rows=sum(entry.rows_loaded for entry in loaded if (entry.table_name or CHARGES) == table),
                size_bytes=_size([path for path in unit.staged_paths if table_of(path) == table]),
                fields=context.staging.types[table],
            )
            for table in tables
        ),
        inputs_left_out=max(0, len(loaded) - MOST_INPUTS),
    )


def feeds_of(binding: Binding) -> tuple[Feed, ...]:
    """Return the fields of a file that each column is made of, as the file was decoded; a constant is made of none."""
    spread = tuple(binding.header[position] for position, _ in binding.unpivoted)

    def names(positions: list[int]) -> tuple[str, ...]:
        found = dict.fromkeys(binding.header[position] for position in positions if position < len(binding.header))
        # [unpivot] makes a record of each of these cells.
        behind = dict.fromkeys(spread) if any(position >= len(binding.header) for position in positions) else {}
        return tuple(found | behind)

    whole = binding.positions
    feeds = [
        Feed(column, names(_positions(value)), How.IDENTITY if column in whole else How.TRANSFORMATION)
        for column, value in binding.values.items()
    ]
    if "rescued" not in binding.values:
        feeds.append(Feed("rescued", names(list(binding.rescued))))
    return tuple(feed for feed in feeds if feed.fields)


def _inputs(loaded: Sequence[LedgerEntry], bindings: Mapping[str, Binding]) -> Iterator[Input]:
    # Files of one export have the same header: what waits in the queue shares it, and its feeds are made once.
    shared: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, ...], tuple[Feed, ...]]] = {}
    for entry in loaded:
        binding = bindings.get(entry.load_id or "")
        kind = (binding.profile.name, binding.header) if binding else ("", ())
        if kind not in shared:
            shared[kind] = (binding.header, feeds_of(binding)) if binding else ((), ())
        fields, feeds = shared[kind]
        yield Input(
            name=entry.key,
            # A bucket without versions, and a local file, has only what tells contents apart.
            version=entry.version_id or entry.etag or entry.content_sha256,
            namespace="file" if entry.bucket == FILE_BUCKET else f"s3://{entry.bucket}",
            rows=entry.rows_loaded + entry.rows_rejected + entry.records_left_out,
            size_bytes=entry.size_bytes,
            fields=fields,
            table=entry.table_name or CHARGES,
            feeds=feeds,
        )


def _positions(value: Value) -> list[int]:
    """Return the positions of all cells that decide what a value is."""
    told = [p for cell in cells_of(value) for p in (cell.position, cell.unless, cell.where) if p is not None]
    if isinstance(value, Switch):
        told.append(value.by)
    elif isinstance(value, Tags):
        told += [position for position, _ in value.columns]
        told += [value.cell] if value.cell is not None else []
    return told


def _size(paths: list[str]) -> int | None:
    """Return the bytes of the new files of a table; None where that is unknown."""
    if any("://" in path for path in paths):
        return None  # S3 would have to be asked
    try:
        return sum(Path(path).stat().st_size for path in paths)
    except OSError:
        return None  # the rows were written into another file
