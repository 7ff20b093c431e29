"""What restatements and new files changed, on real lakes, against sums made by hand."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.restatements.comparison import read_restatements
from billstream.aggregator.restatements.intervals import Interval, interval_between, read_point, snapshot_time
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.restatements.values import QuantityDifference, Restatement, Restatements
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from tests.integration.aggregator_support import (
    NOW,
    Line,
    Row,
    commit_load,
    meddle,
    new_lake,
    remove_load,
    settle,
)

DAY = datetime(2025, 3, 30, 12, tzinfo=UTC)
A, B = "s3://billing/a.csv", "s3://billing/b.csv"
HOSTILE = "s3://billing/'; DROP TABLE charges; --\n<b>|x|{first}$1.csv"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as opened:
        yield opened


def usd(cost: str | None, service: str | None = "chat", *, day: int = 30, account: str | None = "prod") -> Row:
    billed = None if cost is None else Decimal(cost)
    return Row(
        DAY.replace(day=day),
        "USD",
        service_name=service,
        billed_cost=billed,
        effective_cost=billed,
        sub_account_id=account,
    )


def since(lake: Lake, snapshot_id: int, *, restated_only: bool = False, most: int | None = None) -> Restatements:
    interval = interval_between(lake, snapshot_id)
    return read_restatements(lake, interval, most=most, restated_only=restated_only)


def told(entry: Restatement) -> tuple[object, ...]:
    """A difference in short: what it is of, and the billed cost before, after, and the difference."""
    return (entry.kind, entry.service, entry.file, entry.billed_before, entry.billed_after, entry.billed_difference)


def test_a_restatement_is_told_by_day_service_and_account_with_its_file(lake: Lake) -> None:
    settled = NOW + timedelta(hours=1)
    commit_load(lake, "a1", [usd("1.5"), usd("2.5"), usd("7", "db"), usd("4", day=29)], scope=A)
    commit_load(lake, "b1", [usd("100")], scope=B)
    before = lake.snapshot_id()
    commit_load(
        lake,
        "a2",
        [usd("1.5"), usd("3"), usd("1"), usd("7", "db"), usd("4", day=29)],
        replaces="a1",
        scope=A,
        at=settled,
    )

    found = since(lake, before)

    (entry,) = found.largest
    assert told(entry) == ("restated", "chat", A, Decimal(4), Decimal("5.5"), Decimal("1.5"))
    assert (entry.day, entry.currency, entry.account) == (date(2025, 3, 30), "USD", "prod")
    assert (entry.rows_before, entry.rows_after) == (2, 3)
    assert (entry.effective_before, entry.effective_after) == (Decimal(4), Decimal("5.5"))
    assert (entry.state, entry.processed_at, entry.decisions) == ("loaded", settled, 1)
    assert [(entry.entry_id,)] == lake.rows("SELECT entry_id FROM ledger WHERE load_id = 'a2'")
    (total,) = found.totals
    assert (total.files, total.groups_changed, total.groups_equal) == (1, 1, 2)
    assert (total.billed_before, total.billed_after, total.billed_difference) == (
        Decimal(15),
        Decimal("16.5"),
        Decimal("1.5"),
    )


def test_the_same_sums_are_counted_and_not_shown(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("1"), usd("3")], scope=A)
    commit_load(lake, "a2", [usd("2"), usd("2")], replaces="a1", scope=A)

    found = since(lake, before)

    assert found.largest == ()
    assert [(total.groups_changed, total.groups_equal, total.rows_after) for total in found.totals] == [(0, 1, 2)]


def test_a_removal_names_the_file_and_its_decision(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("8")], scope=A)
    remove_load(lake, "a1", scope=A)

    (entry,) = since(lake, before).largest

    assert told(entry) == ("restated", "chat", A, Decimal(8), None, Decimal(-8))
    assert entry.state == "removed"


def test_new_files_come_after_restatements_and_can_be_left_out(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("8")], scope=A)
    commit_load(lake, "b1", [usd("1000")], scope=B)
    commit_load(lake, "a2", [usd("9")], replaces="a1", scope=A)

    assert [told(entry) for entry in since(lake, before).largest] == [
        ("restated", "chat", A, Decimal(8), Decimal(9), Decimal(1)),
        ("new", "chat", B, None, Decimal(1000), Decimal(1000)),
    ]
    only = since(lake, before, restated_only=True)
    assert [told(entry) for entry in only.largest] == [("restated", "chat", A, Decimal(8), Decimal(9), Decimal(1))]
    assert [total.kind for total in only.totals] == ["restated"]


@pytest.mark.parametrize("restated_only", [True, False])
def test_a_new_file_that_was_restated_since_is_told_as_both(lake: Lake, *, restated_only: bool) -> None:
    before = lake.snapshot_id()
    commit_load(lake, "a1", [usd("8")], scope=A)
    commit_load(lake, "a2", [usd("9")], replaces="a1", scope=A)
    commit_load(lake, "a3", [usd("11")], replaces="a2", scope=A)

    found = since(lake, before, restated_only=restated_only)

    new = [] if restated_only else [("new", "chat", A, None, Decimal(8), Decimal(8))]
    assert [told(entry) for entry in found.largest] == [
        ("restated", "chat", A, Decimal(8), Decimal(11), Decimal(3)),
        *new,
    ]
    assert found.largest[0].decisions == 2


def test_a_file_that_was_restated_and_then_removed_names_the_removal(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("8")], scope=A)
    commit_load(lake, "a2", [usd("9", "db")], replaces="a1", scope=A)
    remove_load(lake, "a2", scope=A)

    (entry,) = since(lake, before).largest

    assert told(entry) == ("restated", "chat", A, Decimal(8), None, Decimal(-8))
    assert (entry.state, entry.decisions) == ("removed", 2)


def test_several_files_on_one_day_are_told_apart_the_largest_first(lake: Lake) -> None:
    commit_load(lake, "a1", [usd("1")], scope=A)
    before = commit_load(lake, "b1", [usd("1")], scope=B)
    commit_load(lake, "a2", [usd("2")], replaces="a1", scope=A)
    commit_load(lake, "b2", [usd("-4")], replaces="b1", scope=B)

    found = since(lake, before)

    assert [(entry.file, entry.billed_difference) for entry in found.largest] == [(B, Decimal(-5)), (A, Decimal(1))]
    assert found.totals[0].billed_difference == Decimal(-4)
    assert [entry.file for entry in since(lake, before, most=1).largest] == [B]


def test_currencies_are_never_added_and_decimals_are_exact(lake: Lake) -> None:
    tiny = Decimal("1e-18")
    euro = Row(DAY, "EUR", billed_cost=Decimal(99999999999999999999))
    nothing = Row(DAY, None, billed_cost=Decimal(1))
    before = commit_load(lake, "a1", [usd("1"), euro, nothing], scope=A)
    euros = Row(DAY, "EUR", billed_cost=Decimal("99999999999999999999.000000000000000001"))
    commit_load(lake, "a2", [usd("3"), euros], replaces="a1", scope=A)

    totals = since(lake, before).totals

    assert [(total.currency, total.billed_difference) for total in totals] == [
        ("EUR", tiny),
        ("USD", Decimal(2)),
        (None, Decimal(-1)),
    ]


def test_the_account_is_the_sub_account_or_else_the_billing_account(lake: Lake) -> None:
    rows = [
        Row(DAY, "USD", billed_cost=Decimal(3), sub_account_id="sub", billing_account_id="payer"),
        Row(DAY, "USD", billed_cost=Decimal(2), billing_account_id="payer"),
        Row(DAY, "USD", billed_cost=Decimal(1)),
    ]
    before = lake.snapshot_id()
    commit_load(lake, "a1", rows, scope=A)

    assert [(entry.account, entry.billed_after) for entry in since(lake, before).largest] == [
        ("sub", Decimal(3)),
        ("payer", Decimal(2)),
        (None, Decimal(1)),
    ]


def test_quantities_that_differ_are_shown_where_no_cost_does(lake: Lake) -> None:
    def used(amount: int, unit: str | None = "Credits") -> Row:
        return Row(DAY, None, consumed_quantity=Decimal(amount), consumed_unit=unit)

    before = commit_load(lake, "a1", [used(5), used(1, None), used(7, "same")], scope=A)
    commit_load(lake, "a2", [used(9), used(7, "same")], replaces="a1", scope=A)

    (entry,) = since(lake, before).largest

    assert entry.billed_difference is None
    assert entry.quantities == (
        QuantityDifference(unit="", before=Decimal(1), after=None, difference=Decimal(-1)),
        QuantityDifference(unit="Credits", before=Decimal(5), after=Decimal(9), difference=Decimal(4)),
    )


def test_hostile_names_are_only_names(lake: Lake) -> None:
    service = "<script>'\"\n{last}"
    before = commit_load(lake, "a1", [usd("1", service)], scope=HOSTILE)
    commit_load(lake, "a2", [usd("2", service)], replaces="a1", scope=HOSTILE)

    assert told(since(lake, before).largest[0])[1:3] == (service, HOSTILE)


def test_maintenance_changes_nothing(lake: Lake) -> None:
    commit_load(lake, "a1", [usd("1"), usd("2", "db")], scope=A)
    commit_load(lake, "b1", [usd("5")], scope=B)
    before = commit_load(lake, "a2", [usd("4")], replaces="a1", scope=A)
    lake.rows("CALL ducklake_merge_adjacent_files('lake')")
    lake.rows("CALL ducklake_rewrite_data_files('lake', 'charges', delete_threshold => 0)")
    lake.rows("CALL ducklake_flush_inlined_data('lake')")
    assert lake.snapshot_id() > before

    assert since(lake, before).totals == ()
    commit_load(lake, "b2", [usd("6")], replaces="b1", scope=B)
    assert [told(entry)[2:] for entry in since(lake, before).largest] == [(B, Decimal(5), Decimal(6), Decimal(1))]


def test_snapshots_from_before_a_migration_can_be_compared(lake: Lake) -> None:
    meddle(lake, "ALTER TABLE ledger DROP COLUMN delivery_id")
    first = commit_load(lake, "a1", [usd("1")], scope=A)
    second = commit_load(lake, "a2", [usd("2")], replaces="a1", scope=A)
    meddle(lake, "ALTER TABLE ledger ADD COLUMN delivery_id VARCHAR")
    meddle(lake, "ALTER TABLE charges ADD COLUMN x_later VARCHAR")
    commit_load(lake, "a3", [usd("4")], replaces="a2", scope=A)

    old = read_restatements(lake, Interval(first, second), most=None, restated_only=False)

    assert [told(entry)[3:5] for entry in old.largest] == [(Decimal(1), Decimal(2))]
    assert [told(entry)[3:5] for entry in since(lake, first).largest] == [(Decimal(1), Decimal(4))]


def test_rows_that_the_ledger_does_not_explain_are_told_all_the_same(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("1")], scope=A)
    commit_load(lake, "unknown", [usd("5")])
    meddle(lake, "DELETE FROM charges WHERE load_id = 'a1'")

    found = since(lake, before).largest

    assert [(entry.kind, entry.file, entry.billed_difference, entry.state) for entry in found] == [
        ("restated", A, Decimal(-1), None),
        ("new", "unknown", Decimal(5), None),
    ]


def test_two_lines_that_take_one_load_do_not_count_it_twice(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("1")], scope=A)
    remove_load(lake, "a1", scope=A)
    settle(lake, Line(A, "removed", previous="a1"))

    assert [entry.billed_difference for entry in since(lake, before).largest] == [Decimal(-1)]


def deliver(lake: Lake, delivery: str, *lines: Line) -> int:
    """The ledger's lines of a delivery, after its rows."""
    for line in lines:
        settle(lake, line)
    return meddle(lake, f"UPDATE ledger SET delivery_id = '{delivery}' WHERE delivery_id IS NULL")


