"""What is due for a lake, and how large a step may be: pure decisions."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.maintenance.plan import first_needed, plan
from billstream.maintenance.values import (
    CleanUp,
    Expire,
    Facts,
    Flush,
    Forget,
    InlinedRows,
    Limits,
    Merge,
    Renew,
    SmallFile,
    Step,
    WornFile,
)

LIMITS = Limits(keep=timedelta(days=7))
SMALL, MIDDLE, LARGE = LIMITS.size_classes


def facts(**known: object) -> Facts:
    nothing: dict[str, object] = {
        "snapshots": 10,
        "oldest_snapshot": 0,
        "newest_snapshot": 9,
        "settled_snapshot": None,
        "followers": (),
        "files": 0,
        "file_bytes": 0,
        "files_to_remove": 0,
        "files_waiting": 0,
        "small_files": (),
        "worn_files": (),
        "inlined": (),
    }
    return Facts(**{**nothing, **known})  # type: ignore[arg-type]


def files(count: int, size: int = 20_000, *, young: bool = False, first: int = 0) -> tuple[SmallFile, ...]:
    return tuple(
        SmallFile(table="charges", size_bytes=size, since=number, young=young) for number in range(first, first + count)
    )


def merges(**known: object) -> list[Merge]:
    return [step for step in plan(facts(**known), LIMITS) if isinstance(step, Merge)]


def test_a_lake_that_needs_nothing_is_left_alone() -> None:
    assert plan(facts(), LIMITS) == ()
    assert plan(facts(small_files=files(LIMITS.many_files - 1), settled_snapshot=0), LIMITS) == ()


def test_the_steps_that_free_room_come_before_those_that_need_it() -> None:
    inlined = (
        InlinedRows(table="ledger", store="ducklake_inlined_data_9_1", live=5000, dead=0),
        InlinedRows(table="watermark", store="ducklake_inlined_data_7_1", live=1, dead=4000),
    )
    found = plan(
        facts(small_files=files(60), inlined=inlined, files_to_remove=3, settled_snapshot=5, followers=(7,)), LIMITS
    )
    assert [type(step) for step in found] == [Flush, Expire, Forget, CleanUp, Merge]
    assert found[0] == Flush("ledger", 5000)
    assert found[2] == Forget("watermark", "ducklake_inlined_data_7_1", before=0, rows=4000)


@pytest.mark.parametrize(
    ("settled", "followers", "needed"),
    [
        (None, (), None),  # every snapshot is young
        (5, (), 5),  # the newest that is old enough is what the lake was like at that age
        (5, (8,), 5),
        (5, (3, 8), 3),  # the slowest follower decides
        (5, (0,), 0),
        (9, (), 9),
    ],
)
def test_what_a_follower_reads_from_is_kept(
    settled: int | None, followers: tuple[int, ...], needed: int | None
) -> None:
    known = facts(settled_snapshot=settled, followers=followers)
    assert first_needed(known) == needed
    expiries = [step for step in plan(known, LIMITS) if isinstance(step, Expire)]
    assert expiries == ([Expire(needed, LIMITS.most_snapshots)] if needed else [])


def test_the_oldest_files_are_merged_a_few_hundred_at_a_time() -> None:
    (step,) = merges(small_files=files(2000))
    assert step == Merge("charges", 0, SMALL, LIMITS.most_files, LIMITS.most_files * 20_000)


def test_a_merge_writes_so_many_bytes_at_most() -> None:
    (step,) = merges(small_files=files(60, size=LARGE - 1))
    assert step.smallest == MIDDLE
    assert step.size_bytes <= LIMITS.most_bytes
    assert step.files == 2


def test_files_of_one_size_are_merged_with_each_other() -> None:
    mixed = files(50, 1000) + files(49, SMALL) + files(50, MIDDLE)
    assert [step.below for step in merges(small_files=mixed)] == [SMALL, LARGE]


def test_young_files_wait_unless_they_are_too_many() -> None:
    assert merges(small_files=files(499, young=True)) == []
    (step,) = merges(small_files=files(500, young=True))
    assert step.files == LIMITS.most_files
    (step,) = merges(small_files=files(60) + files(100, young=True, first=60))
    assert step.files == 60


small_files = st.lists(
    st.builds(
        SmallFile,
        table=st.sampled_from(["charges", "ledger"]),
        size_bytes=st.integers(1, LARGE - 1),
        since=st.integers(0, 10_000),
        young=st.booleans(),
    ),
    max_size=700,
)


@settings(max_examples=40, deadline=None)
@given(small_files)
def test_each_merge_is_bounded_and_makes_fewer_files(found: list[SmallFile]) -> None:
    steps: list[Step] = list(plan(facts(small_files=tuple(found)), LIMITS))
    assert len({step.subject for step in steps}) == len(steps)
    for step in steps:
        assert isinstance(step, Merge)
        assert 2 <= step.files <= LIMITS.most_files
        assert step.size_bytes <= LIMITS.most_bytes
        in_class = [
            file for file in found if file.table == step.table and step.smallest <= file.size_bytes < step.below
        ]
        assert step.files <= len(in_class)


# -- files with deleted rows ---------------------------------------------------------------------------------


def worn(number: int, dead: int, size: int = 10_000_000, *, young: bool = False, table: str = "charges") -> WornFile:
    return WornFile(table=table, file_id=number, size_bytes=size, rows=100, dead=dead, young=young)


def renewals(*found: WornFile, limits: Limits = LIMITS) -> list[Renew]:
    return [step for step in plan(facts(worn_files=found), limits) if isinstance(step, Renew)]


def test_a_file_is_renewed_when_a_fifth_of_its_rows_is_deleted() -> None:
    assert renewals(worn(1, 19)) == []
    assert renewals(worn(1, 20)) == [Renew("charges", (1,), 80, 8_000_000)]


def test_a_file_whose_rows_are_still_being_deleted_waits_until_half_of_them_are() -> None:
    assert renewals(worn(1, 49, young=True)) == []
    assert len(renewals(worn(1, 50, young=True))) == 1


def test_a_table_with_little_to_gain_is_left_alone() -> None:
    assert renewals(worn(1, 99, 1_000_000)) == []
    (step,) = renewals(worn(1, 60, 1_000_000), worn(2, 60, 1_000_000), worn(3, 60, 1_000_000, table="cost_cells"))
    assert step.file_ids == (1, 2)


def test_many_files_with_few_deleted_rows_are_renewed_because_nothing_merges_them() -> None:
    few = [worn(number, 1, 20_000) for number in range(LIMITS.many_files)]
    assert renewals(*few[1:]) == []
    (step,) = renewals(*few)
    assert len(step.file_ids) == LIMITS.many_files


def test_the_files_with_the_most_deleted_rows_come_first_in_bounded_steps() -> None:
    (step,) = renewals(*(worn(number, 20 + number) for number in range(60)))
    assert step.file_ids[0] == 59
    assert 1 < len(step.file_ids) < 60
    assert step.size_bytes <= LIMITS.most_bytes
    (step,) = renewals(worn(1, 30, 10 * LIMITS.most_bytes), worn(2, 20))
    assert step.file_ids == (1,)  # one that is too large is a step of its own


worn_files = st.lists(
    st.builds(
        lambda number, dead, size, young: worn(number, dead, size, young=young),
        st.integers(0, 10_000),
        st.integers(1, 99),
        st.integers(1_000, LARGE),
        st.booleans(),
    ),
    max_size=80,
)


@settings(max_examples=40, deadline=None)
@given(worn_files)
def test_what_is_not_renewed_is_within_the_bound(found: list[WornFile]) -> None:
    if renewals(*found):
        return
    settled = [file for file in found if not file.young]
    live = sum(file.size_bytes - file.dead_bytes for file in settled)
    assert sum(file.size_bytes for file in settled) <= 1.26 * live + LIMITS.dead_bytes * 1.26 + len(settled)
