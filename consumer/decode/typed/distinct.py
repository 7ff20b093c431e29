"""The distinct combinations of the cells of some columns: each is computed once, however many records have it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = Any  # an Arrow array; the stubs of pyarrow lack half of its methods

Cells = Mapping[int, Array]
"""The cells of some records as text, by the position of their column."""

_SEPARATOR, _NULL = "\x1f", "\x1e"
_MOST_REMEMBERED = 4 * 1024 * 1024  # bytes of one memory


@dataclass(frozen=True)
class Distinct:
    """Which combination each record has: numbers from 0, below `count`."""

    numbers: npt.NDArray[np.int32]
    count: int

    @classmethod
    def of(cls, cells: Array) -> "Distinct":
        """Return the distinct texts of a column; no text is one of them."""
        encoded = pc.dictionary_encode(cells, null_encoding="encode")
        return cls(encoded.indices.to_numpy(zero_copy_only=False), len(encoded.dictionary))

    def combined(self, other: "Distinct") -> "Distinct":
        """Return the combinations with those of other columns."""
        if 1 in {self.count, other.count}:
            return self if other.count == 1 else other
        both = pa.array(self.numbers.astype(np.int64) * other.count + other.numbers).dictionary_encode()
        return Distinct(both.indices.to_numpy(zero_copy_only=False), len(both.dictionary))

    @cached_property
    def first(self) -> npt.NDArray[np.int64]:
        """The first record that has each combination."""
        found = np.empty(self.count, np.int64)
        found[self.numbers[::-1]] = np.arange(len(self.numbers) - 1, -1, -1)
        return found


class DistinctCells:
    """The distinct combinations of the cells of some records, each found once."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._found: dict[frozenset[int], Distinct] = {}

    def of(self, positions: frozenset[int]) -> Distinct:
        """Return the combinations of the cells at some positions."""
        if positions not in self._found:
            first, *others = sorted(positions)
            singles = (self.of(frozenset({position})) for position in (first, *others) if others)
            self._found[positions] = reduce(Distinct.combined, singles) if others else Distinct.of(self.cells[first])
        return self._found[positions]


@dataclass
class Memory:
    """What was computed of texts: the days and tags of a bill come again in its next piece, and in the next bill.

    `keys` are the texts, `results` has an array of as many values for each name.
    """

    keys: Array = field(default_factory=lambda: pa.array([], pa.string()))
    results: dict[str, Array] = field(default_factory=dict)

    def recall(self, keys: Array, compute: Callable[[Array], dict[str, Array]]) -> dict[str, Array]:
        """Return the results of texts.

        Args:
            keys: distinct texts.
            compute: returns the results of those of them that a mask chooses; the memory keeps these.
        """
        places: Array = pc.index_in(keys, value_set=self.keys)
        if places.null_count:
            new = places.is_null()
            self._learn(keys.filter(new), compute(new))
            places = pc.index_in(keys, value_set=self.keys)
        found = {name: values.take(places) for name, values in self.results.items()}
        if self.nbytes > _MOST_REMEMBERED:
            self.keys, self.results = pa.array([], pa.string()), {}
        return found

    def _learn(self, keys: Array, results: dict[str, Array]) -> None:
        if self.results:
            results = {name: pa.concat_arrays([self.results[name], results[name]]) for name in results}
        self.keys, self.results = pa.concat_arrays([self.keys, keys]), results

    @property
    def nbytes(self) -> int:
        """The bytes of all texts and results."""
        return int(self.keys.nbytes + sum(values.nbytes for values in self.results.values()))


def key_of(cells: list[Array]) -> Array | None:
    """Return a text for each record that tells it from every other; None if the cells cannot be joined so."""
    if len(cells) == 1:
        return cells[0]
    if any(pc.any(pc.match_substring_regex(one, f"[{_SEPARATOR}{_NULL}]")).as_py() for one in cells):
        return None
    return pc.binary_join_element_wise(*cells, _SEPARATOR, null_handling="replace", null_replacement=_NULL)