def test_a_delivery_is_told_by_its_manifest(lake: Lake) -> None:
    manifest, export = "s3://billing/m/manifest.json", "export://billing/e/2025-03"
    before = lake.snapshot_id()
    commit_load(lake, "p1", [usd("5")])
    first = deliver(
        lake,
        "d1",
        Line(export, "delivered", "d1"),
        Line(manifest, "delivered"),
        Line("s3://billing/1.csv", "loaded", "p1"),
    )
    commit_load(lake, "p2", [usd("6")], replaces="p1")
    commit_load(lake, "p3", [usd("7", "db")])
    deliver(
        lake,
        "d2",
        Line(export, "delivered", "d2", "d1"),
        Line(manifest, "delivered"),
        Line("s3://billing/1.csv", "replaced", previous="p1"),
        Line("s3://billing/2.csv", "loaded", "p2"),
        Line("s3://billing/3.csv", "loaded", "p3"),
    )

    new = read_restatements(lake, Interval(before, first), most=None, restated_only=False)
    restated = since(lake, first, restated_only=True)

    assert [told(entry) for entry in new.largest] == [("new", "chat", manifest, None, Decimal(5), Decimal(5))]
    assert [told(entry) for entry in restated.largest] == [
        ("restated", "db", manifest, None, Decimal(7), Decimal(7)),
        ("restated", "chat", manifest, Decimal(5), Decimal(6), Decimal(1)),
    ]
    assert {(entry.state, entry.entry_id, entry.decisions) for entry in restated.largest} == {("delivered", "d2", 1)}


