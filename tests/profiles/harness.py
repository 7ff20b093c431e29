"""Round trips of vendors' files: charges are made up, written the way the vendor writes them, and read again.

A test makes `Charge`s, which name the columns of `charges` and nothing else, and writes them by a few lines that know
the vendor's form. `same` then asserts that the file got the right profile and that its rows are these charges: each
column, each cost to the last decimal, and nothing besides.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from billstream.common.errors import Poison
from billstream.common.ids import new_id
from billstream.common.lake.catalog import literal
from billstream.consumer.decode import StagedLoad, Staging, open_tabular
from billstream.consumer.trial.bench import Bench

Charge = dict[str, Any]
"""The columns of one row of `charges` that have a value."""

SEEDS = (1, 2, 3, 5, 8)
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
_WRITTEN_BY_THE_LOAD = frozenset({"load_id", "rescued"})


@dataclass(frozen=True)
class Found:
    """What a load makes of one file: its profile and rows, or the reason why it is refused."""

    profile: str | None = None
    refusal: str | None = None
    load: StagedLoad = field(default_factory=StagedLoad)
    charges: tuple[Charge, ...] = ()
    rescued: tuple[str | None, ...] = ()

    def total(self, metric: str = "billed_cost") -> dict[str | None, Decimal]:
        """The sum of a cost by currency, without the currencies that have none."""
        return totals(self.charges, metric)


@dataclass
class Reader:
    """Reads files as a load does, without a commit; one lake serves many."""

    bench: Bench
    folder: Path
    count: int = 0

    def __call__(self, content: str | bytes, key: str = "bills/export.csv") -> Found:
        """Return what a load makes of a file with this content under this key."""
        self.count += 1
        path = self.folder / f"{self.count}.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        try:
            tabular = open_tabular(new_id(), self.bench.text(path), self.bench.profiles, key)
        except Poison as poison:
            return Found(refusal=str(poison))
        profile = tabular.binding.profile.name if tabular.binding else None
        staging = Staging(self.bench.lake)
        staged = staging.stage([tabular], f"round-trip-{self.count}")
        try:
            load = staged.loads.get(tabular.load_id, StagedLoad())
            refusal = staged.poisoned.get(tabular.load_id) or load.refused
            rows = self._rows(staged.paths)
        finally:
            staging.discard(staged)
        rescued = tuple(row.get("rescued") for row in rows)
        return Found(profile, refusal, load, tuple(_with_values(row) for row in rows), rescued)

    def _rows(self, paths: Sequence[str]) -> list[Charge]:
        if not paths:
            return []
        files = ", ".join(literal(path) for path in paths)
        sql = f"SELECT * FROM read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
        table = self.bench.lake.engine.execute(sql).to_arrow_table()
        rows: list[Charge] = table.to_pylist(maps_as_pydicts="strict")
        return rows


def _with_values(row: Mapping[str, Any]) -> Charge:
    known = {column: value for column, value in row.items() if column not in _WRITTEN_BY_THE_LOAD}
    return {column: value for column, value in known.items() if value is not None and value != {}}


def same(found: Found, profile: str, expected: Iterable[Charge]) -> None:
    """Assert that a file was read by `profile` as exactly these charges, in any order."""
    wanted = [_with_values(charge) for charge in expected]
    assert (found.refusal, found.profile) == (None, profile)
    assert found.load.rejected == ()
    for metric in COSTS:
        assert found.total(metric) == totals(wanted, metric), metric
    assert Counter(days(found.charges)) == Counter(days(wanted))
    # Sorted by their own text, so that a difference is shown between rows that belong together.
    for mine, other in zip(sorted(found.charges, key=_order), sorted(wanted, key=_order), strict=True):
        assert mine == other


def _order(charge: Charge) -> str:
    return repr(sorted((column, _plain(value)) for column, value in charge.items()))


def _plain(value: object) -> str:
    # 1.50 and 1.5 are one number, and differ as text.
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def totals(charges: Iterable[Charge], metric: str) -> dict[str | None, Decimal]:
    """Return the sum of a cost by currency."""
    found: dict[str | None, Decimal] = defaultdict(Decimal)
    for charge in charges:
        if charge.get(metric) is not None:
            found[charge.get("billing_currency")] += charge[metric]
    return dict(found)


def days(charges: Iterable[Charge]) -> list[date]:
    """Return the day on which each charge begins, in UTC."""
    return [charge["charge_period_start"].astimezone(UTC).date() for charge in charges]


# -- making up values ----------------------------------------------------------------------------------------


def money(choose: Random, decimals: int = 6, highest: int = 5000) -> Decimal:
    """Return an amount above zero, written with up to so many decimals."""
    return Decimal(choose.randint(1, highest * 10**decimals)).scaleb(-decimals)


def day(choose: Random, year: int = 2026, month: int = 9) -> datetime:
    """Return the beginning of a day of this month, in UTC."""
    return datetime(year, month, choose.randint(1, 28), tzinfo=UTC)


def csv_text(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    preamble: Iterable[Sequence[object]] = (),
    quoted: bool = False,
    delimiter: str = ",",
) -> str:
    """Return a CSV of these lines; None is the empty cell, and a Decimal is written with all its digits."""
    out = io.StringIO()
    writer = csv.writer(
        out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, delimiter=delimiter, lineterminator="\n"
    )
    for row in (*preamble, header, *rows):
        writer.writerow(f"{cell:f}" if isinstance(cell, Decimal) else "" if cell is None else cell for cell in row)
    return out.getvalue()


def subset(choose: Random, header: Sequence[str], essential: Iterable[str]) -> list[str]:
    """Return some of the header's names in the same order, the essential ones always."""
    kept = set(essential)
    return [name for name in header if name in kept or choose.random() < 0.7]


@dataclass(frozen=True)
class Form:
    """How a vendor writes charges, for files that are one header and a line for each charge.

    Attributes:
        profile: the profile that such a file gets.
        header: all columns that the vendor knows, in its order.
        essential: the columns without which a charge cannot be told from its line; a file has some of the others.
        charge: makes up one charge.
        written: the cells of a charge, by the name of the column.
    """

    profile: str
    header: Sequence[str]
    essential: Iterable[str]
    charge: Callable[[Random], Charge]
    written: Callable[[Charge], Mapping[str, object]]

    def trip(self, read: Reader, seed: int, *, rows: int = 9) -> None:
        """Write charges the vendor's way, read the file, and assert that nothing has changed."""
        choose = Random(seed)  # noqa: S311 - the same file every time
        known = [self.charge(choose) for _ in range(rows)]
        header = subset(choose, self.header, self.essential)
        lines = [[self.written(charge).get(name) for name in header] for charge in known]
        text = csv_text(header, lines, quoted=choose.random() < 0.5)
        if choose.random() < 0.5:
            text = "\ufeff" + text.replace("\n", "\r\n")
        same(read(text), self.profile, known)
