"""Read what two sets of days cost: the charges are read once, into a temporary table, and everything else from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billstream.aggregator.causes.charges import COLUMNS, SLICED, Charges, Parameters, days_between, in_days
from billstream.aggregator.causes.price_volume import Sold, scaled
from billstream.aggregator.causes.slices import FOLDED, Cell, Folded, Name
from billstream.common.lake import Lake
from billstream.common.statements import statement

MOST_VALUES = 100
"""The values of a dimension with the largest changes are told apart in a cube; the others are one."""

MOST_CELLS = 3000
LOOK_BACK_DAYS = 60
"""A resource is new when it has no charge in so many days before."""

MOST_FILES = 5

Where = Mapping[str, Name]


@dataclass(frozen=True)
class Sum:
    """The amounts and rows of some charges before and after; `where` is what they have in common."""

    where: Where
    before: Decimal
    after: Decimal
    rows_before: int
    rows_after: int


@dataclass(frozen=True)
class Gathered:
    """The charges of the days before and after, in the temporary table `cause_charges` of the lake's connection.

    Attributes:
        lake: has the table until another one is gathered.
        after: the charges of the days after: their dimensions and cost are those of both.
        before: the days that they are compared with.
        version: the snapshot that was read.
    """

    lake: Lake
    after: Charges
    before: frozenset[date]
    version: int

    @property
    def ratio(self) -> float:
        """How many days there are after for each day before."""
        return len(self.after.days) / len(self.before) if self.before else 1.0

    def expected(self, amount: Decimal) -> Decimal:
        """Return an amount of the days before as it were over the days after."""
        return scaled(amount, len(self.after.days), len(self.before))

    def sums(self, keys: Sequence[str], where: Where) -> list[Sum]:
        """Return the sums of each group of the keys, the largest change first."""
        parameters = Parameters()
        rows = self.lake.rows(
            statement(
                __name__,
                "sums",
                keys=", ".join(keys) or "NULL",
                order=", ".join(keys) or "1",
                condition=_condition(where, parameters),
                ratio=repr(self.ratio),
            ),
            parameters,
        )
        count = max(len(keys), 1)
        return [Sum({**where, **dict(zip(keys, row[:count], strict=False))}, *row[count:]) for row in rows]

    def cube(self, where: Where) -> list[Cell]:
        """Return the cube of the dimensions `SLICED`; amounts before are over the days after."""
        parameters = Parameters()
        kept = "SELECT value FROM kept WHERE dimension"
        folded = (f"CASE WHEN {name} IN ({kept} = '{name}') THEN {name} ELSE 'f' END AS {name}" for name in SLICED)
        rows = self.lake.rows(
            statement(
                __name__,
                "cube",
                condition=_condition(where, parameters),
                marked=", ".join(f"coalesce('v' || {name}, 'n') AS {name}" for name in SLICED),
                names=", ".join(SLICED),
                folded=", ".join(folded),
                bounded=", ".join(f"CASE WHEN kept THEN {name} ELSE 'f' END AS {name}" for name in SLICED),
                ratio=repr(self.ratio),
                most_values=MOST_VALUES,
                most_cells=MOST_CELLS,
            ),
            parameters,
        )
        return [Cell(tuple(map(_value, row[:-2])), row[-2], row[-1]) for row in rows]

    def prices(self, where: Where) -> list[Sold]:
        """Return costs and quantities of each SKU; those before are over the days after."""
        parameters = Parameters()
        rows = self.lake.rows(
            statement(__name__, "prices", condition=_condition(where, parameters)),
            parameters,
        )
        return [
            Sold(
                sku,
                unit,
                self.expected(cost_before),
                cost_after,
                None if quantity_before is None else self.expected(quantity_before),
                quantity_after,
            )
            for sku, unit, cost_before, cost_after, quantity_before, quantity_after in rows
        ]

    def files(self, where: Where) -> tuple[tuple[str, ...], int]:
        """Return the files with the most of the amount after, and how many there are."""
        parameters = Parameters()
        rows = self.lake.rows(
            statement(__name__, "files", condition=_condition(where, parameters), most=MOST_FILES), parameters
        )
        return tuple(scope for scope, _, _ in rows), rows[0][2] if rows else 0

    def new_on(self, where: Where) -> date | None:
        """Return the first day after that has such charges; None when they had some in the 60 days before it."""
        first = min(self.after.days)
        days = days_between(first - timedelta(LOOK_BACK_DAYS), max(self.after.days)) | self.before
        parameters = Parameters()
        condition = Charges(days, where).condition(parameters.write)
        ((day,),) = self.lake.rows(
            statement(__name__, "first_day", version=self.version, condition=condition), parameters
        )
        return day if day is not None and day >= first else None


def gather(lake: Lake, after: Charges, before: frozenset[date], *, version: int | None = None) -> Gathered:
    """Read the charges of both sets of days; nothing is written to the lake.

    Args:
        lake: the lake whose charges are read.
        after: which charges, and the days that are explained.
        before: the days that they are compared with.
        version: the snapshot to read; default: the newest.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    version = lake.snapshot_id() if version is None else version
    parameters = Parameters()
    both = Charges(after.days | before, after.where, after.cost)
    text = statement(
        __name__,
        "gather",
        version=version,
        columns=", ".join(f"{expression} AS {name}" for name, expression in COLUMNS.items()),
        amount=after.amount,
        before_days=in_days(before, parameters.write),
        after_days=in_days(after.days, parameters.write),
        condition=both.condition(parameters.write),
    )
    lake.rows(text, parameters)
    return Gathered(lake, after, before, version)


def _condition(where: Where, parameters: Parameters) -> str:
    """Return the condition over the gathered charges, whose columns are the dimensions."""
    parts = [
        f"{name} IS NULL" if value is None else f"{name} = {parameters.write(value)}" for name, value in where.items()
    ]
    return " AND ".join(parts) or "true"


def _value(marked: str) -> Name | Folded:
    """Return the value that a mark of the cube stands for."""
    return {"n": None, "f": FOLDED}.get(marked[0]) if marked[0] != "v" else marked[1:]