def test_a_decision_that_moves_no_rows_is_no_restatement(lake: Lake) -> None:
    before = commit_load(lake, "a1", [usd("1")], scope=A)
    settle(lake, Line(A, "unchanged", "a1", "a1"))
    settle(lake, Line(A, "quarantined", "a1", "a1"))

    assert since(lake, before).totals == ()


def test_a_day_that_cannot_be_meant_has_no_name(lake: Lake) -> None:
    before = lake.snapshot_id()
    commit_load(lake, "a1", [Row(datetime(1, 1, 2, tzinfo=UTC), "USD", billed_cost=Decimal(1))], scope=A)

    assert [(entry.day, entry.billed_after) for entry in since(lake, before).largest] == [(None, Decimal(1))]


# -- which snapshots ---------------------------------------------------------------------------------------


def test_a_time_means_the_newest_snapshot_that_is_not_after_it(lake: Lake) -> None:
    first = commit_load(lake, "a1", [usd("1")], scope=A)
    second = commit_load(lake, "a2", [usd("2")], replaces="a1", scope=A)
    third = commit_load(lake, "a3", [usd("4")], replaces="a2", scope=A)
    at = snapshot_time(lake, second)

    assert interval_between(lake, at) == Interval(second, third)
    assert interval_between(lake, at - timedelta(microseconds=1)) == Interval(first, third)
    assert interval_between(lake, datetime.now(UTC) + timedelta(hours=1)).empty
    assert interval_between(lake, first, at) == Interval(first, second)
    found = read_restatements(lake, interval_between(lake, first, at), most=None, restated_only=False)
    assert [told(entry)[3:] for entry in found.largest] == [(Decimal(1), Decimal(2), Decimal(1))]


