"""The cells that no column holds, as JSON objects in memory: those that `rescued.Rescue.as_json` makes in SQL."""

from collections.abc import Callable, Mapping
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from billstream.consumer.decode.typed.distinct import Array, Distinct, DistinctCells

_FEW = 1024  # combinations

Compute = Callable[[Mapping[str, Array], str], Mapping[str, Array]]
"""Runs a SELECT over the table `cells`, whose columns are given by name."""


def as_objects(distinct: DistinctCells, names: Mapping[int, str], compute: Compute) -> Array:
    """Return one object for each record, without its nulls; NULL for an empty one.

    Neighbours that have few combinations are put together first, each combination once.

    Args:
        distinct: the records.
        names: the names of the cells in the object, by position.
        compute: DuckDB, which writes names and texts as JSON.
    """
    rows = len(next(iter(distinct.cells.values())))
    filled = {position: name for position, name in names.items() if distinct.cells[position].null_count < rows}
    if not filled:
        return pa.nulls(rows, pa.string())
    parts = list[tuple[Distinct, Array]]()
    for one, pairs in _pairs(distinct, filled, compute):
        few = parts and max(parts[-1][0].count, one.count) <= max(_FEW, rows // 8)
        if few and (both := parts[-1][0].combined(one)).count <= max(_FEW, rows // 8):
            (before, texts), at = parts.pop(), both.first
            halves = texts.take(pa.array(before.numbers[at])), pairs.take(pa.array(one.numbers[at]))
            parts.append((both, _joined(*halves)))
        else:
            parts.append((one, pairs))
    return pc.binary_join_element_wise("{", _in_a_row(parts), "}", "")


def _pairs(distinct: DistinctCells, names: Mapping[int, str], compute: Compute) -> list[tuple[Distinct, Array]]:
    """Return, for each cell, its distinct texts as `"name":"text"`."""
    cells = [(distinct.of(frozenset({position})), distinct.cells[position]) for position in names]
    texts = pa.concat_arrays([cell.take(pa.array(one.first)) for one, cell in cells])
    values = compute({"c0": texts}, "SELECT to_json(c0)::VARCHAR AS json FROM cells")["json"]
    keys = compute({"c0": pa.array(names.values())}, "SELECT to_json(c0)::VARCHAR AS json FROM cells")["json"]
    found, start = [], 0
    for key, (one, _) in zip(keys, cells, strict=True):
        found.append((one, pc.binary_join_element_wise(key, values.slice(start, one.count), ":")))
        start += one.count
    return found


def _in_a_row(parts: list[tuple[Distinct, Array]]) -> Array:
    """Return the texts of each record with commas between them; NULL where there is none."""
    always = next((number for number, (_, texts) in enumerate(parts) if not texts.null_count), None)
    if always is None:
        return reduce(_joined, (texts.take(pa.array(one.numbers)) for one, texts in parts))
    # Around a part that no record lacks, each other one brings its own comma, and nothing where it is not there.
    rows = []
    for number, (one, texts) in enumerate(parts):
        sides: tuple[Array, Array] = (texts, ",") if number < always else (",", texts)
        written = texts if number == always else pc.binary_join_element_wise(*sides, "")
        rows.append(written.take(pa.array(one.numbers)))
    return pc.binary_join_element_wise(*rows, "", null_handling="replace", null_replacement="")


def _joined(one: Array, other: Array) -> Array:
    """Return two texts with a comma between them, or the one of them that is there."""
    # Not by `null_handling`: Arrow loses the rows in which nothing is left.
    return pc.coalesce(pc.binary_join_element_wise(one, other, ","), one, other)
