"""Combinations of cells, and what is remembered of them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.consumer.decode.typed import distinct
from billstream.consumer.decode.typed.distinct import Array, Distinct, DistinctCells, Memory, key_of

TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "\x1f", "\x1e", "a\x1fb"]))


@settings(deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=30))
def test_records_have_one_number_exactly_where_their_cells_are_equal(rows: list[tuple[str | None, ...]]) -> None:
    cells = {position: pa.array(column, pa.string()) for position, column in enumerate(zip(*rows, strict=True))}
    found = DistinctCells(cells).of(frozenset(cells))
    assert found.count == len(set(rows))
    assert [rows[found.first[number]] for number in found.numbers] == rows


@settings(deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=30, unique=True))
def test_two_records_never_have_one_key(rows: list[tuple[str | None, ...]]) -> None:
    keys = key_of([pa.array(column, pa.string()) for column in zip(*rows, strict=True)])
    assert keys is None or len(set(keys.to_pylist())) == len(rows)


@settings(deadline=None)
@given(asked=st.lists(st.lists(TEXTS, min_size=1, max_size=8, unique=True), max_size=8))
def test_a_memory_answers_as_if_each_text_were_computed_anew(asked: list[list[str | None]]) -> None:
    memory, computed = Memory(), list[str | None]()
    for texts in asked:
        keys = pa.array(texts, pa.string())

        def twice(new: Array, keys: Array = keys) -> dict[str, Array]:
            wanted = keys.filter(new).to_pylist()
            computed.extend(wanted)
            return {"twice": pa.array([2 * (text or "-") for text in wanted])}

        assert memory.recall(keys, twice)["twice"].to_pylist() == [2 * (text or "-") for text in texts]
    assert sorted(computed, key=repr) == sorted({text for texts in asked for text in texts}, key=repr)


def test_a_memory_that_grows_too_large_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "_MOST_REMEMBERED", 100)
    memory, keys, computed = Memory(), pa.array(["x" * 200]), list[int]()

    def length(new: Array) -> dict[str, Array]:
        computed.append(new.true_count)
        return {"length": pa.array([200])}

    for times in (1, 2):
        assert memory.recall(keys, length)["length"].to_pylist() == [200]
        assert memory.nbytes == 0
        assert computed == [1] * times


def test_a_column_of_one_text_adds_nothing_to_others() -> None:
    one, other = Distinct(np.zeros(3, np.int32), 1), Distinct(np.array([0, 1, 0], np.int32), 2)
    assert one.combined(other) is other
    assert other.combined(one) is other
