"""What a process knows of the exports of its lake, and the part of a commit that keeps their coverage true."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import literal
from billstream.common.lake.guard import scope_id
from billstream.consumer.decode import Covered
from billstream.consumer.exports.coverage import Cell, Line, insert_lines, read_lines, staged_lines
from billstream.consumer.exports.moves import Moves, active_lines, apply_moves, moves
from billstream.consumer.exports.naming import Source
from billstream.consumer.exports.overlaps import Comparison
from billstream.consumer.exports.preferences import SCOPE_ID, Preference, read_preferences

SETTLED = "settled"
"""The state of a cell in the catalog: a scope that no ledger entry is about."""


@dataclass
class Plan:
    """The part of a commit about exports.

    Args:
        unchanged: scopes that the commit depends on, with the entries that they must still have.
        claims: of the cells that the commit changes, so that two commits never settle one cell side by side.
        lines: the coverage of the new loads.
        adopted: lines of loads that are a part of another export now.
        cells: the cells in which rows may have to move.
        preferences: those that hold.
        names: spellings of providers.
    """

    unchanged: dict[str, str | None] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    lines: Sequence[Line] = ()
    adopted: Sequence[Line] = ()
    cells: Collection[Cell] = ()
    preferences: Sequence[Preference] = ()
    names: dict[str, str] = field(default_factory=dict)

    @property
    def may_be_aside(self) -> bool:
        """True when rows of a load may be set aside: somebody has preferred an export once."""
        return any(self.unchanged.values())

    def write(self, con: duckdb.DuckDBPyConnection) -> Moves:
        """Write the coverage, once the ledger has the entries. Return the rows that have to move before the commit."""
        if self.adopted:
            loads = sorted({line.load_id for line in self.adopted})
            con.execute(f"DELETE FROM load_coverage WHERE load_id IN ({', '.join(map(literal, loads))})")
        insert_lines(con, [*self.lines, *self.adopted])
        return moves(active_lines(con, self.cells), self.preferences)

    def move(self, con: duckdb.DuckDBPyConnection, chosen: Moves) -> None:
        """Move the rows, once the new ones are in `charges`."""
        apply_moves(con, chosen, self.names)


class Exports:
    """The preferences that hold, as the catalog has them; whoever commits with others is refused and asks again."""

    def __init__(self) -> None:
        self._comparison = Comparison()
        self._names: dict[str, str] | None = None
        self._version: str | None = None
        self._preferences: list[Preference] | None = None

    def forget(self) -> None:
        """Read the preferences again before the next commit: a commit was refused."""
        self._preferences = None

    def plan(
        self,
        lake: Lake,
        sources: Sequence[Source],
        covered: Mapping[str, Sequence[Covered]],
        replaced: Sequence[str],
        kept: Sequence[Source] = (),
    ) -> Plan:
        """Return the part of a commit about exports.

        Args:
            lake: no transaction is open.
            sources: the exports of the new loads.
            covered: what the rows of each new load have.
            replaced: the loads whose rows are deleted.
            kept: the exports of loads that stay as they are in a new delivery.

        Raises:
            Retryable, DataDamaged: the lake does not answer, or cannot be read.
        """
        if not (sources or replaced or kept):
            return Plan()
        anew = self._preferences is None
        preferences = self._read_preferences(lake) if self._preferences is None else self._preferences
        lines = staged_lines(sources, covered, self.names(lake))
        adopted = self._adopted(lake, kept)
        cells: set[Cell] = set()
        if preferences:
            touched = None if anew else {line.cell for line in (*lines, *adopted)} | _cells_of(lake, replaced)
            cells = concerned_cells(lake, preferences, touched)
        return Plan(
            {SCOPE_ID: self._version}, cell_claims(lake, cells), lines, adopted, cells, preferences, self.names(lake)
        )

    def tell(self, lake: Lake, plan: Plan) -> None:
        """Warn, after the commit, of each overlap that it has made; see `Comparison`."""
        self._comparison.tell(lake, plan.lines)

    def names(self, lake: Lake) -> dict[str, str]:
        """Return the one name of a provider for each spelling, in lower case."""
        if self._names is None:
            self._names = dict(lake.rows("SELECT name, provider FROM provider_names"))
        return self._names

    def _read_preferences(self, lake: Lake) -> list[Preference]:
        # The version first: a change in between is one that the version does not know, and the commit is refused.
        held = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
        self._version = held.entry_id if held else None
        self._preferences = read_preferences(lake) if held else []
        return self._preferences

    def _adopted(self, lake: Lake, kept: Sequence[Source]) -> list[Line]:
        """Return the lines of loads that were in another export, as lines of the one that has them now."""
        if not kept:
            return []
        now = {source.load_id: source for source in kept}
        listed = ", ".join(map(literal, sorted(now)))
        with reading(lake):
            found = read_lines(lake.connection, f"load_id IN ({listed})")
        moved = {line.load_id for line in found if line.export != now[line.load_id].export}
        return [
            replace(line, export=now[line.load_id].export, whole_period=now[line.load_id].whole_period)
            for line in found
            if line.load_id in moved
        ]


@contextlib.contextmanager
def reading(lake: Lake) -> Iterator[None]:
    """Translate the errors of work with the lake's connection outside a transaction."""
    with lake.reading():
        try:
            yield
        except duckdb.Error as error:
            raise lake.failure(error, "reading what exports cover") from error


def concerned_cells(lake: Lake, preferences: Sequence[Preference], cells: Collection[Cell] | None = None) -> set[Cell]:
    """Return the cells, of these or of all, that one of the preferences is about."""
    if cells is None:
        every = "SELECT DISTINCT provider, billing_month FROM load_coverage WHERE provider IS NOT NULL"
        cells = [(provider, month) for provider, month in lake.rows(every)]
    return {
        (provider, month)
        for provider, month in cells
        if any(preference.concerns_month(provider or None, month) for preference in preferences)
    }


def cell_claims(lake: Lake, cells: Collection[Cell]) -> list[Claim]:
    """Return a claim of each cell: who settles it next must have seen what this commit does."""
    if not cells:
        return []
    scopes = sorted(scope_id(f"exports://{provider}/{month:%Y-%m}") for provider, month in cells)
    held = lake.processed_keys(scopes)
    return [
        Claim(
            ProcessedKey(scope_id=scope, entry_id=new_id(), state=SETTLED),
            prev=held[scope].entry_id if scope in held else None,
        )
        for scope in scopes
    ]


def _cells_of(lake: Lake, load_ids: Sequence[str]) -> set[Cell]:
    if not load_ids:
        return set()
    listed = ", ".join(map(literal, load_ids))
    found = lake.rows(f"SELECT DISTINCT provider, billing_month FROM load_coverage WHERE load_id IN ({listed})")
    return {(provider or "", month) for provider, month in found}