def test_a_time_before_the_first_snapshot_means_the_beginning(lake: Lake) -> None:
    newest = commit_load(lake, "a1", [usd("1")], scope=A)

    assert interval_between(lake, datetime(1970, 1, 1, tzinfo=UTC)) == Interval(0, newest)
    assert interval_between(lake, datetime.min.replace(tzinfo=UTC)) == Interval(0, newest)


def test_expired_snapshots_are_named_or_passed_over(lake: Lake) -> None:
    first = commit_load(lake, "a1", [usd("1")], scope=A)
    second = commit_load(lake, "a2", [usd("2")], replaces="a1", scope=A)
    newest = commit_load(lake, "a3", [usd("4")], replaces="a2", scope=A)
    at = snapshot_time(lake, first)
    lake.rows(f"CALL ducklake_expire_snapshots('lake', versions => [{first}])")

    with pytest.raises(Fatal, match=f"Snapshot {first} has been expired: .* from {second} to {newest}"):
        interval_between(lake, first)
    with pytest.raises(Fatal, match="has been expired"):
        interval_between(lake, 0)
    assert interval_between(lake, at) == Interval(second, newest, cut=True)
    assert [told(entry)[3:5] for entry in since(lake, second).largest] == [(Decimal(2), Decimal(4))]


def test_a_snapshot_that_is_not_there_yet_and_a_wrong_order_are_errors(lake: Lake) -> None:
    newest = commit_load(lake, "a1", [usd("1")], scope=A)

    with pytest.raises(Fatal, match=f"Snapshot 999 does not exist yet: .* from 0 to {newest}"):
        interval_between(lake, 999)
    with pytest.raises(Fatal, match="does not exist yet"):
        interval_between(lake, 0, 999)
    with pytest.raises(Fatal, match="--since must not be after --until"):
        interval_between(lake, newest, newest - 1)
    with pytest.raises(Fatal, match="--since must not be after --until"):
        interval_between(lake, datetime.now(UTC), 0)
    with pytest.raises(Fatal, match="no snapshot as old"):
        interval_between(lake, 0, datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("1234", 1234),
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(weeks=2)),
        ("999999999d", datetime.min.replace(tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T06:00:00Z", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01T06:00:00+02:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_point_in_time_is_read(text: str, point: object) -> None:
    assert read_point(text, NOW) == point


@pytest.mark.parametrize(
    "text", ["", "-1", "yesterday", "7 days", "1.5", "2026-13-01", "9" * 30, "7d; DROP", "\u0667d"]
)
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give a snapshot id"):
        read_point(text, NOW)


# -- in the insights ---------------------------------------------------------------------------------------


def recent(lake: Lake, memory: RecentRestatements | None = None) -> Restatements:
    report = refresh_once(lake, now=NOW)
    version = lake.snapshot_id()
    insights = read_insights(lake, report.watermark, version=version, snapshot_id=report.snapshot_id, recent=memory)
    return insights.restatements


def test_the_insights_have_what_was_restated_in_the_last_seven_days(lake: Lake) -> None:
    commit_load(lake, "a1", [usd("1")], scope=A, at=NOW - timedelta(days=30))
    commit_load(lake, "b1", [usd("5")], scope=B, at=NOW)
    commit_load(lake, "a2", [usd("3")], replaces="a1", scope=A, at=NOW - timedelta(days=1))

    found = recent(lake)

    assert found.since == NOW - timedelta(days=7)
    assert [told(entry) for entry in found.largest] == [("restated", "chat", A, Decimal(1), Decimal(3), Decimal(2))]


def test_where_nothing_was_restated_of_late_only_the_ledger_is_read(lake: Lake) -> None:
    commit_load(lake, "a1", [usd("1")], scope=A, at=NOW - timedelta(days=30))
    commit_load(lake, "a2", [usd("3")], replaces="a1", scope=A, at=NOW - timedelta(days=8))
    commit_load(lake, "b1", [usd("5")], scope=B, at=NOW)

    found = recent(lake)

    assert (found.from_snapshot_id, found.totals, found.largest) == (None, (), ())
    assert found.since == NOW - timedelta(days=7)
    assert not lake.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'restatement_feed'")


def test_the_same_restatements_are_read_once(lake: Lake) -> None:
    commit_load(lake, "a1", [usd("1")], scope=A)
    commit_load(lake, "a2", [usd("3")], replaces="a1", scope=A)
    memory = RecentRestatements(lake)
    first = recent(lake, memory)
    lake.rows("DROP TABLE temp.restatement_feed")

    pinned = commit_load(lake, "b1", [usd("5")], scope=B)
    again = memory.read(NOW + timedelta(hours=1), version=pinned)

    assert not lake.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'restatement_feed'")
    assert (again.largest, again.totals) == (first.largest, first.totals)
    assert (again.since, again.to_snapshot_id) == (first.since + timedelta(hours=1), pinned)
    version = commit_load(lake, "b2", [usd("9")], replaces="b1", scope=B)
    assert [entry.file for entry in memory.read(NOW, version=version).largest] == [B, A]


def test_the_insights_are_of_their_snapshot_whatever_comes_after(lake: Lake) -> None:
    commit_load(lake, "a1", [usd("1")], scope=A)
    pinned = commit_load(lake, "a2", [usd("3")], replaces="a1", scope=A)
    commit_load(lake, "a3", [usd("9")], replaces="a2", scope=A)

    found = RecentRestatements(lake).read(NOW, version=pinned)

    assert found.to_snapshot_id == pinned
    assert [entry.billed_after for entry in found.largest] == [Decimal(3)]
