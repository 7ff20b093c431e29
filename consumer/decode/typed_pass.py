"""The first and fastest of three passes over texts: Arrow reads and writes them, every record exactly, or no record.

A file with a record that does not fit, or that is written in a way that Arrow reads otherwise than DuckDB, is left to
the strict pass as a whole. So nothing here rejects, rounds or explains. Texts are held in pieces of bounded size.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.consumer.decode.arrow_text import Refused, batches, counted_by_referee, is_readable
from billstream.consumer.decode.distinct import Array
from billstream.consumer.decode.facts import facts_of
from billstream.consumer.decode.malformed import alike
from billstream.consumer.decode.scan import Scan, load_macros, scan_key
from billstream.consumer.decode.staged import Staged, StagedLoad
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.typed_columns import TypedColumns
from billstream.consumer.decode.unread import tags_unread

PIECE_BYTES = 32 * 1024 * 1024
"""So much text is typed at a time; its columns take several times as much memory."""
PIECE_ROWS = 122_880
"""The rows of a group of a Parquet file, as DuckDB writes them."""
LARGE_BYTES = 8 * 1024 * 1024
"""A file of so many bytes is written to a Parquet file of its own; smaller ones share one."""
_REMEMBERED = 100  # kinds of headers
_REMEMBERED_BYTES = 32 * 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Text:
    """A text that Arrow may read, with the number of its records where the referee has counted them."""

    file: Tabular
    records: int | None


@dataclass
class Piece:
    """Records of texts, one batch after the other, each with the load that it belongs to."""

    loads: list[str] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    def add(self, load_id: str, batches: Sequence[pa.RecordBatch]) -> None:
        """Add records of a load."""
        self.loads += [load_id] * len(batches)
        self.batches += batches
        self._rows += sum(batch.num_rows for batch in batches)
        self._bytes += sum(batch.get_total_buffer_size() for batch in batches)

    @property
    def is_full(self) -> bool:
        """True if no more should be added."""
        return self._rows >= PIECE_ROWS or self._bytes >= PIECE_BYTES

    def cells(self) -> dict[int, Array]:
        """Return the cells by position."""
        columns = pa.Table.from_batches(self.batches).combine_chunks().columns
        return {position: column.chunk(0) for position, column in enumerate(columns)}

    def load_ids(self) -> Array:
        """Return the load of each record, as an array with a dictionary."""
        names = list(dict.fromkeys(self.loads))
        numbers = [
            pa.repeat(pa.scalar(names.index(load), pa.int32()), batch.num_rows)
            for load, batch in zip(self.loads, self.batches, strict=True)
        ]
        return pa.DictionaryArray.from_arrays(pa.concat_arrays(numbers), names)


class TypedPass:
    """Stages the files of a batch that Arrow can take, several Parquet files at a time.

    Args:
        lake: has the data path, and makes the DuckDBs that compute.
        types: the columns of each table of loads with their DuckDB types.
    """

    def __init__(self, lake: Lake, types: dict[str, dict[str, str]]) -> None:
        self._lake = lake
        self._types = types
        self._lanes = [Lane(lake, types)]

    def stage(self, files: Sequence[Tabular], name: str) -> Staged:
        """Return the staged rows of the files that were taken; the others are in none of its loads.

        Args:
            files: files of one table, with a header.
            name: the beginning of the names of the staged files.

        Raises:
            Retryable: the data path does not take the rows.
            Fatal: the data path needs credentials and there are none.
        """
        groups = [some for group in alike([file for file in files if is_readable(file)]) for some in shared(group)]
        paths = [self._lake.staging_path(f"{name}-{n}", group[0].table) for n, group in enumerate(groups)]
        staged = Staged()
        for taken, refused in self._at_once(list(zip(groups, paths, strict=True))):
            staged.take(taken)
            for load_id, why in refused.items():
                log.debug("file_read_strictly", load_id=load_id, reason=why)
        return staged

    def _at_once(self, work: Sequence[tuple[list[Tabular], str]]) -> list[tuple[Staged, dict[str, str]]]:
        """Stage each group of files at its path, as many at a time as there are cores to do it."""
        if len(work) == 1:
            return [self._lanes[0].stage(*work[0])]
        while len(self._lanes) < min(len(work), self._lake.cores):
            self._lanes.append(Lane(self._lake, self._types))
        free = SimpleQueue[Lane]()
        for lane in self._lanes:
            free.put(lane)

        def stage(some: tuple[list[Tabular], str]) -> tuple[Staged, dict[str, str]]:
            lane = free.get()
            try:
                return lane.stage(*some)
            finally:
                free.put(lane)

        with ThreadPoolExecutor(len(self._lanes)) as pool:
            tried = [pool.submit(stage, some) for some in work]
            wait(tried, return_when=FIRST_EXCEPTION)
            pool.shutdown(cancel_futures=True)
        ended = [one for one in tried if not one.cancelled()]
        if failed := [error for one in ended if (error := one.exception())]:
            for path in [path for one in ended if not one.exception() for path in one.result()[0].paths]:
                self._lake.discard(path)
            raise failed[0]
        return [one.result() for one in tried]


class Lane:
    """What one thread works with: a DuckDB of its own, and what it has learnt of headers and texts."""

    def __init__(self, lake: Lake, types: dict[str, dict[str, str]]) -> None:
        self._lake = lake
        self._types = types
        self._engine = lake.computing_engine()
        self._columns: dict[object, TypedColumns] = {}
        load_macros(self._engine)

    def stage(self, files: Sequence[Tabular], path: str) -> tuple[Staged, dict[str, str]]:
        """Stage files that are written alike in one Parquet file.

        Returns:
            The files that were taken, and the reasons for which others were not.

        Raises:
            Retryable: the data path does not take the rows.
        """
        counts = counted_by_referee(files, self._types[files[0].table], self._engine)
        refused = {load_id: count for load_id, count in counts.items() if isinstance(count, str)}
        texts = [Text(f, c) for f in files if not isinstance(c := counts.get(f.load_id), str)]
        try:
            with self._lake.staging_file(path) as local:
                left_out = self._write(texts, local, refused) if texts else {}
                written = self._facts([text.file for text in texts], local) if local.exists() else {}
        except (Refused, Fatal, duckdb.Error, pa.ArrowException, OSError) as error:
            # Whatever it is, the strict pass meets it again, and explains it.
            if not isinstance(error, Refused):
                log.warning("typed_pass_failed", path=path, reason=str(error), exc_info=True)
            return Staged(), refused | {text.file.load_id: str(error) for text in texts}
        loads = {
            load_id: replace(written.get(load_id, StagedLoad()), records_left_out=count)
            for load_id, count in left_out.items()
        }
        return Staged([path] if written else [], loads), refused

    def _write(self, texts: Sequence[Text], local: Path, refused: dict[str, str]) -> dict[str, int]:
        """Write the rows of texts. Returns, by load that was taken, how many records are no charges.

        Raises:
            Refused: the only text cannot be taken.
        """
        columns, left_out = self._columns_of(texts[0].file), dict[str, int]()
        writer: pq.ParquetWriter | None = None
        try:
            for piece in pieces(texts, left_out, refused):
                rows = _typed(piece, columns, left_out, refused)
                if rows is not None and rows.num_rows:
                    writer = writer or _writer(local, rows.schema)
                    writer.write_table(rows, row_group_size=PIECE_ROWS)
        finally:
            if writer:
                writer.close()
        return left_out

    def _facts(self, files: Sequence[Tabular], local: Path) -> dict[str, StagedLoad]:
        table = files[0].table
        scan = Scan(files, self._types[table], number=0)
        fed = [name for name in self._types[table] if name in scan.columns]
        return facts_of(str(local), table, fed, self._types[table], self._engine, tags_unread([scan]), marked=False)

    def _columns_of(self, file: Tabular) -> TypedColumns:
        """Return the way to the columns of files that are written alike, which is known for the last ones."""
        remembered = sum(columns.remembered_bytes for columns in self._columns.values())
        if len(self._columns) >= _REMEMBERED or remembered > _REMEMBERED_BYTES:
            self._columns.clear()
        made = TypedColumns(file.header_binding, self._types[file.table], self._engine)
        return self._columns.setdefault(scan_key(file), made)


def shared(files: Sequence[Tabular]) -> Iterator[list[Tabular]]:
    """Yield the files in groups that share a Parquet file: a large one alone, small ones up to a piece."""
    some, size = list[Tabular](), 0
    for file in files:
        length = file.path.stat().st_size
        if length >= LARGE_BYTES:
            yield [file]
            continue
        if size + length > PIECE_BYTES:
            yield some
            some, size = [], 0
        some.append(file)
        size += length
    if some:
        yield some


def pieces(texts: Sequence[Text], left_out: dict[str, int], refused: dict[str, str]) -> Iterator[Piece]:
    """Yield the records of one text piece by piece, or of several texts as one piece.

    Each text that could be read gets an entry in `left_out`, each other one of several in `refused`.

    Raises:
        Refused: the only text cannot be read.
    """
    piece = Piece()
    for text in texts:
        load_id = text.file.load_id
        if len(texts) > 1:
            try:
                piece.add(load_id, list(batches(text.file, text.records)))
            except Refused as error:
                refused[load_id] = str(error)
                continue
        else:
            for batch in batches(text.file, text.records):
                piece.add(load_id, [batch])
                if piece.is_full:
                    yield piece
                    piece = Piece()
        left_out.setdefault(load_id, 0)
    if piece.batches:
        yield piece


def _typed(piece: Piece, columns: TypedColumns, left_out: dict[str, int], refused: dict[str, str]) -> pa.Table | None:
    """Return the rows of a piece; loads with a misfit are moved from `left_out` to `refused`.

    Raises:
        Refused: the only load has a misfit.
    """
    cells, load_ids = piece.cells(), piece.load_ids()
    charges = columns.charges(cells)
    if charges is not None and charges.false_count:
        for load_id, count in _counts(load_ids.filter(pc.invert(charges))):
            left_out[load_id] = left_out.get(load_id, 0) + count
        cells, load_ids = {p: column.filter(charges) for p, column in cells.items()}, load_ids.filter(charges)
    if not len(load_ids):
        return None
    typed, bad = columns.typed(cells)
    arrays = {"load_id": load_ids} | {name: typed[name] for name in columns.projection.columns}
    rows = pa.table(arrays)
    for misfits in bad:
        for load_id, count in _counts(load_ids.filter(misfits)):
            refused[load_id] = f"{count} records do not fit"
            left_out.pop(load_id, None)
    if bad:
        if len(set(piece.loads)) == 1:
            raise Refused(refused[piece.loads[0]])
        rows = rows.filter(pc.is_in(load_ids.cast(pa.string()), pa.array(list(left_out))))
    return rows


def _counts(load_ids: Array) -> list[tuple[str, int]]:
    """Return how often each load is there."""
    return [(str(one["values"]), int(one["counts"].as_py())) for one in load_ids.cast(pa.string()).value_counts()]


def _writer(local: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of rows; amounts hardly repeat, so they have no dictionary."""
    names = []
    for column in schema:
        kinds = ("key", "value") if pa.types.is_map(column.type) else ()
        names += [f"{column.name}.key_value.{kind}" for kind in kinds] or [column.name]
        if pa.types.is_decimal(column.type):
            names.pop()
    return pq.ParquetWriter(local, schema, use_dictionary=names, store_schema=False)  # type: ignore[arg-type]
