"""Find the slice of a cube that explains most of a change. Pure: values in, values out; no lake.

The score of a slice is share times evenness times 0.92 ^ (dimensions - 1):

* share: the part of the whole change that the slice has, at most 1 (a slice with less than half is no explanation);
* evenness: the part of the slice's amounts whose members have moved as the slice has. A region in which one resource
  alone has grown is uneven, so the resource wins; a region that grew everywhere is even, so the region wins;
* each dimension beyond the first costs 8 %, so the shorter name wins among slices of about the same rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

LEAST_SHARE = 0.5
"""A slice that has less of the change is not called its cause."""

COST_OF_DIMENSION = 0.92
MOST_DIMENSIONS = 2
MOVED = 0.25
"""A member has moved with its slice when its own relative change is at least this part of the slice's."""

LARGEST_RISE = 4.0
"""Relative changes above it count as this one: a member that grew fivefold in a slice that grew fiftyfold has moved."""

EVEN = 0.75
"""The whole cube is its own explanation only where so much of it moved alike."""

ALONE = frozenset({"resource"})
"""Dimensions that already identify a thing: a pair of one of them and another dimension says no more."""

Name = str | None
"""The value of a dimension. None: the charges that have no value."""


class Folded:
    """Stands for the values of a dimension past the limit of a cube; a slice is never named after them."""


FOLDED = Folded()


@dataclass(frozen=True)
class Cell:
    """One cell of a cube: a value for each dimension, the amount that was expected and the one that came."""

    values: tuple[Name | Folded, ...]
    before: float
    after: float


@dataclass(frozen=True)
class Slice:
    """The slice that explains most of a change.

    Attributes:
        where: the value of each of its dimensions; empty: the whole cube has moved, in all its parts alike.
        share: its part of the whole change; above 1 where the rest moved the other way.
        before: the sum of its cells before.
        after: the sum of its cells after.
        explains: False when no slice has half of the change; this is the one with the largest part then.
    """

    where: Mapping[str, Name]
    share: float
    before: float
    after: float
    explains: bool = True


@dataclass(frozen=True)
class _Candidate:
    score: float
    dimensions: tuple[str, ...]
    values: tuple[Name, ...]
    members: Sequence[Cell]


def explaining_slice(dimensions: Sequence[str], cells: Iterable[Cell]) -> Slice | None:
    """Return the slice that explains most of the change of the cube.

    Args:
        dimensions: the names of the dimensions, the broadest first: of two equal slices the first one is named.
        cells: the cube.

    Returns:
        The slice; None for a cube whose sum has not changed, as there is nothing to explain.
    """
    cube = tuple(cells)
    whole = sum(cell.after - cell.before for cell in cube)
    if not whole:
        return None
    candidates = list(_candidates(dimensions, cube, whole))
    best = max((one for one in candidates if _share(one.members, whole) >= LEAST_SHARE), key=_by_score, default=None)
    if best is not None:
        return _named(best, whole, explains=True)
    single = [one for one in candidates if len(one.dimensions) == 1]
    if not single:
        return None
    return _named(max(single, key=lambda one: _share(one.members, whole)), whole, explains=False)


def _by_score(one: _Candidate) -> float:
    # Rounded, so that two names of the same rows are equal, and the first one is named.
    return round(one.score, 9)


def _candidates(dimensions: Sequence[str], cube: Sequence[Cell], whole: float) -> Iterable[_Candidate]:
    """Yield the whole cube, and every slice of one and two dimensions that has some of the change."""
    if _evenness(cube) >= EVEN:
        yield _Candidate(_score(cube, whole, 1), (), (), cube)
    # A dimension with one value for all cells says nothing beyond the whole.
    telling = [at for at in range(len(dimensions)) if len({cell.values[at] for cell in cube}) > 1]
    for count in range(1, MOST_DIMENSIONS + 1):
        for places in combinations(telling, count):
            names = tuple(dimensions[at] for at in places)
            if count > 1 and ALONE & set(names):
                continue
            groups: dict[tuple[Name | Folded, ...], list[Cell]] = defaultdict(list)
            for cell in cube:
                groups[tuple(cell.values[at] for at in places)].append(cell)
            for values, members in groups.items():
                named = tuple(value for value in values if not isinstance(value, Folded))
                share = _share(members, whole)
                if len(named) < count or share <= 0:
                    continue
                score = _score(members, whole, count) if share >= LEAST_SHARE else 0.0
                yield _Candidate(score, names, named, members)


def _share(members: Sequence[Cell], whole: float) -> float:
    return sum(cell.after - cell.before for cell in members) / whole


def _score(members: Sequence[Cell], whole: float, count: int) -> float:
    return min(_share(members, whole), 1.0) * _evenness(members) * COST_OF_DIMENSION ** (count - 1)


def _evenness(members: Sequence[Cell]) -> float:
    """Return the part of the members' amounts, before and after, that moved as their sum did; from 0 to 1."""
    before = sum(cell.before for cell in members)
    change = sum(cell.after for cell in members) - before
    if len(members) == 1 or before <= 0:
        return 1.0
    direction = 1 if change > 0 else -1
    least = MOVED * min(abs(change) / before, LARGEST_RISE)
    moved = weight = 0.0
    for cell in members:
        size = abs(cell.before) + abs(cell.after)
        weight += size
        if direction * (cell.after - cell.before) > least * cell.before:
            moved += size
    return moved / weight if weight else 1.0


def _named(one: _Candidate, whole: float, *, explains: bool) -> Slice:
    return Slice(
        where=dict(zip(one.dimensions, one.values, strict=True)),
        share=_share(one.members, whole),
        before=sum(cell.before for cell in one.members),
        after=sum(cell.after for cell in one.members),
        explains=explains,
    )
