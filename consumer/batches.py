"""Batches of items, closed by number or by size."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def batches(
    items: Iterable[Item],
    most: int,
    *,
    most_bytes: float = math.inf,
    size_bytes: Callable[[Item], int] = lambda _: 0,
) -> Iterator[list[Item]]:
    """Yield the items in batches, in their order; no batch is empty.

    A batch is closed by the item that fills it. So it never has more than `most` items, but it may be larger than
    `most_bytes` by a part of its last item: a single item of any size has its place.

    Args:
        items: read one by one, so that they may come from a listing that takes a while.
        most: items in a batch, 1 or more.
        most_bytes: the size at which a batch is full; no limit when it is left out.
        size_bytes: returns the size of one item in bytes.
    """
    batch: list[Item] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size_bytes(item)
        if len(batch) >= most or total >= most_bytes:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
