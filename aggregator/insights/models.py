"""The SQL models of the insights: the name of each, the ones it needs, and its grain. They run in a declared order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from billstream.aggregator.insights.periods import Periods, periods_between
from billstream.aggregator.restatements.recent import RecentRestatements
from billstream.aggregator.watermark import Watermark
from billstream.common.lake import Lake
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
    """

    lake: Lake
    watermark: Watermark
    version: int
    snapshot_id: int
    recent: RecentRestatements
    _rows: dict[str, Rows] = field(default_factory=dict)

    def run(self, models: Sequence[Model]) -> None:
        """Run the models in their order and keep their rows.

        Raises:
            ValueError: see `check_order`.
            Retryable, Fatal: see `common.lake.failures`.
        """
        check_order(models)
        needed = {name for model in models for name in model.needs}
        for model in models:
            text, given = statement(model.module, model.name), model.given(self)
            if model.name in needed:
                self.lake.rows(f"CREATE OR REPLACE TEMP TABLE {model.table} AS\n{text}", given)
            else:
                self._rows[model.name] = self.lake.query(text, given).to_pylist()

    def rows(self, model: Model) -> Rows:
        """Return the rows of a model that has run; in no particular order when other models need it."""
        if model.name not in self._rows:
            self._rows[model.name] = self.lake.query(f"FROM {model.table}").to_pylist()
        return self._rows[model.name]

    @cached_property
    def extent(self) -> Mapping[str, Any]:
        """The first and last charge day, and the number of charges."""
        (extent,) = self.rows(EXTENT)
        return extent

    @cached_property
    def periods(self) -> Periods:
        """The periods that amounts are given for; empty while there are no charges."""
        first_day, last_day = self.extent["first_day"], self.extent["last_day"]
        return {} if first_day is None else periods_between(first_day, last_day)


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


def _periods_given(reading: Reading) -> Sequence[object]:
    periods = reading.periods.values()
    return list(reading.periods), [period.first_day for period in periods], [period.last_day for period in periods]


EVERY_DAY = Model(__name__, "every_day", "charge_day, billing_currency", given=lambda reading: [reading.version])
DAYS = Model(__name__, "days", "charge_day, billing_currency", needs=("every_day",))
EXTENT = Model(__name__, "extent", "one row", needs=("every_day", "days"))
PERIODS = Model(__name__, "periods", "period", needs=("extent",), given=_periods_given)

BASE = (EVERY_DAY, DAYS, EXTENT, PERIODS)
"""The models that every section may need."""
