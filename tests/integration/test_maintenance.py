"""Maintenance of a lake on one host: it changes no row, no snapshot that is kept and no change that somebody reads."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.verify import verify
from billstream.aggregator.watermark import read_watermark
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.datafiles import data_files
from billstream.common.settings import Settings
from billstream.maintenance.orphans import find_orphans, remove_orphans
from billstream.maintenance.steps import carry_out, maintenance_claim
from billstream.maintenance.upkeep import Upkeep, foresee
from billstream.maintenance.values import CleanUp, Flush, Forget, Merge, Renew
from tests.integration.aggregator_support import NOW, new_lake, remove_load, settings_in
from tests.integration.maintenance_support import (
    KEEP_ALL,
    KEEP_NONE,
    feed,
    load,
    maintained,
    snapshots,
    soon,
    tables_at,
)

EXAMPLES = int(os.environ.get("MAINTENANCE_EXAMPLES", "5"))
KEYS = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with new_lake(tmp_path_factory.mktemp("lake")) as opened:
        yield opened


# -- a property: whatever happened before and happens after --------------------------------------------------


@dataclass(frozen=True)
class Act:
    what: Literal["load", "remove", "refresh", "keep all", "keep none"]
    key: str = KEYS[0]
    rows: int = 2


acts = st.one_of(
    st.builds(Act, st.just("load"), st.sampled_from(KEYS), st.integers(1, 4)),
    st.builds(Act, st.just("load"), st.sampled_from(KEYS), st.integers(1, 4)),
    st.builds(Act, st.just("remove"), st.sampled_from(KEYS)),
    st.sampled_from([Act("refresh"), Act("keep all"), Act("keep none")]),
)


class Lived:
    """A lake that histories happen to, one after the other."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.active: dict[str, str] = {}
        self.made = lake.snapshot_id()  # the snapshots before do not have all the tables
        self.loads = 0
        self.rebuilt: list[str] = []

    def take(self, act: Act) -> None:
        match act.what:
            case "load":
                self.loads += 1
                load_id = f"{act.key}-{self.loads}"
                load(self.lake, load_id, act.rows, replaces=self.active.get(act.key))
                self.active[act.key] = load_id
            case "remove" if act.key in self.active:
                remove_load(self.lake, self.active.pop(act.key))
            case "refresh":
                done = refresh_once(self.lake, now=NOW)
                assert done.watermark.reason in {None, "first refresh"}
            case "keep all" | "keep none":
                self.maintain(keeps=act.what == "keep all")

    def maintain(self, *, keeps: bool) -> None:
        """Everything that can still be asked for has the same answer afterwards."""
        lake, newest = self.lake, self.lake.snapshot_id()
        mark = read_watermark(lake, newest)
        assert mark
        first = snapshots(lake)[0] if keeps else mark.snapshot_id
        since = max(first, self.made)
        kept = [version for version in snapshots(lake) if version >= since]
        # The ends, and a few in between: an answer takes as long as a commit.
        chosen = sorted({*kept[:2], *kept[-3:], *kept[:: 1 + len(kept) // 3]})
        before = {version: tables_at(lake, version) for version in chosen}
        spans = [(after + 1, last) for after, last in pairwise(chosen)] + [(since + 1, newest)] * (since < newest)
        told = {span: feed(lake, *span) for span in spans}
        report = maintained(lake, KEEP_ALL if keeps else KEEP_NONE)
        assert not report.failed
        assert not report.refused
        assert snapshots(lake)[0] == first
        assert {version: tables_at(lake, version) for version in before} == before
        assert {span: feed(lake, *span) for span in spans} == told
        # What maintenance committed itself tells of no change: what it wrote anew has left in the same snapshot.
        moved = feed(lake, newest + 1, lake.snapshot_id()) if lake.snapshot_id() > newest else []
        assert [row for way, *row in moved if way == "in"] == [row for way, *row in moved if way == "out"]


def test_maintenance_changes_no_answer(lake: Lake) -> None:
    lived = Lived(lake)
    lived.take(Act("refresh"))

    @settings(max_examples=EXAMPLES, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(acts, min_size=4, max_size=12))
    def play(history: list[Act]) -> None:
        for act in history:
            lived.take(act)

    play()
    for act in (Act("refresh"), Act("load"), Act("load"), Act("remove"), Act("keep none"), Act("refresh")):
        lived.take(act)
    assert verify(lake) == []
    rebuild(lake, now=NOW)
    assert verify(lake) == []


# -- what is done, and what is left alone ---------------------------------------------------------------------


def test_files_and_snapshots_become_few_and_disk_is_freed(lake: Lake) -> None:
    for number in range(12):
        load(lake, f"many-{number}", replaces=f"many-{number - 1}" if number % 2 else None)
    refresh_once(lake, now=NOW)
    folder = Path(lake.data_path)
    files = len(list(folder.rglob("*.parquet")))
    rows = lake.rows("SELECT count(*), sum(billed_cost) FROM charges")
    charges = len(lake.rows("FROM ducklake_list_files('lake', 'charges')"))
    _, steps = foresee(lake, KEEP_NONE, now=soon())
    assert {type(step).__name__ for step in steps} >= {"Flush", "Expire", "Merge"}
    report = maintained(lake)
    assert len(lake.rows("FROM ducklake_list_files('lake', 'charges')")) < charges
    assert report.after.snapshots < report.before.snapshots
    assert all(done.changed <= KEEP_NONE.most_files for done in report.done if isinstance(done.step, Merge))
    assert lake.rows("SELECT count(*), sum(billed_cost) FROM charges") == rows
    assert len(list(folder.rglob("*.parquet"))) < files
    # A row that was deleted within an hour is young, and so is what a run itself does: the next one finds it.
    settled = maintained(lake)
    assert {type(done.step) for done in settled.done} <= {Renew, CleanUp}
    # Nothing is left to do, and doing it changes nothing.
    assert maintained(lake).done == ()
    assert maintained(lake).after == settled.after


def test_files_that_no_snapshot_needs_stay_for_whoever_reads_them(lake: Lake) -> None:
    for number in range(4):
        load(lake, f"read-{number}")
    # With one thread: with more, DuckDB reads an SQLite catalog over several connections, outside of its transaction.
    with Lake.open(Settings(home=Path(lake.data_path).parent, threads=1), read_only=True) as reader:
        reader.connection.execute("BEGIN")
        old = tables_at(reader, reader.snapshot_id())
        version = reader.snapshot_id()
        report = maintained(lake, replace(KEEP_NONE, grace=timedelta(hours=2)))
        assert report.after.files_waiting
        assert tables_at(reader, version) == old
        reader.connection.execute("COMMIT")
    bounded = maintained(lake, replace(KEEP_NONE, most_removed=1))
    assert any(isinstance(done.step, CleanUp) for done in bounded.done)
    assert bounded.after.files_waiting == bounded.after.files_to_remove == 0


def test_a_delete_file_whose_place_another_one_takes_is_removed_and_no_answer_changes(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        for key in "abc":
            load(lake, key, 50)
        maintained(lake)  # one data file has all their rows
        first = lake.snapshot_id()
        load(lake, "d", 50, replaces="a")
        load(lake, "e", 50, replaces="b")
        last = lake.snapshot_id()
        ((path,),) = lake.rows(f"SELECT path FROM {METADATA}.ducklake_files_scheduled_for_deletion")
        file = Path(lake.data_path, path)
        assert file.exists()

        def answers() -> list[object]:
            return [feed(lake, first + 1, last), *(tables_at(lake, version) for version in range(first, last + 1))]

        before = answers()
        maintained(lake, KEEP_ALL)
        assert not file.exists()
        assert answers() == before


def test_rows_of_no_snapshot_leave_the_catalog(lake: Lake) -> None:
    for number in range(8):
        load(lake, f"marked-{number}")
        refresh_once(lake, now=NOW)
    report = maintained(lake)
    assert "watermark" in {done.step.table for done in report.done if isinstance(done.step, Forget)}
    after = report.after
    assert [rows.live for rows in after.inlined if rows.table == "watermark"] == [1]
    assert all(rows.dead < KEEP_NONE.many_rows for rows in after.inlined)
    assert refresh_once(lake, now=NOW).changed is False


# -- options ---------------------------------------------------------------------------------------------------


def test_options_that_a_death_has_left_out_are_set_again(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        wanted = lake.rows("SELECT option_name, value, scope_entry FROM ducklake_options('lake') ORDER BY ALL")
        lake.connection.execute(f"DELETE FROM {METADATA}.ducklake_metadata WHERE scope = 'table'")
    with Lake.open(settings_in(tmp_path)) as lake:
        assert lake.rows("SELECT count(*) FROM ducklake_options('lake') WHERE scope = 'TABLE'") == [(0,)]
        assert maintained(lake, KEEP_ALL).options_restored
        assert not maintained(lake, KEEP_ALL).options_restored
        lake.connection.execute(f"DELETE FROM {METADATA}.ducklake_metadata WHERE scope = 'table'")
    with new_lake(tmp_path) as lake:
        assert lake.rows("SELECT option_name, value, scope_entry FROM ducklake_options('lake') ORDER BY ALL") == wanted
        _upkeep_runs_once_a_minute(lake, tmp_path)


def _upkeep_runs_once_a_minute(lake: Lake, folder: Path) -> None:
    upkeep = Upkeep(lake, settings_in(folder))
    newest = lake.newest_snapshot()
    assert upkeep.due(newest)
    assert upkeep.run_if_due()
    assert not upkeep.run_if_due()
    assert not upkeep.due(newest)
    upkeep._due = 0.0  # a minute later
    assert upkeep.due(lake.newest_snapshot() + 1)
    assert upkeep.run_if_due()
    upkeep._due = 0.0
    assert not upkeep.due(lake.newest_snapshot()), "there is nothing left, and nobody has committed"
    unwanted = settings_in(folder).model_copy(update={"maintain": False})
    assert not Upkeep(lake, unwanted).run_if_due()
    assert not Upkeep(lake, unwanted).due(newest + 1)


def test_files_whose_rows_are_all_deleted_are_not_renewed(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        for load_id in KEYS:
            load(lake, load_id)
        refresh_once(lake, now=NOW)
        assert carry_out(lake, Flush("changed_loads", 1), maintenance_claim(lake), KEEP_ALL, soon())
        flushed = tuple(file.file_id for file in data_files(lake, "changed_loads"))
        lake.run("DELETE FROM changed_loads")
        assert [file.file_id for file in data_files(lake, "changed_loads")] == list(flushed) != []
        before = snapshots(lake)
        step = Renew("changed_loads", flushed, 0, 0)
        assert carry_out(lake, step, maintenance_claim(lake), KEEP_ALL, soon()) == 0
        assert snapshots(lake) == before
        assert list(Path(lake.data_path).rglob("renewed-*")) == []


# -- orphans ---------------------------------------------------------------------------------------------------


def test_only_old_files_in_the_folders_of_tables_are_orphans(lake: Lake) -> None:
    load(lake, "known")
    data = Path(lake.data_path)
    known = sorted(path for path in data.rglob("*.parquet"))
    old = datetime.now(UTC) - timedelta(days=10)
    names = ("main/charges/lost.parquet", "main/ledger/lost.parquet", "sealed/1-commit/main/charges/ducklake-x.parquet")
    left = [data / name for name in (*names, "somebody/else.parquet", "main/charges/notes.txt")]
    for path in (*left, *known):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (old.timestamp(), old.timestamp()))
    (data / "main/charges/staged.parquet").write_bytes(b"about to be committed")
    found = find_orphans(lake, timedelta(days=7))
    assert found == [str(path) for path in left[:2]]
    assert all(path.exists() for path in left)
    with structlog.testing.capture_logs() as logs:
        assert remove_orphans(lake, timedelta(days=7)) == found
    assert [event["files"] for event in logs if event["event"] == "orphans_removed"] == [2]
    assert [path.exists() for path in left] == [False, False, True, True, True]
    assert all(path.exists() for path in known)
    assert find_orphans(lake, timedelta(days=7)) == []
    with pytest.raises(ValueError, match="at least a day"):
        find_orphans(lake, timedelta(hours=23))
