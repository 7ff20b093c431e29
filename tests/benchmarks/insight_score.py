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
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.state import Finding, State
from billstream.aggregator.forecasting.month_end import forecast_month, month_end
from tests.benchmarks.labelled_series import Company, Series, read

SCORE = Path(__file__).resolve().parents[2] / ".." / "shared" / "insight" / "score.py"
LEARNING = 40  # mornings before the first verdict
BEFORE = timedelta(days=14)  # a month is quiet without any event in it and in the two weeks before

Told = tuple[date, Finding]
Row = dict[str, str]


def detect(company: Company) -> dict[str, list[Told]]:
    """Return the findings of each series, each with the day after which it was told."""
    panel, count = company.panel, len(company.every)
    state = State.of(panel)
    state.judged[:] = np.tile(company.starts - 1, 2)
    detector, told = Detector(panel, state), {series.name: list[Told]() for series in company.every}
    from_morning = {s.name: int(start) + LEARNING for s, start in zip(company.every, company.starts, strict=True)}
    for morning in range(panel.days):
        company.wake(morning)
        for found in detector.step(np.tile(company.complete, 2), morning).findings:
            name = str(found.series.provider)
            if found.series in panel.keys[:count] and morning >= from_morning[name]:
                told[name].append((company.day(morning), found))
    return told


def forecasts(every: list[Series], told: dict[str, list[Told]], cases: list[Row]) -> list[list[object]]:
    """Return the rows of forecasts.csv."""
    by_name = {series.name: series for series in every}
    rows: list[list[object]] = []
    for case in cases:
        series, month = by_name[case["series_id"]], date.fromisoformat(case["month"])
        today = date.fromisoformat(case["asof_day"])
        morning = (today - series.first_day).days
        visible = series.visible(morning)
        complete = morning - series.maturity(morning)
        last = series.first_day + timedelta(days=complete)
        # What was told by then of the last two complete days, or of later ones: an incident goes on.
        incident = any(on <= today and (last - f.day).days < 2 for on, f in told[series.name] if f.kind != "new")
        found = forecast_month(visible[: complete + 1], last, month, seen=visible[complete + 1 :], incident=incident)
        low = found.low if found.low is not None else found.expected * 0.8
        high = found.high if found.high is not None else found.expected * 1.2
        rows.append([series.name, case["month"], case["asof_day"], found.expected, low, high])
    return rows


def quiet_months(truth: Path, said: Path) -> str:
    """Return the error and coverage of the forecasts of months without events, in words."""
    events = [
        (e["series_id"], date.fromisoformat(e["start"]), date.fromisoformat(e["end"]))
        for e in table(truth / "events.csv")
    ]
    actual = {(c["series_id"], c["month"], c["asof_day"]): float(c["actual"]) for c in table(truth / "months.csv")}
    errors, covered = [], []
    for row in table(said / "forecasts.csv"):
        month, value = date.fromisoformat(row["month"]), actual[row["series_id"], row["month"], row["asof_day"]]
        if any(
            name == row["series_id"] and start <= month_end(month) and end >= month - BEFORE
            for name, start, end in events
        ):
            continue
        errors.append(abs(float(row["forecast"]) - value) / abs(value))
        covered.append(float(row["low"]) <= value <= float(row["high"]))
    if not errors:
        return "no quiet month"
    return (
        f"MAPE {100 * np.mean(errors):.2f} %, coverage of the interval {100 * np.mean(covered):.0f} %, n {len(errors)}"
    )


def table(path: Path) -> list[Row]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


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
            say(f"== {prefix} quiet months: {quiet_months(truth, said)}")


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="insight-score-"))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        every = read(options.data, Path(scratch))
    found_in = detect(Company(every))
    alerts = [(f.tier, [name, on, f.day, f.direction]) for name, found in found_in.items() for on, f in found]
    head = ["series_id", "detected_on", "day", "direction"]
    write(out / "alerts-page.csv", head, [row for tier, row in alerts if tier == "page"])
    write(out / "alerts-all.csv", head, [row for _, row in alerts])
    rows = forecasts(every, found_in, table(options.data / "months.csv"))
    write(out / "forecasts.csv", ["series_id", "month", "asof_day", "forecast", "low", "high"], rows)
    say(f"Wrote alerts-page.csv, alerts-all.csv and forecasts.csv to {out}")
    tables(options.data, out)


if __name__ == "__main__":
    main()
