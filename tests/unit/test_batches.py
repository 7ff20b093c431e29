"""Batches are closed by number or by size; no item is lost, reordered or held back."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.consumer.events import batches


@pytest.mark.parametrize(
    ("sizes", "most", "most_bytes", "expected"),
    [
        ([], 2, 10, []),
        ([1, 1, 1], 2, 10, [[1, 1], [1]]),
        ([4, 6, 1], 9, 10, [[4, 6], [1]]),
        ([9, 9, 1], 9, 10, [[9, 9], [1]]),  # the item that fills a batch is its last
        ([50, 1], 9, 10, [[50], [1]]),  # an item of any size has its place
        ([0, 0, 0], 9, 10, [[0, 0, 0]]),
    ],
)
def test_a_batch_is_closed_by_the_item_that_fills_it(
    sizes: list[int], most: int, most_bytes: int, expected: list[list[int]]
) -> None:
    assert list(batches(sizes, most, most_bytes=most_bytes, size_bytes=lambda size: size)) == expected


def test_without_a_size_only_the_number_counts() -> None:
    assert list(batches("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]


@given(st.lists(st.integers(0, 20)), st.integers(1, 5), st.integers(1, 30))
def test_every_item_is_in_one_batch_in_its_order(sizes: list[int], most: int, most_bytes: int) -> None:
    found = list(batches(sizes, most, most_bytes=most_bytes, size_bytes=lambda size: size))
    assert [size for batch in found for size in batch] == sizes
    assert all(1 <= len(batch) <= most and sum(batch[:-1]) < most_bytes for batch in found)


def test_a_full_batch_does_not_wait_for_the_next_item() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        pytest.fail("a third item was asked for")

    assert next(batches(items(), 2)) == [1, 2]
