"""The panel: the usage cost of every series on every day, as one matrix."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from billstream.common.lake import Lake
from billstream.common.statements import statement

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, order=True)
class SeriesKey:
    """One series: usage in a currency, of a provider's account, of a service and, where named, a user."""

    currency: str | None
    provider: str | None
    account: str | None
    service: str | None
    user: str | None = None

    @property
    def text(self) -> str:
        """The key as one text, without two keys that share one: the parts as lengths and values, `-` for NULL."""
        parts = (self.currency, self.provider, self.account, self.service, self.user)
        return "".join("-;" if part is None else f"{len(part)}:{part};" for part in parts)


@dataclass(frozen=True)
class Panel:
    """Amounts of series (rows) by day (columns, without gaps). A day without charges is zero."""

    keys: tuple[SeriesKey, ...]
    first_day: date
    amounts: Floats

    @property
    def days(self) -> int:
        """The number of days."""
        return int(self.amounts.shape[1])

    def day(self, index: int) -> date:
        """Return the day of a column."""
        return self.first_day + timedelta(days=int(index))

    def index(self, day: date) -> int:
        """Return the column of a day, which may lie outside the panel."""
        return (day - self.first_day).days

    def silent(self, amounts: Floats | None = None) -> Bools:
        """Return for each series the days on which its account has nothing at all; `amounts`: in place of its own."""
        sources = self.sources()
        totals = np.zeros((int(sources.max(initial=0)) + 1, self.days))
        np.add.at(totals, sources, np.abs(self.amounts if amounts is None else amounts))
        return np.asarray(totals[sources] == 0)

    def sources(self) -> Ints:
        """Return a number for each series: equal for series of the same provider and account."""
        numbers: dict[tuple[str | None, str | None], int] = {}
        return np.array([numbers.setdefault((k.provider, k.account), len(numbers)) for k in self.keys], dtype=np.int64)


def read_panel(lake: Lake, version: int, first_day: date, last_day: date) -> Panel:
    """Return the panel of the aggregates at snapshot `version`, both days inclusive.

    Amounts are usage without corrections: effective cost where told, else billed cost, summed from DECIMAL.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    found = lake.query(statement(__name__, "panel"), [version, first_day, last_day])
    parts = [found.column(name).to_pylist() for name in ("currency", "provider", "account", "service", "user")]
    amounts = np.zeros((found.num_rows, (last_day - first_day).days + 1))
    days, told = (pc.list_flatten(found.column(name)).to_numpy() for name in ("days", "amounts"))
    rows = np.repeat(np.arange(found.num_rows), pc.list_value_length(found.column("days")).to_numpy())
    amounts[rows, days] = told
    return Panel(tuple(SeriesKey(*names) for names in zip(*parts, strict=True)), first_day, amounts)
