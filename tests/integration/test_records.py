"""Which records of a file are charges: filters, padded records, a column for each service, on a real lake."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.decode import Staged, StagedLoad, Staging, Tabular, open_tabular, plain_text
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.reading import read_profiles

BASE = """
name = "mine"
title = "my own"
[match]
needs = ["charge_period_start", "billed_cost"]
[columns]
charge_period_start = { from = ["when"], required = true }
billed_cost = { from = ["cost"], required = true }
service_name = "service"
"""


@dataclass
class Staged1:
    """The staging of one batch of files that are read with one profile."""

    lake: Lake
    files: list[Tabular]
    staged: Staged

    def load(self, number: int = 0) -> StagedLoad:
        return self.staged.loads[self.files[number].load_id]

    def poison(self, number: int = 0) -> str:
        return self.staged.poisoned[self.files[number].load_id]

    def counts(self, number: int = 0) -> tuple[int, int, int]:
        """Rows, rejected records, and records left out."""
        load = self.load(number)
        return load.rows_loaded, load.rows_rejected, load.records_left_out

    def rows(self, number: int = 0, columns: str = "service_name, billed_cost") -> list[tuple[Any, ...]]:
        paths = self.staged.paths
        if not paths:
            return []
        sql = f"SELECT {columns} FROM read_parquet(?, union_by_name = true) WHERE load_id = ? ORDER BY ALL"
        return self.lake.rows(sql, [paths, self.files[number].load_id])


@dataclass
class Bench:
    """Stages texts, or the same records as Parquet."""

    lake: Lake
    folder: Path

    def stage(self, profile: str, *contents: str, parquet: bool = False) -> Staged1:
        (self.folder / "mine.toml").write_text(profile)
        own = read_profiles(self.folder, self.lake.columns("charges"), {})
        registry = ProfileRegistry([one.profile for one in own.values()], [])
        files = [self._file(content, registry, parquet=parquet) for content in contents]
        return Staged1(self.lake, files, Staging(self.lake).stage(files, new_id()))

    def _file(self, content: str, registry: ProfileRegistry, *, parquet: bool) -> Tabular:
        load_id = new_id()
        path = self.folder / f"{load_id}.object"
        if parquet:
            header, *records = [line.split(",") for line in content.splitlines()]
            columns = [[cells[i] or None for cells in records] for i in range(len(header))]
            pq.write_table(pa.table([pa.array(column, pa.string()) for column in columns], names=header), path)
        else:
            path.write_text(content)
        return open_tabular(load_id, plain_text(path, self.folder / f"{load_id}.text"), registry)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake.open(Settings(home=tmp_path_factory.mktemp("lake"), threads=2), create=True) as opened:
        yield opened


@pytest.fixture
def bench(lake: Lake, tmp_path: Path) -> Bench:
    return Bench(lake, tmp_path)


# -- only, leave_out ---------------------------------------------------------------------------------------

FILTERED = "when,kind,service,cost\n2026-09-01,Line,a,1\nno day,{0},b,no cost\n2026-09-01,Line,c,2\n,,d,3\n"


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    ("words", "left_out", "text"),
    [
        ('only = [{ from = ["kind"], is = ["line", "round*"] }]', 2, "Sum"),
        ('only = [{ from = ["kind"], is = "*" }, { from = "service", is = ["a", "C", "x"] }]', 2, "Line"),
        ('leave_out = [{ from = ["kind"], is = ["SUB*", ""] }]', 2, " Subtotal EUR"),
        ('leave_out = [{ from = ["kind"], is = ["*TOTAL"] }, { from = "service", is = "d" }]', 2, "Sub-total"),
        ('leave_out = [{ from = ["other"], is = "" }, { from = "kind", is = ["*b*t*", "-"] }]', 2, "Subtotal"),
    ],
)
def test_a_record_that_is_no_charge_is_counted_and_rejects_nothing(
    bench: Bench, words: str, left_out: int, text: str, parquet: bool
) -> None:
    profile = f'{BASE}[values]\nnulls = ["-"]\n[records]\n{words}\n'.replace("*b*t*", "*btot*")
    result = bench.stage(profile, FILTERED.format(text), parquet=parquet)
    assert result.counts() == (2, 0, left_out)
    assert result.rows() == [("a", Decimal(1)), ("c", Decimal(2))]
    assert result.load().billed_totals == {"XXX": Decimal(3)}
