"""Many files at once into one Parquet file of rows, with counts and rejected rows for each file.

The first pass is fast and strict: one scan over all files that are written alike, every value exact or marked.
Only a file with a marked row is read a second time, carefully: what fits is kept, digits beyond the 18th
decimal are rounded and counted, and each row that does not fit is listed with its line and its reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import groupby

import duckdb

from billstream.common.errors import Poison
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.consumer.decode.projection import BAD_MARK
from billstream.consumer.decode.rejects import RejectedRow, Rejects, locate
from billstream.consumer.decode.scan import Scan, certain_forms, literals, scan_key
from billstream.consumer.decode.tabular import Tabular

NO_CURRENCY = "XXX"  # ISO 4217's code for "no currency"
MAX_REJECTED_ROWS = 10_000  # listed for one file; all are counted
# DuckDB's exceptions over the content of a file: what it cannot split or cast, and costs whose sum does not fit.
_CONTENT_ERRORS = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)


@dataclass(frozen=True)
class StagedLoad:
    """The result of decoding one file: counts, totals and days of its rows, and the rows that were rejected."""

    rows_loaded: int = 0
    values_rounded: int = 0
    rows_rejected: int = 0
    rejected: tuple[RejectedRow, ...] = ()
    billed_totals: dict[str, Decimal] = field(default_factory=dict)
    first_charge_day: date | None = None
    last_charge_day: date | None = None

    def with_rejects(self, rejects: Rejects) -> "StagedLoad":
        """Return the load with more rejected rows."""
        return replace(self, rejected=(*self.rejected, *rejects.rows), rows_rejected=self.rows_rejected + rejects.total)


@dataclass
class Staged:
    """Rows of several loads in Parquet files that no commit refers to yet."""

    paths: list[str] = field(default_factory=list)
    loads: dict[str, StagedLoad] = field(default_factory=dict)
    poisoned: dict[str, str] = field(default_factory=dict)

    def take(self, other: "Staged") -> None:
        """Add the files and loads of another staging."""
        self.paths += other.paths
        self.loads |= other.loads
        self.poisoned |= other.poisoned


class Staging:
    """Decodes files with the lake's own DuckDB."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._types = lake.columns("charges")

    def stage(self, files: Sequence[Tabular], name: str) -> Staged:
        """Decode `files` into Parquet files whose names begin with `name`.

        A file that DuckDB cannot read at all is found by halving, and is poisoned alone.

        Raises:
            Retryable: the data path does not answer.
            Fatal: DuckDB's memory is too small, or it failed in a way that no file explains.
        """
        staged = Staged(loads={file.load_id: StagedLoad() for file in files if file.binding is None})
        readable = [file for file in files if file.binding is not None]
        staged.poisoned = self._unreadable([file for file in readable if file.text.parquet])
        if readable := [file for file in readable if file.load_id not in staged.poisoned]:
            staged.take(self._stage_or_halve(readable, name))
        return staged

    def keep_only(self, staged: Staged, load_ids: Iterable[str], name: str) -> None:
        """Rewrite the staged files so that only these loads remain. Needed when a commit dropped some of them."""
        kept = sorted(set(load_ids))
        staged.loads = {load_id: load for load_id, load in staged.loads.items() if load_id in kept}
        staged.poisoned = {load_id: why for load_id, why in staged.poisoned.items() if load_id in kept}
        if not any(load.rows_loaded for load in staged.loads.values()):
            self.discard(staged)
            return
        path = self._lake.staging_path(name)
        rows = f"read_parquet({literals(staged.paths)}, union_by_name = true, hive_partitioning = false)"
        self._write(f"SELECT * FROM {rows} WHERE list_contains({literals(kept)}, load_id)", path)
        self.discard(staged)
        staged.paths = [path]

    def discard(self, staged: Staged) -> None:
        """Remove the staged files."""
        for path in staged.paths:
            self._lake.discard(path)
        staged.paths = []

    def _unreadable(self, files: Sequence[Tabular]) -> dict[str, str]:
        """Return the Parquet files that DuckDB cannot even begin to read, with the reason.

        DuckDB reports them with errors of every class, also those that it has for its own bugs, so each file is tried
        alone.
        """
        reasons = {}
        for file in files:
            try:
                self._lake.engine.execute(f"SELECT * FROM {Scan([file], self._types, number=0).reader()} LIMIT 0")
            except duckdb.Error as error:
                reasons[file.load_id] = _unreadable_reason("Parquet file", error)
        return reasons

    # -- the two passes ----------------------------------------------------------------------------------

    def _stage_or_halve(self, files: Sequence[Tabular], name: str) -> Staged:
        try:
            staged = self._strict_pass(files, name)
            suspects = [file for file in files if BAD_MARK + file.load_id in staged.loads]
            if not suspects:
                return staged
            # The rows of the suspects are dropped here, and staged again by the careful pass.
            self.keep_only(staged, {f.load_id for f in files} - {f.load_id for f in suspects}, f"{name}-clean")
        except Poison as poison:
            # DuckDB names no file in most errors, so the culprit is found by halving.
            if len(files) == 1:
                return Staged(poisoned={files[0].load_id: str(poison)})
            middle = len(files) // 2
            staged = self._stage_or_halve(files[:middle], f"{name}a")
            staged.take(self._stage_or_halve(files[middle:], f"{name}b"))
            return staged
        for file in suspects:
            try:
                staged.take(self._careful_pass(file, f"{name}-{file.load_id}"))
            except Poison as poison:
                staged.poisoned[file.load_id] = str(poison)
        return staged

    def _strict_pass(self, files: Sequence[Tabular], name: str) -> Staged:
        """Decode all files in one statement. A load with marked rows is listed under its marked load id, too."""
        engine = self._lake.engine
        alike = [list(group) for _, group in groupby(sorted(files, key=scan_key), key=scan_key)]
        scans = [
            Scan(group, self._types, number=number, forms=certain_forms(group[0].header_binding.profile))
            for number, group in enumerate(alike)
        ]
        path = self._lake.staging_path(name)
        for scan in scans:
            scan.prepare(engine)
        written = self._write(" UNION ALL BY NAME ".join(scan.marked_rows() for scan in scans), path)
        loads = {file.load_id: StagedLoad() for file in files} | written
        for scan in scans:
            for load_id, rejects in scan.structural_rejects(engine, MAX_REJECTED_ROWS).items():
                loads[load_id] = loads[load_id].with_rejects(rejects)
        return self._without_empty_file(Staged([path], loads))

    def _careful_pass(self, file: Tabular, name: str) -> Staged:
        """Decode one file with suspicious rows: round, and list every row that does not fit.

        Raises:
            Poison: the file is of another kind than its profile is for, or its dates are ambiguous.
        """
        engine = self._lake.engine
        scan = Scan([file], self._types, number=0, exact=False)
        scan.prepare(engine)
        try:
            if why := scan.wrong_kind(engine):
                raise Poison(why)
            scan = replace(scan, forms=scan.time_forms(engine))
        except duckdb.Error as error:
            raise self._failure(error) from error
        path = self._lake.staging_path(name)
        scan.prepare(engine)  # the questions above have read the file, and left rejects
        load = self._write(scan.good_rows(), path).get(file.load_id, StagedLoad())
        structural = scan.structural_rejects(engine, MAX_REJECTED_ROWS).get(file.load_id, Rejects())
        values = scan.value_rejects(engine, MAX_REJECTED_ROWS)
        load = load.with_rejects(structural).with_rejects(replace(values, rows=locate(file, values.rows)))
        load = replace(load, values_rounded=scan.values_rounded(engine))
        return self._without_empty_file(Staged([path], {file.load_id: load}))

    def _without_empty_file(self, staged: Staged) -> Staged:
        if not any(load.rows_loaded for load in staged.loads.values()):
            self.discard(staged)
        return staged

    # -- DuckDB ------------------------------------------------------------------------------------------

    def _write(self, select: str, path: str) -> dict[str, StagedLoad]:
        """Write rows to a staged file, which exists as a whole or not at all.

        Returns:
            Counts, totals and days of each load in it; of marked rows, counts alone.
        """
        # The facts are read from the file that was written: they are what a commit adds.
        fits = f"FILTER (NOT starts_with(load_id, {literal(BAD_MARK)}))"
        facts = (
            f"SELECT load_id, coalesce(billing_currency, ?), count(*), sum(billed_cost) {fits}, "
            f"(min(charge_period_start) {fits})::DATE, (max(charge_period_start) {fits})::DATE "
            f"FROM read_parquet({literal(path)}, hive_partitioning = false) GROUP BY ALL ORDER BY ALL"
        )
        try:
            self._lake.engine.execute(f"COPY ({select}) TO {literal(path)} (FORMAT parquet)")
            found = self._lake.engine.execute(facts, [NO_CURRENCY]).fetchall()
        except duckdb.Error as error:
            self._lake.discard(path)
            raise self._failure(error) from error
        loads: dict[str, StagedLoad] = {}
        for load_id, currency, rows, billed, first, last in found:
            load = loads.get(load_id, StagedLoad())
            days = [day for day in (load.first_charge_day, load.last_charge_day, first, last) if day is not None]
            loads[load_id] = replace(
                load,
                rows_loaded=load.rows_loaded + rows,
                billed_totals=load.billed_totals if billed is None else {**load.billed_totals, currency: billed},
                first_charge_day=min(days, default=None),
                last_charge_day=max(days, default=None),
            )
        return loads

    def _failure(self, error: duckdb.Error) -> Exception:
        # An error of no class of its own is one of a library that DuckDB reads with, Parquet's Thrift above all.
        if isinstance(error, _CONTENT_ERRORS) or type(error) is duckdb.Error:
            return Poison(_unreadable_reason("file", error))
        return self._lake.failure(error, "decoding files")


def _unreadable_reason(what: str, error: duckdb.Error) -> str:
    first = str(error).splitlines()[0].rstrip(".")
    return f"DuckDB cannot read the {what}: {first}. No row of it is loaded: repair the file and upload it again."
