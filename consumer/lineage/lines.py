"""The records of a file that are behind a cell, found by reading the object version of the load again."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb

from billstream.common.amount import Amount
from billstream.common.errors import ObjectMissing, Poison
from billstream.common.lake.tables import CHARGES
from billstream.common.scratch import needing_room
from billstream.consumer.decode import Tabular, open_tabular, plain_text
from billstream.consumer.decode.malformed import Listing, splitting
from billstream.consumer.decode.rejects import CELL_CHARACTERS, within_room
from billstream.consumer.decode.scan import Malformed, Scan
from billstream.consumer.decode.undated import dated
from billstream.consumer.decode.walk import place_of, walked
from billstream.consumer.events import EventKind, Gone, ObjectEvent
from billstream.consumer.lineage.cell import COLUMNS, COSTS, Cell, amount_of, amounts_sql
from billstream.consumer.lineage.loads import Share
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.origin import Origin
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.objects import Fetched, ObjectStore

_VALUES = ("billing_currency", *COSTS, "consumed_quantity", "consumed_unit")
_BEHIND = "behind"
_SHOWN = 300


class ReadState(StrEnum):
    """What came of reading an object version again."""

    READ = "read"
    GONE = "gone"
    REPLACED = "replaced"
    UNREADABLE = "unreadable"
    NOT_READ = "not_read"


@dataclass(frozen=True)
class Line:
    """One record of a file behind a cell, and what it adds.

    `number` is the line in which it begins, 1-based, in the decompressed file, or its row in a Parquet file; None where
    it was not found. `member` is the file of an archive. `column` is the column of the file that became this charge,
    where one record became several. `text` is the record as the vendor wrote it; of a Parquet file, its cells as JSON.
    """

    number: int | None
    member: str | None
    column: str | None
    currency: str | None
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    consumed_quantity: Decimal | None
    consumed_unit: str | None
    text: str


@dataclass(frozen=True)
class Reading:
    """What was found in one file. `reason` tells why it could not be read; `unit` is `line` or `row`.

    `amounts` are of all records behind the cell, of which `lines` are the first. `adds_up` is whether they are what the
    lake has of this load; None where the file was not read.
    """

    state: ReadState
    reason: str | None = None
    unit: str = "line"
    amounts: tuple[Amount, ...] = ()
    adds_up: bool | None = None
    lines: tuple[Line, ...] = ()

    @property
    def records(self) -> int:
        """The number of charges that the records became."""
        return sum(amount.rows for amount in self.amounts)

    @property
    def proven(self) -> bool:
        """True if the file was read, its records add up, and each line that is shown was found."""
        return bool(self.adds_up) and all(line.number is not None for line in self.lines)


class _Unlike(Exception):  # noqa: N818 - it names an outcome, not a thing
    """The object that is there is not the one that was loaded."""


class FileReader:
    """Reads files again, so many bytes of them at most.

    Args:
        objects: returns the store that has the object of a bucket.
        profiles: all that there are.
        types: the columns of `charges` with their DuckDB types.
        engine: returns a DuckDB without a lake; one for each file.
        spool: for the files.
        most_bytes: of all files together, as they are stored.
    """

    def __init__(
        self,
        *,
        objects: Callable[[str], ObjectStore],
        profiles: ProfileRegistry,
        types: dict[str, str],
        engine: Callable[[], duckdb.DuckDBPyConnection],
        spool: Spool,
        most_bytes: int,
    ) -> None:
        self._objects = objects
        self._profiles = profiles
        self._types = types
        self._engine = engine
        self._spool = spool
        self._left = most_bytes

    def read(self, share: Share, cell: Cell, most: int) -> Reading:
        """Find the records of a load's file behind a cell, and compare their sums with what the lake has of the load.

        Args:
            share: the load, and what the lake has of it.
            cell: whose records are looked for.
            most: so many records are listed; all are added up.

        Raises:
            Retryable: the store does not answer, or the disk is full.
            Fatal: a permission on our own bucket is missing.
        """
        size = share.file.size_bytes or 0
        if size > self._left:
            return Reading(
                ReadState.NOT_READ,
                f"It has {size:,} bytes, and of what BILLSTREAM_BATCH_BYTES lets one command read, "
                f"{self._left:,} are left: set it higher for this command to see the lines.",
            )
        self._left -= size
        try:
            with self._spool.session() as folder, needing_room(f"fetching {share.file.scope}"):
                return self._read(share, cell, most, folder)
        except ObjectMissing as gone:
            return Reading(ReadState.GONE, str(gone))
        except _Unlike as other:
            return Reading(ReadState.REPLACED, str(other))
        except Poison as poison:
            return Reading(ReadState.UNREADABLE, str(poison))
        except duckdb.Error as error:
            return Reading(ReadState.UNREADABLE, f"DuckDB cannot read it: {str(error).splitlines()[0][:_SHOWN]}")

    def _read(self, share: Share, cell: Cell, most: int, folder: Path) -> Reading:
        file = share.file
        fetched = self._fetched(share, folder / f"{file.load_id}.object")
        text = plain_text(fetched.path, folder / f"{file.load_id}.text")
        if text.content_sha256 != file.content_sha256:
            raise _Unlike("The object that is there now has another content: it was replaced after this load.")
        profiles = self._profiles.only(file.profile or "")
        if profiles is None:
            raise Poison(
                f"The profile {file.profile} that it was loaded with is not there: see BILLSTREAM_PROFILES_DIR."
            )
        tabular = open_tabular(file.load_id, text, profiles, Origin.of(file.key))
        with self._engine() as engine:
            scan = _scan_of(tabular, self._types, engine, rejected=file.rows_rejected > 0)
            _keep_behind(cell, scan, most, engine)
            amounts = tuple(amount_of(row) for row in engine.execute(amounts_sql(_BEHIND)).fetchall())
            lines = _lines(scan, engine)
        unit = "row" if text.parquet else "line"
        return Reading(ReadState.READ, None, unit, amounts, set_of(amounts) == set_of(share.whole), lines)

    def _fetched(self, share: Share, target: Path) -> Fetched:
        """Fetch the version that was loaded; where it is not kept, the current one, which may have the same content.

        Raises:
            ObjectMissing: neither is there.
            _Unlike: the current one has another size.
        """
        file = share.file
        store = self._objects(file.bucket)
        event = ObjectEvent(kind=EventKind.CREATED, bucket=file.bucket, key=file.key, event_name="lineage")
        if file.version_id is not None:
            try:
                return store.fetch(replace(event, version_id=file.version_id), target)
            except ObjectMissing:
                target.unlink(missing_ok=True)
        current = store.current(event)
        if isinstance(current, Gone):
            raise ObjectMissing("The object is gone: what was loaded of it cannot be read again.")
        if file.size_bytes is not None and current.size_bytes != file.size_bytes:
            raise _Unlike(
                f"The object that is there now has {current.size_bytes:,} bytes, and {file.size_bytes:,} were loaded: "
                "it was replaced after this load."
            )
        return store.fetch(replace(event, version_id=current.version_id, etag=current.etag), target)


def set_of(amounts: Sequence[Amount]) -> dict[str | None, Amount]:
    """Return amounts by currency, for comparing them in whatever order they are."""
    return {amount.currency: amount for amount in amounts}


def _scan_of(file: Tabular, types: dict[str, str], engine: duckdb.DuckDBPyConnection, *, rejected: bool) -> Scan:
    """Return the scan that reads the file as its load did: the careful one, which reads whatever the others read.

    Raises:
        Poison: the file is empty, is of another kind now, or its dates are ambiguous.
    """
    if file.binding is None or file.table != CHARGES:
        raise Poison("It has no charges.")
    numbered = file.text.parquet is not None and "file_row_number" not in map(str.casefold, file.text.parquet.names)
    if rejected and file.text.parquet is None:
        read = Scan([file], types, number=0, malformed=Malformed.LEAVE_OUT)
        read.prepare(engine)
        found = splitting(file, read.records_read(engine)[file.load_id], Listing())
        if found is None:
            raise Poison("More of its records do not fit than when it was loaded.")
        file = found[0]
    malformed = Malformed.LIST if rejected else Malformed.FAIL
    scan = Scan([file], types, number=0, exact=False, malformed=malformed, row_numbers=numbered)
    scan.prepare(engine)
    return dated(replace(scan, forms=scan.time_forms(engine)), engine)


def _rows(scan: Scan) -> str:
    """Return the charges of a file with the columns of a cell, their cells, and their row where that is known."""
    made = [name if name in scan.columns else f"NULL::{kind} AS {name}" for name, kind in COLUMNS.items()]
    cells = ", ".join(f"c{position}" for position in range(len(scan.binding.names)))
    row = "__row" if scan.row_numbers else "NULL::BIGINT AS __row"
    return f"(SELECT [{cells}] AS __cells, {row}, {', '.join(made)} FROM {scan.fitting()})"


def _keep_behind(cell: Cell, scan: Scan, most: int, engine: duckdb.DuckDBPyConnection) -> None:
    """Keep the charges behind a cell as a temporary table: their values, and the cells of the first.

    The file is read once. This DuckDB numbers rows in the order in which it reads them.
    """
    parameters: list[Any] = []
    values = ", ".join(_VALUES)
    behind = f"SELECT *, row_number() OVER () AS __place FROM {_rows(scan)} WHERE {cell.condition(parameters)}"
    cells = f"CASE WHEN __place <= {int(most)} THEN __cells END AS __cells"
    scan.prepare(engine)
    engine.execute(
        f"CREATE TEMP TABLE {_BEHIND} AS SELECT __place, {cells}, __row, {values} FROM ({behind})", parameters
    )


def _lines(scan: Scan, engine: duckdb.DuckDBPyConnection) -> tuple[Line, ...]:
    """Return the first records behind a cell, in the file's order."""
    [file] = scan.files
    found = engine.execute(
        f"SELECT __cells, __row, {', '.join(_VALUES)} FROM {_BEHIND} WHERE __cells IS NOT NULL ORDER BY __place"
    )
    listed = within_room(found, lambda row: sum(len(cell or "") + CELL_CHARACTERS for cell in row[0]))
    width = len(scan.binding.header)
    lines = []
    for one, row, currency, billed, effective, listed_cost, contracted, quantity, unit in listed:
        number, column = None if row is None else row + 1, one[width] if one[width:] else None
        costs = (billed, effective, listed_cost, contracted)
        lines.append(Line(number, None, column, currency, *costs, quantity, unit, ""))
    cells = [tuple(row[0][:width]) for row in listed]
    if file.text.parquet:
        names = scan.binding.header
        texts = (json.dumps(dict(zip(names, one, strict=True)), ensure_ascii=False) for one in cells)
        return tuple(replace(line, text=text) for line, text in zip(lines, texts, strict=True))
    return tuple(_located(file, lines, cells))


def _located(file: Tabular, lines: list[Line], cells: Sequence[tuple[str | None, ...]]) -> list[Line]:
    """Return lines with their numbers and texts, found by walking the file once.

    Of records that are equal, any order is as good as another. A record that became several charges has one of each.
    """
    wanted: dict[tuple[str | None, ...], dict[str | None, deque[int]]] = defaultdict(dict)
    for index, (line, own) in enumerate(zip(lines, cells, strict=True)):
        wanted[own].setdefault(line.column, deque()).append(index)
    left = len(lines)
    for record in walked(file, texts=True):
        for waiting in wanted.get(record.cells, {}).values():
            if waiting:
                member, number = place_of(file, record.line)
                index = waiting.popleft()
                lines[index] = replace(lines[index], number=number, member=member, text=record.text)
                left -= 1
        if not left:
            break
    return lines
