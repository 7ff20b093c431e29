"""Many files at once into one Parquet file of rows, and what is to be said of each file.

The first pass is fast and strict: one scan over all files that are written alike, every value exact or marked.
Only a file with a marked row is read a second time, carefully: what fits is kept, digits beyond the 18th
decimal are rounded and counted, and each row that does not fit is listed with its line and its reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

import duckdb

from billstream.common.errors import Poison
from billstream.common.lake.catalog import literal
from billstream.common.lake.failures import translate
from billstream.consumer.decode.forms import forms_of, plain_forms
from billstream.consumer.decode.projection import BAD_MARK
from billstream.consumer.decode.rejects import RejectedRow, Rejects, locate
from billstream.consumer.decode.scan import Scan, likeness, path_list
from billstream.consumer.decode.tabular import Tabular

if TYPE_CHECKING:
    from billstream.common.lake import Lake

NO_CURRENCY = "XXX"  # ISO 4217's code for "no currency"
MAX_REJECTED_ROWS = 10_000  # listed for one file; all are counted
# DuckDB's exceptions over what is in a file: what it cannot split or cast, and costs whose sum does not fit.
_OF_THE_FILE = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)


@dataclass(frozen=True)
class StagedLoad:
    """What became of the records of one file."""

    rows_loaded: int = 0
    values_rounded: int = 0
    rows_rejected: int = 0
    rejected: tuple[RejectedRow, ...] = ()
    billed_totals: dict[str, Decimal] = field(default_factory=dict)
    first_charge_day: date | None = None
    last_charge_day: date | None = None


@dataclass
class Staged:
    """Rows of several loads in Parquet files that no commit refers to yet."""

    paths: list[str] = field(default_factory=list)
    loads: dict[str, StagedLoad] = field(default_factory=dict)
    poisoned: dict[str, str] = field(default_factory=dict)

    def take(self, other: "Staged") -> None:
        """Add what another staging brought."""
        self.paths += other.paths
        self.loads |= other.loads
        self.poisoned |= other.poisoned


class Staging:
    """Decodes files with the lake's own DuckDB."""

    def __init__(self, lake: "Lake") -> None:
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
        chosen = ", ".join(literal(load_id) for load_id in kept)
        rows = f"read_parquet({path_list(staged.paths)}, union_by_name = true, hive_partitioning = false)"
        self._write(f"SELECT * FROM {rows} WHERE load_id IN ({chosen})", path)
        self.discard(staged)
        staged.paths = [path]

    def discard(self, staged: Staged) -> None:
        """Remove the staged files."""
        for path in staged.paths:
            self._lake.discard(path)
        staged.paths = []

    def _unreadable(self, files: Sequence[Tabular]) -> dict[str, str]:
        """Parquet files that DuckDB cannot even begin to read, with the reason.

        It says so with errors of every class, also those that it has for its own bugs, so each file is tried alone.
        """
        reasons = {}
        for file in files:
            try:
                self._engine.execute(f"SELECT * FROM {Scan([file], self._types, number=0).reader()} LIMIT 0")
            except duckdb.Error as error:
                reasons[file.load_id] = f"DuckDB cannot read the Parquet file: {str(error).splitlines()[0]}"
        return reasons

    # -- the two passes ----------------------------------------------------------------------------------

    def _stage_or_halve(self, files: Sequence[Tabular], name: str) -> Staged:
        try:
            return self._stage(files, name)
        except Poison as poison:
            if len(files) == 1:
                return Staged(poisoned={files[0].load_id: str(poison)})
        middle = len(files) // 2
        staged = self._stage_or_halve(files[:middle], f"{name}a")
        staged.take(self._stage_or_halve(files[middle:], f"{name}b"))
        return staged

    def _stage(self, files: Sequence[Tabular], name: str) -> Staged:
        staged = self._strict_pass(files, name)
        suspects = [file for file in files if BAD_MARK + file.load_id in staged.loads]
        if not suspects:
            return staged
        clean = {file.load_id for file in files} - {file.load_id for file in suspects}
        self.keep_only(staged, clean, f"{name}-clean")
        for file in suspects:
            try:
                staged.take(self._careful_pass(file, f"{name}-{file.load_id}"))
            except Poison as poison:
                staged.poisoned[file.load_id] = str(poison)
        return staged

    def _strict_pass(self, files: Sequence[Tabular], name: str) -> Staged:
        scans = [
            Scan(alike, self._types, number=number, forms=plain_forms(alike[0].header_binding.profile))
            for number, alike in enumerate(
                list(group) for _, group in groupby(sorted(files, key=likeness), key=likeness)
            )
        ]
        path = self._lake.staging_path(name)
        for scan in scans:
            scan.forget_rejects(self._engine)
        facts = self._write(" UNION ALL BY NAME ".join(scan.marked_rows() for scan in scans), path)
        loads = {file.load_id: StagedLoad() for file in files} | facts
        for scan in scans:
            for load_id, rejects in scan.structural_rejects(self._engine, MAX_REJECTED_ROWS).items():
                loads[load_id] = _with_rejects(loads[load_id], rejects)
        staged = Staged([path], loads)
        if not any(load.rows_loaded for load in loads.values()):
            self.discard(staged)
        return staged

    def _careful_pass(self, file: Tabular, name: str) -> Staged:
        scan = self._careful_scan(file)
        path = self._lake.staging_path(name)
        scan.forget_rejects(self._engine)
        load = self._write(scan.good_rows(), path).get(file.load_id, StagedLoad())
        structural = scan.structural_rejects(self._engine, MAX_REJECTED_ROWS).get(file.load_id, Rejects())
        values = scan.value_rejects(self._engine, MAX_REJECTED_ROWS)
        load = _with_rejects(load, structural)
        load = _with_rejects(load, replace(values, rows=locate(file, values.rows)))
        load = replace(load, values_rounded=scan.values_rounded(self._engine))
        staged = Staged([path], {file.load_id: load})
        if not load.rows_loaded:
            self.discard(staged)
        return staged

    def _careful_scan(self, file: Tabular) -> Scan:
        scan = Scan([file], self._types, number=0, exact=False)
        scan.forget_rejects(self._engine)
        try:
            if why := scan.another_kind(self._engine):
                raise Poison(why)
            forms = forms_of(scan, self._engine)
        except duckdb.Error as error:
            raise self._failure(error) from error
        return Scan([file], self._types, number=0, exact=False, forms=forms)

    # -- DuckDB ------------------------------------------------------------------------------------------

    @property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        return self._lake.engine

    def _write(self, select: str, path: str) -> dict[str, StagedLoad]:
        """Write rows to a staged file, which is there as a whole or not at all. Returns what is in it, by load id."""
        try:
            self._engine.execute(f"COPY ({select}) TO {literal(path)} (FORMAT parquet)")
            return self._facts(path)
        except duckdb.Error as error:
            self._lake.discard(path)
            raise self._failure(error) from error

    @staticmethod
    def _failure(error: duckdb.Error) -> Exception:
        # An error of no class of its own is one of a library that DuckDB reads with, Parquet's Thrift above all.
        if isinstance(error, _OF_THE_FILE) or type(error) is duckdb.Error:
            return Poison(f"DuckDB cannot read the file: {str(error).splitlines()[0]}")
        return translate(error, "decoding files")

    def _facts(self, path: str) -> dict[str, StagedLoad]:
        """Counts, totals and days of each load in a staged file; of marked rows, counts alone."""
        facts: dict[str, StagedLoad] = {}
        fits = f"FILTER (NOT starts_with(load_id, {literal(BAD_MARK)}))"
        sql = (
            f"SELECT load_id, coalesce(billing_currency, ?), count(*), sum(billed_cost) {fits}, "
            f"(min(charge_period_start) {fits})::DATE, (max(charge_period_start) {fits})::DATE "
            f"FROM read_parquet({literal(path)}, hive_partitioning = false) GROUP BY ALL ORDER BY ALL"
        )
        for load_id, currency, rows, billed, first, last in self._engine.execute(sql, [NO_CURRENCY]).fetchall():
            facts[load_id] = _add_currency(facts.get(load_id, StagedLoad()), currency, rows, billed, first, last)
        return facts


def _with_rejects(load: StagedLoad, rejects: Rejects) -> StagedLoad:
    return replace(
        load,
        rejected=(*load.rejected, *rejects.rows),
        rows_rejected=load.rows_rejected + rejects.total,
    )


def _add_currency(
    load: StagedLoad, currency: str, rows: int, billed: Decimal | None, first: date | None, last: date | None
) -> StagedLoad:
    totals = load.billed_totals if billed is None else {**load.billed_totals, currency: billed}
    days = [day for day in (load.first_charge_day, load.last_charge_day, first, last) if day is not None]
    return replace(
        load,
        rows_loaded=load.rows_loaded + rows,
        billed_totals=totals,
        first_charge_day=min(days, default=None),
        last_charge_day=max(days, default=None),
    )
