"""Labelled series of a folder, read through the aggregate `cost_cells` of a lake and the panel of the product."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from billstream.aggregator.anomalies.panel import Floats, Panel, SeriesKey, read_panel
from tests.benchmarks.learned_maturity import DEFAULT_AGE, learned_maturity
from tests.integration.aggregator_support import new_lake

AGES = 4  # columns of vintages.csv: lag0 to lag3; older days are final
SEEN = (*(f"lag{age}" for age in range(AGES)), "final")
OTHERS = ("purchase", "credit", "tax")  # of series.csv: charges that the panel must leave out
SETTLED = 28
COMPANY = 1000.0  # what other services of the company cost a day: a new service is new beside them
CELLS = """
INSERT INTO cost_cells BY NAME
SELECT
    charge_day, 'USD' AS billing_currency, 'p' AS provider_name, 'payer' AS billing_account_id, sub_account_id,
    service_name, charge_category, 'BE' AS costs_told, 1 AS charge_rows, cost AS billed_cost, 1 AS billed_rows,
    cost AS effective_cost, 1 AS effective_rows, 0 AS list_rows, MAP {} AS consumed_quantity, MAP {} AS consumed_rows
FROM (
    SELECT day AS charge_day, series_id AS service_name, seen AS sub_account_id, 'Usage' AS charge_category, cost
    FROM (UNPIVOT (
        SELECT day, series_id, COLUMNS('lag|final')::DECIMAL(38, 18) FROM read_csv($1, types = {'day': 'DATE'})
    ) ON COLUMNS('lag|final') INTO NAME seen VALUE cost)
    UNION ALL
    SELECT day, series_id, 'final', category, cost
    FROM (UNPIVOT (
        SELECT day, series_id, COLUMNS('purchase|credit|tax')::DECIMAL(38, 18)
        FROM read_csv($2, types = {'day': 'DATE'})
    ) ON purchase, credit, tax INTO NAME category VALUE cost)
)
WHERE cost <> 0
"""


@dataclass(frozen=True)
class Series:
    """One series: for each day what was visible 0, 1, 2, 3 days later, and at last."""

    name: str
    first_day: date
    seen: Floats

    def visible(self, morning: int) -> Floats:
        """Return the amounts as of the morning after day number `morning`."""
        ages = np.minimum(morning - np.arange(morning + 1), AGES)
        return np.asarray(self.seen[np.arange(morning + 1), ages])

    def maturity(self, morning: int) -> int:
        """Return the maturity learned from the days that are settled by that morning."""
        settled = self.seen[max(0, morning - AGES - SETTLED + 1) : max(0, morning - AGES + 1)]
        with np.errstate(all="ignore"):
            ratios = np.where(settled[:, -1:] > 0, settled[:, :AGES] / settled[:, -1:], np.nan)
        return learned_maturity(ratios) if len(ratios) else DEFAULT_AGE


def read(folder: Path, scratch: Path) -> list[Series]:
    """Return the series of a folder, written to a lake in `scratch` and read back as the detector reads it."""
    spans: dict[str, list[date]] = {}
    with (folder / "vintages.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            spans.setdefault(row["series_id"], []).append(date.fromisoformat(row["day"]))
    first, last = min(days[0] for days in spans.values()), max(days[-1] for days in spans.values())
    with new_lake(scratch, threads=2) as lake:
        with lake.engine.cursor() as con:
            con.execute("USE lake")
            con.execute(CELLS, [str(folder / "vintages.csv"), str(folder / "series.csv")])
        panel = read_panel(lake, lake.snapshot_id(), first, last)
    rows = {(key.service, key.account): row for key, row in zip(panel.keys, panel.amounts, strict=True)}
    nothing = np.zeros(panel.days)
    found = []
    for name, days in spans.items():
        part = slice(panel.index(days[0]), panel.index(days[-1]) + 1)
        columns = [rows.get((name, seen), nothing)[part] for seen in SEEN]
        found.append(Series(name, days[0], np.array(columns).T))
    return found


class Company:
    """All series in one panel, each a service of a source of its own, beside a service that never rests."""

    def __init__(self, every: Sequence[Series]) -> None:
        self.every = every
        first = min(series.first_day for series in every)
        days = max((series.first_day - first).days + len(series.seen) for series in every)
        names = [series.name for series in every]
        keys = [SeriesKey("USD", name, "a", what) for what in ("service", "the rest") for name in names]
        self.panel = Panel(tuple(keys), first, np.zeros((len(keys), days)))
        self.starts = np.array([(series.first_day - first).days for series in every], dtype=np.int64)
        self.ends = self.starts + [len(series.seen) for series in every]
        self.complete = self.starts - 1
        self.maturities = [[s.maturity(morning) for morning in range(len(s.seen))] for s in every]
        for row, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
            self.panel.amounts[len(every) + row, start:end] = COMPANY

    def wake(self, morning: int) -> None:
        """Put what is visible on a morning into the panel, and move `complete`, the last complete columns."""
        for row, series in enumerate(self.every):
            own = morning - int(self.starts[row])
            if 0 <= own < len(series.seen):
                for age in range(min(own, AGES) + 1):
                    self.panel.amounts[row, morning - age] = series.seen[own - age, age]
                self.complete[row] = max(self.complete[row], morning - self.maturities[row][own])

    def day(self, morning: int) -> date:
        """Return the day that a morning follows."""
        return self.panel.first_day + timedelta(days=morning)
