"""A profile applied to one header: the cells that each column of `charges` is made of, by position."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from billstream.consumer.profiles.model import Operand, Profile, Source
from billstream.consumer.profiles.names import Header
from billstream.consumer.profiles.origin import Origin
from billstream.consumer.profiles.records import Condition, doubt_of_columns, without_currencies
from billstream.consumer.profiles.told import Told, doubt_of_names, told_by_names, told_by_preamble


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
    key: str | None = None
    part: str | None = None
    pattern: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    where: int | None = None

    @property
    def whole(self) -> bool:
        """True if the text of the cell is taken as it is."""
        return not (self.amounts or self.key or self.part or self.pattern or self.mapping or self.where is not None)


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
class Test:
    """A cell of a record, and the texts of which it has one if the test holds; see `Condition`."""

    position: int
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Binding:
    """The values of the columns of `charges`, for files with one header.

    `told` is what the header's names and the lines above the header tell; `doubt` is why the names leave it open which
    column is meant: then no file with this header is read.

    A record is a charge if all tests of `only` hold and none of `leave_out`. Of each column in `unpivoted`, which are
    (position, name), each cell is a record of its own: the name and the cell have the positions behind the header's.

    `wholes` has, for each column that is a field of a structure, the position of that structure's own column; it is
    empty where no column is.
    """

    profile: Profile
    header: tuple[str, ...]
    values: dict[str, Value] = field(hash=False)
    told: dict[str, Told] = field(default_factory=dict, hash=False)
    doubt: str | None = None
    only: tuple[Test, ...] = ()
    leave_out: tuple[Test, ...] = ()
    unpivoted: tuple[tuple[int, str], ...] = ()
    wholes: tuple[int | None, ...] = ()

    def default(self, column: str) -> str | None:
        """Return the value of a record whose cell for `column` is empty; None when there is no such value."""
        told = self.told.get(column)
        return told.text if told else self.profile.columns[column].default

    def below(self, preamble: Sequence[str], delimiter: str) -> "Binding":
        """Return this binding for a file with these lines above its header.

        Raises:
            Poison: the lines leave the currency in doubt.
        """
        told = told_by_preamble(self.profile, preamble, delimiter, self.told) if preamble else {}
        if not told:
            return self
        return replace(self, told={**self.told, **told}, values=_with_told(self.values, told))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a record's cells, by position: those of the header, and those that [unpivot] adds."""
        unpivot = self.profile.unpivot
        return (*self.header, unpivot.name, unpivot.value) if unpivot else self.header

    @property
    def positions(self) -> dict[str, int]:
        """The position of the cell of each column of `charges` that is one cell and nothing else."""
        return {
            column: value.position for column, value in self.values.items() if isinstance(value, Cell) and value.whole
        }

    @property
    def used(self) -> frozenset[int]:
        """The positions of the header's columns that some column of `charges` is made of."""
        found = {cell.position for value in self.values.values() for cell in cells_of(value)}
        told = {p for value in self.values.values() for cell in cells_of(value) for p in (cell.unless, cell.where)}
        found |= {position for position in told if position is not None}
        found |= {test.position for test in (*self.only, *self.leave_out)}
        found |= {position for position, _ in self.unpivoted}
        for value in self.values.values():
            if isinstance(value, Switch):
                found.add(value.by)
            elif isinstance(value, Tags):
                found |= {position for position, _ in value.columns}
                found |= {value.cell} if value.cell is not None else set()
        return frozenset(found)

    @property
    def recognised(self) -> int:
        """The number of the header's columns that are used and known by name; unpivoted ones may have any name."""
        return len(self.used_of_header) - len(self.unpivoted)

    @property
    def used_of_header(self) -> frozenset[int]:
        """The positions of the header's columns that are used, without the cells that [unpivot] adds."""
        return frozenset(position for position in self.used if position < len(self.header))

    @property
    def rescued(self) -> tuple[int, ...]:
        """The positions of the cells that no column of `charges` contains unchanged; they are kept as JSON.

        A cell that is only part of a sum, or whose text is mapped to another, cannot be derived from the result, so it
        is kept as well.
        """
        # A negative number or a mapped text has lost its original form.
        held: set[int] = set()
        for column, value in self.values.items():
            mapped = self.profile.columns[column].mapping is not None
            if isinstance(value, Cell) and value.whole and not value.negative and not mapped:
                held.add(value.position)
            elif isinstance(value, Tags):
                held |= {position for position, _ in value.columns}
                # A tag that has a column of its own hides the one of the same name in the cell.
                held |= {value.cell} if value.cell is not None and not value.columns else set()
        held -= {cell.position for value in self.values.values() for cell in cells_of(value) if cell.amounts}
        # What a structure contains is kept once: with the whole, or field by field.
        for index, whole in enumerate(self.wholes):
            if whole in held:
                held.add(index)
        held |= {whole for whole in self.wholes if whole is not None}
        held |= {position for position, _ in self.unpivoted}
        return tuple(index for index in range(len(self.names)) if index not in held)


def cells_of(value: Value) -> Iterator[Cell]:
    """Yield every cell that a value is made of, except those of tags."""
    if isinstance(value, Cell):
        yield value
    elif isinstance(value, First | Sum | Product):
        yield from value.cells
    elif isinstance(value, Switch):
        for part in (*value.cases.values(), value.otherwise):
            yield from part.cells if part else ()


