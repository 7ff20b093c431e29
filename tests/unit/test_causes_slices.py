"""The slice that explains a change: on cubes whose culprit is known, and by rules that hold for every cube."""

import csv
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.aggregator.causes.slices import FOLDED, Cell, Folded, Name, explaining_slice

DIMENSIONS = ("service", "region", "user", "resource")
LABELLED = Path(__file__).resolve().parents[3] / "shared" / "insight" / "given_explain"
EXACT = 0.88

Case = tuple[Sequence[Cell], Mapping[str, str]]


def rows_of(cells: Sequence[Cell], where: Mapping[str, Name]) -> frozenset[int]:
    """The cells that a slice names: two names of the same cells are both right."""
    places = {DIMENSIONS.index(name): value for name, value in where.items()}
    return frozenset(
        number for number, cell in enumerate(cells) if all(cell.values[at] == value for at, value in places.items())
    )


def exact(cases: Iterable[Case]) -> float:
    """The part of the cases in which exactly the cells of the culprit are named."""
    right = []
    for cells, culprit in cases:
        found = explaining_slice(DIMENSIONS, cells)
        right.append(found is not None and rows_of(cells, found.where) == rows_of(cells, culprit))
    return sum(right) / len(right)


def made_case(chance: random.Random) -> Case:
    """A company of some services: one slice of it grows by a fifth of the whole or more, all else by noise."""
    users, regions = [f"user {n}" for n in range(12)], ["east", "west", "north"]
    names = [
        (f"service {s}", chance.choice(regions), chance.choice(users), f"{s}-{r}") for s in range(6) for r in range(12)
    ]
    sizes = [math.exp(chance.gauss(2, 1)) for _ in names]
    dims = chance.choice([("service",), ("region",), ("user",), ("resource",), ("service", "region")])
    picked = chance.choice(names)
    culprit = {name: picked[DIMENSIONS.index(name)] for name in dims}
    of_it = [all(values[DIMENSIONS.index(name)] == value for name, value in culprit.items()) for values in names]
    part = sum(size for size, one in zip(sizes, of_it, strict=True) if one)
    factor = 1 + max(0.2 * sum(sizes) / part, 0.5) * chance.uniform(1, 2)
    made = [
        Cell(values, size, size * math.exp(chance.gauss(0, 0.05)) * (factor if one else 1))
        for values, size, one in zip(names, sizes, of_it, strict=True)
    ]
    return made, culprit


def labelled_cases() -> list[Case]:
    cells: dict[str, list[Cell]] = defaultdict(list)
    with (LABELLED / "cube.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = tuple(row[name] for name in DIMENSIONS)
            cells[row["case"]].append(Cell(values, float(row["expected"]), float(row["actual"])))
    with (LABELLED / "culprits.csv").open(encoding="utf-8") as file:
        culprits = {
            row["case"]: dict(part.split("=") for part in row["culprit"].split(";")) for row in csv.DictReader(file)
        }
    return [(cells[case], culprits[case]) for case in cells]


def test_the_culprit_of_made_cases_is_found() -> None:
    chance = random.Random(20260311)  # noqa: S311 - no secret
    assert exact(made_case(chance) for _ in range(80)) >= EXACT


@pytest.mark.skipif(not LABELLED.is_dir(), reason="the folder of labelled cubes, insight/given_explain, is not here")
def test_the_culprit_of_labelled_cases_is_found() -> None:
    cases = labelled_cases()
    assert len(cases) >= 100
    assert exact(cases) >= EXACT


def cube(*rows: tuple[Name | Folded, Name | Folded, float, float]) -> list[Cell]:
    return [Cell((service, resource), before, after) for service, resource, before, after in rows]


def found(cells: Iterable[Cell]) -> Mapping[str, Name] | None:
    slice_ = explaining_slice(("service", "resource"), cells)
    return None if slice_ is None else slice_.where


def test_one_resource_of_a_service_is_named_rather_than_the_service() -> None:
    cells = cube(("db", "db-1", 50, 51), ("db", "db-2", 50, 50), ("db", "db-7", 0, 200), ("vm", "vm-1", 90, 90))
    assert found(cells) == {"resource": "db-7"}


def test_a_service_that_grew_in_all_its_resources_is_named() -> None:
    cells = cube(("db", "db-1", 50, 100), ("db", "db-2", 40, 85), ("vm", "vm-1", 90, 91), ("vm", "vm-2", 10, 10))
    assert found(cells) == {"service": "db"}


def test_a_fall_is_explained_as_a_rise_is() -> None:
    cells = cube(("db", "db-1", 50, 50), ("db", "db-7", 200, 0), ("vm", "vm-1", 90, 89))
    assert found(cells) == {"resource": "db-7"}


def test_what_grew_everywhere_has_no_slice() -> None:
    cells = cube(("db", "db-1", 50, 100), ("db", "db-2", 40, 80), ("vm", "vm-1", 90, 180), ("vm", "vm-2", 60, 120))
    assert found(cells) == {}


def test_charges_without_a_value_are_a_slice_of_their_own() -> None:
    assert found(cube(("db", None, 10, 90), ("db", "db-1", 50, 50), ("db", "db-2", 60, 61))) == {"resource": None}


def test_folded_values_are_never_named() -> None:
    cells = cube(("db", FOLDED, 10, 90), ("db", "db-1", 50, 50), ("vm", "vm-1", 60, 61), ("vm", FOLDED, 60, 61))
    assert found(cells) == {"service": "db"}


def test_less_than_half_is_said_to_be_no_explanation() -> None:
    slice_ = explaining_slice(("resource",), [Cell((str(n),), 10, 10 + n) for n in range(5)] + [Cell(("x",), 90, 90)])
    assert slice_ is not None
    assert (slice_.where, slice_.explains, slice_.share) == ({"resource": "4"}, False, 0.4)


def test_nothing_explains_what_has_not_changed() -> None:
    assert explaining_slice(("service",), [Cell(("a",), 1, 2), Cell(("b",), 2, 1)]) is None
    assert explaining_slice(("service",), []) is None


AMOUNTS = st.integers(0, 1000).map(float)
CELLS = st.lists(
    st.builds(
        lambda service, resource, before, after: Cell((service, resource), before, after),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["1", "2", "3", FOLDED]),
        AMOUNTS,
        AMOUNTS,
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(CELLS, st.randoms(use_true_random=False))
def test_the_answer_has_the_sums_of_its_cells_and_does_not_depend_on_their_order(
    cells: list[Cell], chance: random.Random
) -> None:
    dimensions = ("service", "resource")
    found = explaining_slice(dimensions, cells)
    if found is None:
        return
    places = {dimensions.index(name): value for name, value in found.where.items()}
    members = [cell for cell in cells if all(cell.values[at] == value for at, value in places.items())]
    assert (found.before, found.after) == (sum(c.before for c in members), sum(c.after for c in members))
    assert found.share * sum(c.after - c.before for c in cells) == pytest.approx(found.after - found.before)
    assert found.explains is (found.share >= 0.5)
    shuffled = chance.sample(cells, len(cells))
    again = explaining_slice(dimensions, shuffled)
    assert again is not None
    assert again.share == found.share
