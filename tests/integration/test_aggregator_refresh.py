"""Folding on a real lake: what is written, what is not, and who may write it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from billstream.aggregator import refresh
from billstream.aggregator.fold import groups
from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.rollups import ROLLUPS
from billstream.aggregator.verify import Difference, verify
from billstream.common.errors import Fatal
from billstream.common.lake import Claim, Lake, Write
from tests.integration.aggregator_support import (
    GRAINS,
    NOW,
    Line,
    Row,
    commit_load,
    meddle,
    modelled,
    new_lake,
    remove_load,
    settings_in,
    settle,
    stored,
)

DAY = datetime(2025, 6, 30, 23, 59, tzinfo=UTC)
CHARGE = Row(
    DAY,
    billing_currency="USD",
    x_user_id="ada",
    service_name="chat",
    x_service_tier="batch",
    resource_type="model",
    region_id="eu-1",
    billed_cost=Decimal("1.123456789012345678"),
    effective_cost=Decimal("0.5"),
    list_cost=Decimal(2),
    consumed_quantity=Decimal("3.5"),
    consumed_unit="Tokens",
)
BARE = Row(DAY)
CREDITS = Row(DAY, x_user_id="ada", consumed_quantity=Decimal("0.1"), consumed_unit="Credits")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as opened:
        refresh_once(opened, now=NOW)
        yield opened


def holds(lake: Lake, rows: Sequence[Row]) -> bool:
    return all(stored(lake, table) == modelled(rows, table) for table in GRAINS)


def test_the_tables_have_the_columns_that_the_rollups_need(lake: Lake) -> None:
    shared = list(lake.columns("daily_costs"))[2:]
    for rollup in ROLLUPS:
        # A later version adds a column at the end: rows are written by the names of their columns.
        assert sorted(lake.columns(rollup.table)) == sorted([*rollup.keys, *shared])


def test_first_refresh_of_an_empty_lake_sets_the_watermark(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        report = refresh_once(lake, now=NOW)
        assert report.changed
        assert (report.watermark.kind, report.watermark.reason) == ("rebuild", refresh.FIRST)
        assert report.watermark.snapshot_id == report.snapshot_id
        assert refresh_once(lake).watermark == report.watermark


def test_nothing_new_means_no_commit(lake: Lake) -> None:
    newest = lake.snapshot_id()
    report = refresh_once(lake)
    assert not report.changed
    assert report.snapshot_id == lake.snapshot_id() == newest
    assert report.watermark.snapshot_id < newest


def test_what_is_read_decides_how_many_threads_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_lake(tmp_path, threads=2) as lake:

        def threads_of(work: Callable[..., object]) -> int:
            work(lake, now=NOW)
            ((threads,),) = lake.rows("SELECT current_setting('threads')")
            return int(threads)

        commit_load(lake, "large", [replace(CHARGE, sku_id=str(uuid4())) for _ in range(3000)])
        ((size,),) = lake.rows("SELECT file_size_bytes FROM ducklake_table_info('lake') WHERE table_name = 'charges'")
        assert threads_of(refresh_once) == 1
        monkeypatch.setattr(refresh, "SMALL_BYTES", size - 1)
        assert threads_of(rebuild) == 2
        commit_load(lake, "small", [CHARGE])
        assert threads_of(refresh_once) == 1
        remove_load(lake, "large")
        assert threads_of(refresh_once) == 2, "the rows of the large file are read once more, as removed ones"
        assert threads_of(refresh_once) == 1
        assert holds(lake, [CHARGE])


def test_the_watermark_follows_many_snapshots_without_charges(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "MANY_SNAPSHOTS", 4)
    commit_load(lake, "a", [CHARGE])
    before = refresh_once(lake).watermark
    for _ in range(3):
        settle(lake, Line("s3://billing/a.csv", "unchanged"))
    report = refresh_once(lake)
    assert not report.changed
    assert report.watermark == replace(before, snapshot_id=report.snapshot_id)
    assert refresh_once(lake).watermark == report.watermark
    assert lake.rows("SELECT load_id FROM changed_loads") == [("a",)]
    assert verify(lake) == []


def test_a_refresh_tells_what_it_did(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE, CHARGE, BARE])
    remove = commit_load(lake, "b", [CREDITS], replaces="a")
    commit_load(lake, "c", [CHARGE, BARE])
    report = refresh_once(lake, now=NOW)
    mark = report.watermark
    assert report.changed
    assert mark.snapshot_id == report.snapshot_id == remove + 1
    assert (mark.rows_inserted, mark.rows_deleted, mark.refreshed_at) == (3, 0, NOW)
    assert mark.groups_touched == 2 + 3 + 2 + 2 + 3  # by day; user; service; region; cell
    assert lake.snapshot_id() == remove + 2


def test_a_row_without_any_amount_is_counted(lake: Lake) -> None:
    commit_load(lake, "a", [BARE, BARE])
    refresh_once(lake)
    ((group, measures),) = stored(lake, "user_costs").items()
    assert group == (DAY.date(), None, None)
    assert measures["charge_rows"] == 2
    assert measures["billed_cost"] is None
    assert measures["consumed_quantity"] == {}


def test_amounts_come_back_to_null_and_units_disappear(lake: Lake) -> None:
    commit_load(lake, "a", [BARE])
    commit_load(lake, "b", [replace(CHARGE, billing_currency=None), CREDITS])
    refresh_once(lake)
    remove_load(lake, "b")
    refresh_once(lake)
    assert holds(lake, [BARE])


def test_a_group_disappears_and_comes_back(lake: Lake) -> None:
    for step, rows in enumerate([[CHARGE], [], [CHARGE, BARE], []]):
        commit_load(lake, f"load-{step}", rows, replaces=f"load-{step - 1}")
        refresh_once(lake)
        assert holds(lake, rows)


def test_amounts_that_cancel_out_leave_zero_not_null(lake: Lake) -> None:
    refund = replace(CHARGE, billed_cost=-CHARGE.billed_cost if CHARGE.billed_cost else None)
    commit_load(lake, "a", [CHARGE])
    refresh_once(lake)
    commit_load(lake, "b", [refund])
    refresh_once(lake)
    assert holds(lake, [CHARGE, refund])
    assert stored(lake, "daily_costs")[DAY.date(), "USD"]["billed_cost"] == 0


def test_days_are_days_in_utc(lake: Lake) -> None:
    commit_load(lake, "a", [replace(BARE, charge_period_start=datetime.fromisoformat("2025-07-01T01:00:00+05:30"))])
    refresh_once(lake)
    assert list(stored(lake, "daily_costs")) == [(DAY.date(), None)]


def test_an_equal_replacement_touches_no_group(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE, CREDITS])
    refresh_once(lake)
    commit_load(lake, "b", [CREDITS, CHARGE], replaces="a")
    mark = refresh_once(lake).watermark
    assert (mark.rows_inserted, mark.rows_deleted, mark.groups_touched) == (2, 2, 0)
    assert holds(lake, [CHARGE, CREDITS])


def test_maintenance_moves_rows_but_no_amounts(lake: Lake) -> None:
    for number in range(3):
        commit_load(lake, f"load-{number}", [CHARGE, BARE, CREDITS])
    refresh_once(lake)
    meddle(lake, "DELETE FROM charges WHERE consumed_unit = 'Credits' AND load_id <> 'load-1'")
    lake.rows("CALL ducklake_rewrite_data_files('lake', 'charges', delete_threshold => 0)")
    lake.rows("CALL ducklake_merge_adjacent_files('lake', 'charges')")
    mark = refresh_once(lake).watermark
    assert (mark.rows_inserted, mark.rows_deleted) == (0, 2)
    assert holds(lake, [CHARGE, BARE] * 3 + [CREDITS])
    assert verify(lake) == []


def test_a_table_of_many_small_files_is_written_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MANY_FILES", 3)
    days = [DAY.replace(day=day) for day in range(1, 9)]
    for number, day in enumerate(days):
        commit_load(lake, f"load-{number}", [replace(CHARGE, charge_period_start=day)])
        refresh_once(lake)
    files = dict(lake.rows("SELECT table_name, file_count + delete_file_count FROM ducklake_table_info('lake')"))
    assert all(files[rollup.table] <= 5 for rollup in ROLLUPS)
    assert holds(lake, [replace(CHARGE, charge_period_start=day) for day in days])


# -- rebuild, verify, healing ------------------------------------------------------------------------------


def test_rebuild_makes_good_what_was_meddled_with(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE, BARE, CREDITS])
    refresh_once(lake)
    meddle(lake, "UPDATE user_costs SET billed_cost = 7 WHERE billing_currency = 'USD'")
    meddle(lake, "DELETE FROM region_costs WHERE billing_currency = 'USD'")
    meddle(
        lake, "INSERT INTO daily_costs BY NAME SELECT * REPLACE ('XXX' AS billing_currency) FROM daily_costs LIMIT 1"
    )
    found = {difference.table: difference for difference in verify(lake)}
    assert set(found) == {"user_costs", "region_costs", "daily_costs"}
    assert found["user_costs"] == Difference(
        "user_costs",
        {"charge_day": DAY.date(), "billing_currency": "USD", "x_user_id": "ada"},
        {"billed_cost": Decimal(7)},
        {"billed_cost": CHARGE.billed_cost},
    )
    assert found["region_costs"].stored is None
    assert found["daily_costs"].recomputed is None
    report = rebuild(lake, now=NOW)
    assert (report.watermark.kind, report.watermark.reason) == ("rebuild", refresh.ASKED)
    assert verify(lake) == []
    assert holds(lake, [CHARGE, BARE, CREDITS])
    assert lake.rows("SELECT count(*) FROM changed_loads") == [(0,)]


def test_verify_compares_with_the_watermark_not_with_what_came_later(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE])
    refresh_once(lake)
    commit_load(lake, "b", [CHARGE])
    assert verify(lake) == []


def test_verify_before_the_first_refresh_finds_nothing(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        assert verify(lake) == []


def test_aggregates_that_count_other_rows_are_rebuilt(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE, BARE])
    refresh_once(lake)
    meddle(lake, "UPDATE daily_costs SET charge_rows = 5 WHERE billing_currency = 'USD'")
    commit_load(lake, "b", [CREDITS])
    assert refresh_once(lake).watermark.reason == refresh.DIVERGED
    assert holds(lake, [CHARGE, BARE, CREDITS])


def test_groups_with_less_than_no_rows_are_rebuilt(lake: Lake) -> None:
    commit_load(lake, "a", [CHARGE, CHARGE])
    refresh_once(lake)
    meddle(lake, "UPDATE region_costs SET charge_rows = 1")
    remove_load(lake, "a")
    commit_load(lake, "b", [BARE])
    assert refresh_once(lake).watermark.reason == refresh.DIVERGED
    assert holds(lake, [BARE])


def test_expired_snapshots_mean_a_rebuild(lake: Lake) -> None:
    mark = refresh_once(lake).watermark
    commit_load(lake, "a", [CHARGE, CREDITS])
    commit_load(lake, "b", [BARE], replaces="a")
    lake.rows(f"CALL ducklake_expire_snapshots('lake', versions => [{mark.snapshot_id}])")
    assert refresh_once(lake).watermark.reason == refresh.EXPIRED
    assert holds(lake, [BARE])


def test_verify_without_the_snapshot_says_so(lake: Lake) -> None:
    mark = refresh_once(lake).watermark
    lake.rows(f"CALL ducklake_expire_snapshots('lake', versions => [{mark.snapshot_id}])")
    with pytest.raises(Fatal, match="has been expired"):
        verify(lake)


def test_a_sum_beyond_the_type_stops_and_changes_nothing(lake: Lake) -> None:
    huge = replace(BARE, billing_currency="USD", billed_cost=Decimal(6 * 10**19))
    commit_load(lake, "a", [huge])
    refresh_once(lake)
    before = stored(lake, "daily_costs")
    commit_load(lake, "b", [huge])
    newest = lake.snapshot_id()
    with pytest.raises(Fatal, match="Overflow"):
        refresh_once(lake)
    assert stored(lake, "daily_costs") == before
    assert lake.snapshot_id() == newest


# -- two at once -------------------------------------------------------------------------------------------


class Interrupted(Lake):
    """A lake in which something else happens just before the first commit."""

    interruption: Callable[[], object]
    attempts = 0

    def commit(
        self,
        write: Write,
        *,
        claims: Sequence[Claim],
        author: str,
        message: str,
        **files: Any,  # noqa: ANN401 - as the lake has them
    ) -> int:
        self.attempts += 1
        if self.attempts == 1:
            self.interruption()
        return super().commit(write, claims=claims, author=author, message=message, **files)


@contextmanager
def interrupted(folder: Path, interruption: Callable[[], object]) -> Iterator[Interrupted]:
    with Interrupted.open(settings_in(folder)) as lake:
        lake.interruption = interruption
        yield lake


def test_of_two_aggregators_one_folds(lake: Lake, tmp_path: Path) -> None:
    commit_load(lake, "a", [CHARGE, BARE])
    with interrupted(tmp_path, lambda: refresh_once(lake, now=NOW)) as second:
        report = refresh_once(second)
        assert not report.changed
        assert second.attempts == 1
        assert report.watermark.refreshed_at == NOW
        assert holds(second, [CHARGE, BARE])


def test_of_two_first_refreshes_one_folds(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake, interrupted(tmp_path, lambda: refresh_once(lake)) as second:
        commit_load(lake, "a", [CHARGE])
        assert not refresh_once(second).changed
        assert holds(lake, [CHARGE])


def test_the_loser_folds_what_the_winner_did_not_see(lake: Lake, tmp_path: Path) -> None:
    def win() -> None:
        refresh_once(lake)
        commit_load(lake, "b", [CREDITS])

    commit_load(lake, "a", [CHARGE])
    with interrupted(tmp_path, win) as second:
        report = refresh_once(second)
        assert report.changed
        assert second.attempts == 2
        assert report.watermark.rows_inserted == 1
        assert holds(second, [CHARGE, CREDITS])


def test_a_rebuild_does_not_overwrite_a_refresh_that_came_between(lake: Lake, tmp_path: Path) -> None:
    commit_load(lake, "a", [CHARGE])
    with interrupted(tmp_path, lambda: refresh_once(lake)) as second:
        assert rebuild(second).changed
        assert second.attempts == 2
        assert holds(second, [CHARGE])


def test_aggregators_and_loads_side_by_side(lake: Lake, tmp_path: Path) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def keep_refreshing() -> None:
        try:
            with Lake.open(settings_in(tmp_path)) as mine:
                while not stop.is_set():
                    refresh_once(mine)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=keep_refreshing) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(8):
        previous = f"load-{number - 2}" if number % 2 else None
        commit_load(lake, f"load-{number}", [CHARGE, CREDITS, BARE], replaces=previous)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    refresh_once(lake)
    ((loads,),) = lake.rows("SELECT count(DISTINCT load_id) FROM charges")
    assert holds(lake, [CHARGE, CREDITS, BARE] * loads)
    assert verify(lake) == []
