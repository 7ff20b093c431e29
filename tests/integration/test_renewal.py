"""Deleted rows leave the disk: files that have many of them are written anew, and every answer stays the same."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.verify import verify
from billstream.aggregator.watermark import read_watermark
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.maintenance.upkeep import Report
from billstream.maintenance.values import CleanUp, Renew, Step
from tests.integration.aggregator_support import NOW, new_lake
from tests.integration.maintenance_support import KEEP_ALL, KEEP_NONE, feed, load, maintained, snapshots, tables_at


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with new_lake(tmp_path_factory.mktemp("lake")) as opened:
        yield opened


def steps(report: Report, kind: type[Step], table: str | None = None) -> list[Step]:
    return [
        done.step
        for done in report.done
        if isinstance(done.step, kind) and table in {None, getattr(done.step, "table", None)}
    ]


def told_by_the_last_refresh(lake: Lake) -> list[object]:
    tables = ("changed_loads", "day_arrivals", "cost_cells", "daily_costs", "load_coverage", "ledger")
    return [lake.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables]


def test_what_is_left_of_a_file_moves_to_a_new_one(lake: Lake) -> None:
    first = lake.snapshot_id()
    for number in range(6):
        load(lake, f"a-{number}", 3)
    refresh_once(lake, now=NOW)
    maintained(lake, KEEP_ALL)
    load(lake, "b-1", replaces="a-1")
    load(lake, "b-2", 4, replaces="a-2")
    refreshed = refresh_once(lake, now=NOW)
    newest = lake.snapshot_id()
    kept = [version for version in snapshots(lake) if version > first]
    before = {version: tables_at(lake, version) for version in kept}
    spans = [(kept[0], newest), (kept[3], newest), (refreshed.snapshot_id, newest), (newest, newest)]
    feeds = {span: feed(lake, *span) for span in spans}
    told = told_by_the_last_refresh(lake)
    # A file with few deleted rows stays as it is, and so does one that has less to gain than a step is worth.
    assert not steps(maintained(lake, replace(KEEP_ALL, dead_bytes=10**9)), Renew)
    assert not steps(maintained(lake, replace(KEEP_ALL, dead_share=0.9)), Renew, "charges")
    assert steps(maintained(lake, KEEP_ALL), Renew, "charges")
    assert lake.rows("SELECT count(*) FROM ducklake_list_files('lake', 'charges') WHERE delete_file IS NOT NULL") == [
        (0,)
    ]
    assert {version: tables_at(lake, version) for version in kept} == before
    assert tables_at(lake, lake.snapshot_id())[0] == before[newest][0]
    assert {span: feed(lake, *span) for span in spans} == feeds
    _the_next_refresh_finds_nothing_new(lake, newest, told)


def _the_next_refresh_finds_nothing_new(lake: Lake, newest: int, told: list[object]) -> None:
    moved = feed(lake, newest + 1, lake.snapshot_id())
    assert moved
    went, came = ([row[2:] for row in moved if row[0] == way] for way in ("out", "in"))
    assert went == came
    refreshed = refresh_once(lake, now=NOW)
    assert not refreshed.changed
    assert refreshed.watermark.rows_inserted != 0  # that of the refresh before: nothing new was found
    assert refreshed.watermark.snapshot_id > newest  # or each refresh would read the same rows again
    assert read_watermark(lake, lake.snapshot_id()) == refreshed.watermark
    assert told_by_the_last_refresh(lake) == told
    assert verify(lake) == []


def test_a_clean_up_is_bounded(lake: Lake) -> None:
    for number in range(8):
        load(lake, f"c-{number}")
    refresh_once(lake, now=NOW)
    # The merges are steps of their own, and what they replace has to wait.
    waiting = maintained(lake, replace(KEEP_NONE, grace=timedelta(hours=2)))
    assert not steps(waiting, CleanUp)
    assert waiting.after.files_waiting > 1
    report = maintained(lake, replace(KEEP_NONE, most_removed=4))
    assert len(steps(report, CleanUp)) >= 2
    assert max(done.changed for done in report.done if isinstance(done.step, CleanUp)) <= 4
    assert report.after.files_waiting == report.after.files_to_remove == 0


# -- the bound --------------------------------------------------------------------------------------------------


def restate(lake: Lake, load_id: str, replaces: str | None) -> None:
    """A load of 2,000 rows with amounts that do not repeat, as a consumer stages and commits it."""
    path = lake.staging_path(load_id)
    lake.run(
        f"COPY (SELECT '{load_id}' AS load_id, TIMESTAMPTZ '2026-07-01 00:00:00+00' AS charge_period_start, "
        "'USD' AS billing_currency, (hash(range, $1) % 1000000007)::DECIMAL(38, 18) AS billed_cost, "
        f"md5(range || $1) AS resource_id FROM range(2000)) TO {literal(path)} (FORMAT parquet)",
        [load_id],
    )

    def write(con: duckdb.DuckDBPyConnection) -> None:
        if replaces:
            con.execute(f"DELETE FROM charges WHERE load_id IN ({literal(replaces)})")
        con.execute("CALL ducklake_add_data_files('lake', 'charges', ?, allow_missing => true)", [path])

    lake.commit(write, claims=[], author="test", message="restate", staged=[path])


def test_restatements_of_merged_files_do_not_fill_the_disk(tmp_path: Path) -> None:
    limits = replace(KEEP_NONE, many_files=6, most_files=300, most_snapshots=200, dead_bytes=10_000)
    random = Random(7)  # noqa: S311 - the same history each time
    renewed = 0
    with new_lake(tmp_path) as lake:
        active = dict.fromkeys(range(20), "")
        for number in range(80):
            file = number if number < 20 else random.randrange(20)
            restate(lake, f"{file}-{number}", active[file] or None)
            active[file] = f"{file}-{number}"
            if number % 10 == 9:
                refresh_once(lake, now=NOW)
                renewed += len(steps(maintained(lake, limits), Renew, "charges"))
        for _ in range(2):  # the aggregates hold the snapshot that they go on from, and the files of before a renewal
            refresh_once(lake, now=NOW)
            maintained(lake, limits)
        assert renewed >= 2
        found = lake.rows("SELECT DISTINCT load_id FROM charges ORDER BY ALL")
        assert found == sorted((load_id,) for load_id in active.values())
        assert verify(lake) == []
        fresh = tmp_path / "fresh.parquet"
        lake.run(f"COPY (SELECT * FROM charges) TO {literal(str(fresh))} (FORMAT parquet)")
        on_disk = sum(path.stat().st_size for path in (tmp_path / "data" / "main" / "charges").rglob("*"))
        assert on_disk <= 1.3 * fresh.stat().st_size
