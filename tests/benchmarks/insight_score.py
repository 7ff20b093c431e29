"""Score anomalies and forecasts on labelled series: `make insight-score DATA=folder [OUT=folder]`.

Runs the detector and the forecast of the product morning by morning, each with what was visible then, and writes
alerts-page.csv, alerts-all.csv and forecasts.csv. The folder holds series.csv, vintages.csv and months.csv; where
events.csv and a score.py are there too, their tables are printed, generated (`syn-`) and real (`real-`) series apart.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.maturity import DEFAULT_AGE, learned_maturity
from billstream.aggregator.anomalies.panel import Floats, Panel, SeriesKey
from billstream.aggregator.anomalies.state import Finding
from billstream.aggregator.forecasting.month_end import forecast_month

SCORE = Path(__file__).resolve().parents[2] / ".." / "shared" / "insight" / "score.py"
AGES = 4  # columns of vintages.csv: lag0 to lag3; older days are final
SETTLED = 28
LEARNING = 40  # mornings before the first verdict
COMPANY = 1000.0  # what other services of the company cost a day: a new service is new beside them


@dataclass(frozen=True)
class Series:
    """One series of the folder: for each day what was visible 0, 1, 2, 3 days later, and at last."""

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


def read(folder: Path) -> list[Series]:
    """Return the series of a folder."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (folder / "vintages.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            rows[row["series_id"]].append(row)
    columns = [*(f"lag{age}" for age in range(AGES)), "final"]
    return [
        Series(name, date.fromisoformat(days[0]["day"]), np.array([[float(d[c]) for c in columns] for d in days]))
        for name, days in rows.items()
    ]


def detect(series: Series) -> list[tuple[date, Finding]]:
    """Return the findings of a series, each with the day after which it was told."""
    days = len(series.seen)
    keys = (SeriesKey("USD", "p", "a", series.name), SeriesKey("USD", "p", "a", "the rest"))
    panel = Panel(keys, series.first_day, np.zeros((2, days)))
    panel.amounts[1] = COMPANY
    detector, told = Detector(panel), []
    complete = -1
    for morning in range(days):
        panel.amounts[0, : morning + 1] = series.visible(morning)
        complete = max(complete, morning - series.maturity(morning))
        if complete < 0:
            continue
        result = detector.step(np.array([complete, complete]), morning)
        told += [(panel.day(morning), f) for f in result.findings if f.series == keys[0] and morning >= LEARNING]
    return told


def forecasts(
    every: list[Series], found_in: dict[str, list[tuple[date, Finding]]], cases: list[dict[str, str]]
) -> list[list[object]]:
    """Return the rows of forecasts.csv."""
    by_name: dict[str, Series] = {s.name: s for s in every}
    told = {name: [(on, f.day) for on, f in found if f.kind != "new"] for name, found in found_in.items()}
    rows: list[list[object]] = []
    for case in cases:
        series, month = by_name[case["series_id"]], date.fromisoformat(case["month"])
        morning = (date.fromisoformat(case["asof_day"]) - series.first_day).days
        visible = series.visible(morning)
        complete = morning - series.maturity(morning)
        last = date.fromordinal(series.first_day.toordinal() + complete)
        today = date.fromisoformat(case["asof_day"])
        # Findings of the last week, as told by then: an incident is open.
        incident = any(on <= today and (last - day).days < 7 for on, day in told[series.name])
        found = forecast_month(visible[: complete + 1], last, month, seen=visible[complete + 1 :], incident=incident)
        low = found.low if found.low is not None else found.expected * 0.8
        high = found.high if found.high is not None else found.expected * 1.2
        rows.append([series.name, case["month"], case["asof_day"], found.expected, low, high])
    return rows


def write(path: Path, head: list[str], rows: list[list[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def part(folder: Path, target: Path, prefix: str) -> bool:
    """Copy the rows of the series with a prefix. Returns whether there are any."""
    target.mkdir(parents=True)
    found = False
    for source in folder.glob("*.csv"):
        lines = source.read_text().splitlines(keepends=True)
        column = lines[0].strip().split(",").index("series_id")
        kept = [line for line in lines[1:] if line.split(",")[column].startswith(prefix)]
        found |= bool(kept) and source.name == "events.csv"
        (target / source.name).write_text("".join([lines[0], *kept]))
    return found


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tables(data: Path, out: Path) -> None:
    """Print the tables of score.py, where it and the labels are there."""
    if not (SCORE.exists() and (data / "events.csv").exists()):
        say("No tables: score.py or events.csv is not there.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        for prefix in ("syn-", "real-"):
            truth, said = Path(scratch) / prefix / "truth", Path(scratch) / prefix / "said"
            if not part(data, truth, prefix):
                continue
            part(out, said, prefix)
            for name in ("alerts-page", "alerts-all", "forecasts"):
                option = "--forecasts" if name == "forecasts" else "--alerts"
                say(f"== {prefix} {name}")
                subprocess.run(
                    [sys.executable, str(SCORE), "--truth", str(truth), option, str(said / f"{name}.csv")],
                    check=True,
                )


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="insight-score-"))
    out.mkdir(parents=True, exist_ok=True)
    every = read(options.data)
    found_in = {series.name: detect(series) for series in every}
    alerts = [(f.tier, [name, on, f.day, f.direction]) for name, found in found_in.items() for on, f in found]
    head = ["series_id", "detected_on", "day", "direction"]
    write(out / "alerts-page.csv", head, [row for tier, row in alerts if tier == "page"])
    write(out / "alerts-all.csv", head, [row for _, row in alerts])
    with (options.data / "months.csv").open(newline="") as file:
        rows = forecasts(every, found_in, list(csv.DictReader(file)))
    write(out / "forecasts.csv", ["series_id", "month", "asof_day", "forecast", "low", "high"], rows)
    say(f"Wrote alerts-page.csv, alerts-all.csv and forecasts.csv to {out}")
    tables(options.data, out)


if __name__ == "__main__":
    main()
