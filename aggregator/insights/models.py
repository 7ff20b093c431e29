"""The SQL models of the insights: the name of each, the ones it needs, and its grain. They run in a declared order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from billstream.aggregator.completeness import arrivals
from billstream.aggregator.completeness.maturity import Habit, SourceKey, curves_of, habit_of
from billstream.aggregator.insights.periods import Periods, Windows, periods_between, windows_of
from billstream.aggregator.insights.sources import days_covered, source_of
from billstream.aggregator.insights.values import Source
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.watermark import Watermark
from billstream.common.lake import Lake
from billstream.common.lake.reader import SnapshotReader
from billstream.common.statements import statement

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Model:
    """One SELECT, the file `sql/<name>.sql` beside the module that declares it.

    A model that another one needs is kept as the temporary table `insight_<name>`; any other result is read once.

    Attributes:
        module: the `__name__` of the module that declares it.
        name: names the SQL file; unique among all models.
        grain: the columns that identify a row.
        needs: the models whose tables or rows it uses; they come earlier in the list.
        given: returns the values of `$1`, `$2` and so on, from the models before it.
    """

    module: str
    name: str
    grain: str
    needs: tuple[str, ...] = ()
    given: "Callable[[Reading], Sequence[object]]" = lambda _: ()

    @property
    def table(self) -> str:
        """The temporary table of a model that others need."""
        return f"insight_{self.name}"


@dataclass
class Reading:
    """One read of the lake. Every number in it is of one snapshot.

    Attributes:
        lake: nothing is written to it.
        watermark: the watermark in snapshot `version`.
        version: the snapshot in which the aggregates are read; they hold the charges of the watermark's snapshot.
        snapshot_id: the snapshot with the same charges in which the ledger is read.
        recent: the restatements of this lake.
        today: the UTC day of the clock; no period ends after it.
    """

    lake: Lake
    watermark: Watermark
    version: int
    snapshot_id: int
    recent: RecentRestatements
    today: date
    _rows: dict[str, Rows] = field(default_factory=dict)
    _snapshot: SnapshotReader | None = None

    def run(self, models: Sequence[Model]) -> None:
        """Run the models in their order and keep their rows.

        Raises:
            ValueError: see `check_order`.
            Retryable, Fatal: see `common.lake.failures`.
        """
        check_order(models)
        self.lake.together(lambda snapshot: self._run(models, snapshot))

    def _run(self, models: Sequence[Model], snapshot: SnapshotReader) -> None:
        needed = {name for model in models for name in model.needs}
        self._snapshot = snapshot  # what a model is given may have to be read
        try:
            for model in models:
                text, given = statement(model.module, model.name), model.given(self)
                # CREATE OR REPLACE, because one connection reads the insights again and again.
                if model.name in needed:
                    snapshot.rows(f"CREATE OR REPLACE TEMP TABLE {model.table} AS\n{text}", given)
                else:
                    self._rows[model.name] = snapshot.query(text, given).to_pylist()
        finally:
            self._snapshot = None

    def rows(self, model: Model) -> Rows:
        """Return the rows of a model that has run; in no particular order when other models need it."""
        if model.name not in self._rows:
            self._rows[model.name] = (self._snapshot or self.lake).query(f"FROM {model.table}").to_pylist()
        return self._rows[model.name]

    @cached_property
    def extent(self) -> Mapping[str, Any]:
        """The first and last charge day up to today, and the number of charges."""
        (extent,) = self.rows(EXTENT)
        return extent

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Each provider in each currency, the one with the most charges first."""
        rows = self.rows(SOURCES)
        return tuple(source_of(row, self.today, self.habits.get((row["currency"], row["provider"]))) for row in rows)

    @cached_property
    def habits(self) -> Mapping[SourceKey, Habit]:
        """The habit of each source of which arrivals are recorded."""
        return {key: habit_of(curves) for key, curves in curves_of(self.rows(ARRIVALS)).items()}

    @cached_property
    def by_currency(self) -> Mapping[str | None, "Book"]:
        """The sources, periods and comparisons of each currency that has charges up to today."""
        groups: dict[str | None, list[Source]] = {}
        for source in self.sources:
            groups.setdefault(source.currency, []).append(source)
        return {currency: Book.of(sources) for currency, sources in groups.items()}

    @cached_property
    def overall(self) -> "Book | None":
        """The same over all currencies; None while there are no charges."""
        return Book.of(self.sources) if self.sources else None


@dataclass(frozen=True)
class Book:
    """What the numbers of one currency, or of all, are made of."""

    sources: tuple[Source, ...]
    periods: Periods
    windows: Windows

    @classmethod
    def of(cls, sources: Sequence[Source]) -> "Book":
        """Return the book of these sources, at least one."""
        first = min(source.first_charge_day for source in sources)
        last = max(source.last_charge_day for source in sources)
        return cls(tuple(sources), periods_between(first, last), windows_of(sources))

    @property
    def covers(self) -> str:
        """The days that the numbers cover, in words."""
        return days_covered(self.sources, self.windows.get("month"))


def check_order(models: Sequence[Model]) -> None:
    """Refuse a list in which a model needs one that does not come before it, or in which two have one name.

    Raises:
        ValueError: the list is wrong; the text names the model.
    """
    before: set[str] = set()
    for model in models:
        if model.name in before:
            raise ValueError(f"Two insight models are named {model.name}.")
        if missing := sorted(set(model.needs) - before):
            raise ValueError(f"The insight model {model.name} needs {', '.join(missing)}, which must come before it.")
        before.add(model.name)


def period_lists(periods: Iterable[tuple[Any, Periods]]) -> list[list[object]]:
    """Return the periods of many owners as four lists for SQL: owner, name, first day and last day."""
    flat = [
        (owner, name, period.first_day, period.last_day) for owner, named in periods for name, period in named.items()
    ]
    return [[row[place] for row in flat] for place in range(4)]


def _currency_periods(reading: Reading) -> Sequence[object]:
    return period_lists((currency, book.periods) for currency, book in reading.by_currency.items())


EVERY_DAY = Model(__name__, "every_day", "charge_day, billing_currency", given=lambda reading: [reading.version])
DAYS = Model(
    __name__, "days", "charge_day, billing_currency", needs=("every_day",), given=lambda reading: [reading.today]
)
EXTENT = Model(__name__, "extent", "one row", needs=("every_day", "days"), given=lambda reading: [reading.today])
CELLS = Model(
    __name__,
    "cells",
    "charge_day, billing_currency, provider, charge_category, correction, commitment, costs_told",
    given=lambda reading: [reading.version],
)
ACTIVE = Model(__name__, "active", "load_id", given=lambda reading: [reading.snapshot_id])
LATEST = Model(__name__, "latest", "scope", given=lambda reading: [reading.snapshot_id])
SOURCES = Model(
    __name__, "sources", "currency, provider", needs=("cells", "active"), given=lambda reading: [reading.today]
)
ARRIVALS = Model(
    arrivals.__name__,
    "arrivals",
    "currency, provider, charge_day, age_days",
    given=lambda reading: [reading.version, reading.today, arrivals.RECORDED_DAYS],
)
FUTURE = Model(__name__, "future", "currency, provider", needs=("cells",), given=lambda reading: [reading.today])
CURRENCY_PERIODS = Model(__name__, "currency_periods", "currency, period", given=_currency_periods)

BASE = (EVERY_DAY, DAYS, EXTENT, CELLS, ACTIVE, LATEST, SOURCES, ARRIVALS, FUTURE, CURRENCY_PERIODS)
"""The models that every section may need."""
