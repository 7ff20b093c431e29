"""A profile applied to one header: what each column of `charges` is made of, by position."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from billstream.consumer.profiles.model import Operand, Profile, Source
from billstream.consumer.profiles.names import Header


@dataclass(frozen=True)
class Constant:
    """The same value in every row."""

    value: str


@dataclass(frozen=True)
class Cell:
    """One cell of the row; see `Operand`."""

    position: int
    amounts: str | None = None
    negative: bool = False
    unless: int | None = None


@dataclass(frozen=True)
class First:
    """The first of these cells that has a value."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Sum:
    """These cells added; NULL when none has a value. The sum of no cells is zero."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Product:
    """Two cells multiplied."""

    cells: tuple[Cell, Cell]


@dataclass(frozen=True)
class Switch:
    """One of several sums, by the text of a cell. A case whose cells the header lacks gives NULL."""

    by: int
    cases: dict[str, Sum | None]
    otherwise: Sum | None


@dataclass(frozen=True)
class Tags:
    """A map from a cell, and from columns that are one tag each: (position, name of the tag)."""

    cell: int | None
    columns: tuple[tuple[int, str], ...]


Value = Constant | Cell | First | Sum | Product | Switch | Tags


@dataclass(frozen=True)
class Binding:
    """What feeds which column of `charges`, for files with one header."""

    profile: Profile
    header: tuple[str, ...]
    values: dict[str, Value] = field(hash=False)

    @property
    def positions(self) -> dict[str, int]:
        """Column of `charges` to the position of its cell, for columns that are one cell and nothing else."""
        return {
            column: value.position
            for column, value in self.values.items()
            if isinstance(value, Cell) and value.amounts is None
        }

    @property
    def used(self) -> frozenset[int]:
        """Positions of the header's columns that some column of `charges` is made of."""
        found = {cell.position for value in self.values.values() for cell in cells_of(value)}
        found |= {c.unless for value in self.values.values() for c in cells_of(value) if c.unless is not None}
        for value in self.values.values():
            if isinstance(value, Switch):
                found.add(value.by)
            elif isinstance(value, Tags):
                found |= {position for position, _ in value.columns}
                found |= {value.cell} if value.cell is not None else set()
        return frozenset(found)

    @property
    def rescued(self) -> tuple[int, ...]:
        """Positions of the cells that no column of `charges` holds as they are; they are kept as JSON.

        A cell that is only part of a sum, or whose text is mapped to another, cannot be told from the result, so it
        is kept as well.
        """
        held: set[int] = set()
        for column, value in self.values.items():
            if isinstance(value, Cell) and not value.negative and self.profile.columns[column].mapping is None:
                held.add(value.position)
            elif isinstance(value, Tags):
                held |= {position for position, _ in value.columns}
                # A tag that has a column of its own hides the one of the same name in the cell.
                held |= {value.cell} if value.cell is not None and not value.columns else set()
        held -= {cell.position for value in self.values.values() for cell in cells_of(value) if cell.amounts}
        return tuple(index for index in range(len(self.header)) if index not in held)


def cells_of(value: Value) -> Iterator[Cell]:
    """Every cell that a value is made of; those of tags aside."""
    if isinstance(value, Cell):
        yield value
    elif isinstance(value, First | Sum | Product):
        yield from value.cells
    elif isinstance(value, Switch):
        for part in (*value.cases.values(), value.otherwise):
            yield from part.cells if part else ()


def bind(profile: Profile, header: Sequence[str], key: str = "") -> Binding | None:
    """`profile` over one header, or None when it does not fit header or key."""
    names = profile.names_in(header)
    if not profile.match.fits(names, key):
        return None
    found = {column: _bound(source, names) for column, source in profile.columns.items()}
    values = {column: value for column, value in found.items() if value is not None}
    if any(column not in values for column in profile.match.needs):
        return None
    return Binding(profile, tuple(header), values)


def _bound(source: Source, header: Header) -> Value | None:
    if source.constant is not None:
        return Constant(source.constant)
    if source.by:
        return _switch(source, header)
    if source.names or source.prefixed:
        return _cell_or_tags(source, header)
    return _expression(source, _cells(source.first or source.sum or source.product, header))


def _expression(source: Source, cells: tuple[Cell, ...]) -> First | Sum | Product | None:
    if source.product:
        return Product((cells[0], cells[1])) if len(cells) == len(source.product) else None
    if not cells:
        return None
    return First(cells) if source.first else Sum(cells)


def _cell_or_tags(source: Source, header: Header) -> Cell | Tags | None:
    position = header.position(source.names)
    if source.prefixed:
        columns = _named_once(pair for pair in header.beginning_with(source.prefixed) if pair[0] != position)
        return Tags(position, columns) if columns or position is not None else None
    return Cell(position) if position is not None else None


def _named_once(pairs: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    names: dict[str, int] = {}
    for position, name in pairs:
        names.setdefault(name, position)
    return tuple((position, name) for name, position in names.items())


def _switch(source: Source, header: Header) -> Switch | None:
    by = header.position(source.by)
    otherwise = _whole_sum(source.otherwise, header) if isinstance(source.otherwise, tuple) else None
    if by is None:
        return None
    cases = {text: _whole_sum(operands, header) for text, operands in source.cases.items()}
    return Switch(by, cases, otherwise)


def _whole_sum(operands: Sequence[Operand], header: Header) -> Sum | None:
    """A sum that misses a cell would be a wrong number."""
    cells = _cells(operands, header)
    return Sum(cells) if len(cells) == len(operands) else None


def _cells(operands: Sequence[Operand], header: Header) -> tuple[Cell, ...]:
    found = []
    for operand in operands:
        position, unless = header.position(operand.names), header.position(operand.unless)
        # Without the cell that may rule a number out, nobody knows whether it counts.
        if position is not None and (unless is not None or not operand.unless):
            found.append(Cell(position, operand.amounts, operand.negative, unless))
    return tuple(found)