def bind(profile: Profile, header: Sequence[str], key: Origin | str = "") -> Binding | None:
    """Return `profile` over one header, or None when it does not fit header or origin."""
    names = profile.names_in(header)
    if not profile.match.fits(names, key):
        return None
    unpivoted = profile.unpivot.positions(header) if profile.unpivot else ()
    names = profile.cells_in(header)
    only, leave_out = (_tests(entries, names) for entries in (profile.records.only, profile.records.leave_out))
    # Without the cell that tells a charge from another record, nobody knows which records count.
    if len(only) < len(profile.records.only) or (profile.unpivot and not unpivoted):
        return None
    found = {column: _bound(source, names) for column, source in profile.columns.items()}
    values = {column: value for column, value in found.items() if value is not None}
    if any(column not in values for column in profile.match.needs):
        return None
    values = _with_ends_of_starts(values)
    columns = tuple(zip(unpivoted, without_currencies([header[position] for position in unpivoted]), strict=True))
    costs = frozenset(c.position for column, v in values.items() if column.endswith("_cost") for c in cells_of(v))
    # A total that stays beside unpivoted columns is no cost itself, and its name tells their currency.
    costs |= profile.unpivot.kept(header) if profile.unpivot else frozenset()
    told = told_by_names(profile, names, costs)
    defaults = {c: Told(s.default) for c, s in profile.columns.items() if s.default and (s.preamble or s.of_name)}
    values = _with_told(values, {**defaults, **told})
    doubt = doubt_of_names(profile, names, costs) or doubt_of_columns(profile.name, [header[p] for p in unpivoted])
    return Binding(profile, tuple(header), values, told, doubt, only, leave_out, columns)


def _with_ends_of_starts(values: dict[str, Value]) -> dict[str, Value]:
    """Return `values`, in which a charge ends with a period only if it starts with it: a day is not its month."""
    end = values.get("charge_period_end", Constant(""))
    starts = {cell.position for cell in cells_of(values.get("charge_period_start", end))}
    cells = tuple(cell for cell in cells_of(end) if cell.part != "end" or cell.position in starts)
    if len(cells) < len(tuple(cells_of(end))):
        values = {column: First(cells) if value is end else value for column, value in values.items()}
    return {column: value for column, value in values.items() if value != First(())}


def _with_told(values: dict[str, Value], told: Mapping[str, Told]) -> dict[str, Value]:
    """Return `values`, in which a column without a cell has what was told of it."""
    empty = [column for column in told if isinstance(values.get(column, Constant("")), Constant)]
    return {**values, **{column: Constant(told[column].text) for column in empty}}


def _tests(conditions: Sequence[Condition], names: Header) -> tuple[Test, ...]:
    """Return the conditions whose cell the header has."""
    found = ((names.position(condition.names), condition.texts) for condition in conditions)
    return tuple(Test(position, texts) for position, texts in found if position is not None)


def _bound(source: Source, header: Header) -> Value | None:
    """Return the value of one column, None when the header lacks what it is made of."""
    if source.constant is not None:
        return Constant(source.constant)
    if source.prefixed:
        position = header.position(source.names)
        names: dict[str, int] = {}  # of two columns for one tag, the first counts
        for index, name in header.beginning_with(source.prefixed):
            if index != position:
                names.setdefault(name, index)
        columns = tuple((index, name) for name, index in names.items())
        return Tags(position, columns) if columns or position is not None else None
    if source.names:
        position = header.position(source.names)
        cut = Cell(position or 0, key=source.key, part=source.part, pattern=source.pattern)
        return cut if position is not None else None
    if source.by:
        by = header.position(source.by)
        otherwise = _whole_sum(source.otherwise, header) if isinstance(source.otherwise, tuple) else None
        cases = {text: _whole_sum(operands, header) for text, operands in source.cases.items()}
        return Switch(by, cases, otherwise) if by is not None else None
    if not source.header_names:
        return None  # it is told by the header's names, or above the header
    cells = _cells(source.first or source.sum or source.product, header)
    value: First | Sum | Product | None = First(cells) if source.first else Sum(cells)
    if source.product:
        value = Product((cells[0], cells[1])) if len(cells) == len(source.product) else None
    return value if cells else None


def _whole_sum(operands: Sequence[Operand], header: Header) -> Sum | None:
    """Return a sum, None when a cell of it is missing: it would be a wrong number."""
    cells = _cells(operands, header)
    return Sum(cells) if len(cells) == len(operands) else None


def _cells(operands: Sequence[Operand], header: Header) -> tuple[Cell, ...]:
    found = []
    for operand in operands:
        position, unless, where = (header.position(names) for names in (operand.names, operand.unless, operand.where))
        # Without the cell that may rule another out, nobody knows whether that counts.
        known = (unless is not None or not operand.unless) and (where is not None or not operand.where)
        if position is not None and known:
            cut = (operand.key, operand.part, operand.pattern, tuple((operand.mapping or {}).items()), where)
            found.append(Cell(position, operand.amounts, operand.negative, unless, *cut))
    return tuple(found)
