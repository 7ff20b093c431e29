"""The first and fastest of three passes over texts: Arrow reads and writes them, every record exactly, or no record.

A file with a record that does not fit, or that is written in a way that Arrow reads otherwise than DuckDB, is left to
the strict pass as a whole. So nothing here rejects, rounds or explains. Texts are held in pieces of bounded size.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.consumer.decode.facts import facts_of
from billstream.consumer.decode.judging import judging
from billstream.consumer.decode.malformed import alike
from billstream.consumer.decode.scan import Scan, load_macros, scan_key
from billstream.consumer.decode.staged import Staged, StagedLoad
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.typed.arrow_text import Refused, is_readable
from billstream.consumer.decode.typed.columns import TypedColumns
from billstream.consumer.decode.typed.distinct import Array
from billstream.consumer.decode.typed.pieces import PIECE_BYTES, PIECE_ROWS, Piece, Text, pieces
from billstream.consumer.decode.typed.quotes import quotes_of
from billstream.consumer.decode.unread import tags_unread
from billstream.consumer.quality import Rule

LARGE_BYTES = 8 * 1024 * 1024
"""A file of so many bytes is written to a Parquet file of its own; smaller ones share one."""
_QUOTES = "a quote stands elsewhere than at the ends of a cell"
_REMEMBERED = 100  # kinds of headers
_REMEMBERED_BYTES = 32 * 1024 * 1024

log = structlog.get_logger(__name__)


class TypedPass:
    """Stages the files of a batch that Arrow can take, several Parquet files at a time.

    Args:
        lake: has the data path, and makes the DuckDBs that compute.
        types: the columns of each table of loads with their DuckDB types.
        rules: of quality.
    """

    def __init__(self, lake: Lake, types: dict[str, dict[str, str]], rules: Sequence[Rule] = ()) -> None:
        self._lake = lake
        self._types = types
        self._rules = rules
        self._lanes = [Lane(lake, types, rules)]

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
        try:
            outcomes = self._at_once(list(zip(groups, paths, strict=True)))
        finally:
            pa.default_memory_pool().release_unused()
        for taken, refused in outcomes:
            staged.take(taken)
            for load_id, why in refused.items():
                log.debug("file_read_strictly", load_id=load_id, reason=why)
        return staged

    def _at_once(self, work: Sequence[tuple[list[Tabular], str]]) -> list[tuple[Staged, dict[str, str]]]:
        """Stage each group of files at its path, as many at a time as there are cores to do it."""
        if len(work) == 1:
            return [self._lanes[0].stage(*work[0], alone=True)]
        while len(self._lanes) < min(len(work), self._lake.cores):
            self._lanes.append(Lane(self._lake, self._types, self._rules))
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

    def __init__(self, lake: Lake, types: dict[str, dict[str, str]], rules: Sequence[Rule]) -> None:
        self._lake = lake
        self._types = types
        self._rules = rules
        self._engine = lake.computing_engine()
        self._columns: dict[object, TypedColumns] = {}
        load_macros(self._engine)

    def stage(self, files: Sequence[Tabular], path: str, *, alone: bool = False) -> tuple[Staged, dict[str, str]]:
        """Stage files that are written alike in one Parquet file.

        Args:
            files: at least one.
            path: see `Lake.staging_path`.
            alone: no other lane is at work.

        Returns:
            The files that were taken, and the reasons for which others were not.

        Raises:
            Retryable: the data path does not take the rows.
        """
        alone = alone and len(files) == 1
        found = [Text(file, quotes_of(file.path, file.delimiter), alone) for file in files]
        texts = [text for text in found if text.quotes.sound]
        refused = {text.file.load_id: _QUOTES for text in found if not text.quotes.sound}
        try:
            with self._lake.staging_file(path) as local:
                left_out = self._write(texts, local, refused) if texts else {}
                written = self._facts([text.file for text in texts], local) if local.exists() else {}
        except (Refused, Fatal, duckdb.Error, pa.ArrowException, OSError) as error:
            # Whatever it is, the strict pass meets it again, and explains it.
            if not isinstance(error, Refused | duckdb.OutOfRangeException):  # costs that nobody can add up
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
        return facts_of(
            str(local),
            table,
            fed,
            self._types[table],
            self._engine,
            tags_unread([scan]),
            rules=judging(self._rules, [scan]),
            marked=False,
        )

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
        if len({load_id for load_id, _ in piece.counts}) == 1:
            raise Refused(next(iter(refused.values())))
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
