"""A bench for profiles about records: texts, or the same records as Parquet, are staged with a profile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from billstream.common.ids import new_id
from billstream.common.lake import Lake
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
class Batch:
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

    def stage(self, profile: str | None, *contents: str, parquet: bool = False) -> Batch:
        """Stage files with this profile, or with the built-in ones."""
        if profile is None:
            registry = ProfileRegistry.load(None, columns=self.lake.columns("charges"))
        else:
            (self.folder / "mine.toml").write_text(profile)
            own = read_profiles(self.folder, self.lake.columns("charges"), {})
            registry = ProfileRegistry([one.profile for one in own.values()], [])
        files = [self._file(content, registry, parquet=parquet) for content in contents]
        return Batch(self.lake, files, Staging(self.lake).stage(files, new_id()))

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
