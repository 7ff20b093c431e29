"""Incidents and their ids are the same however a history is judged: at once, by day, or resumed from the store."""

from datetime import date

import numpy as np
import pytest

from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.incidents import Incident, merge
from billstream.aggregator.anomalies.panel import Floats, Panel, SeriesKey
from billstream.aggregator.anomalies.store import judged_days, resume

FIRST = date(2025, 10, 6)  # the public holidays of the year's end are within
DAYS = 130


def series(rng: np.random.Generator) -> Floats:
    """Usual days with events of every kind at random: spikes, steps, leaks, falls, rests, restarts, turned signs."""
    noise = rng.normal(0, rng.choice([0.01, 0.05, 0.2]), DAYS)
    amounts = rng.choice([3.0, 30.0, 900.0]) * np.exp(noise) * np.where(np.arange(DAYS) % 7 >= 5, 0.6, 1.0)
    for at in rng.integers(20, DAYS, 5):
        until = min(DAYS, at + int(rng.choice([1, 2, 6, 8, 35, DAYS])))
        kind = rng.integers(5)
        if kind == 0:
            amounts[at:until] *= rng.choice([0.2, 1.15, 1.5, 3, 20])
        elif kind == 1:
            amounts[at:until] *= np.exp(0.04 * np.arange(until - at))
        elif kind == 2:
            amounts[at:until] = 0
        elif kind == 3:
            amounts[:at] = 0
        else:
            amounts[at : at + 1] = -amounts[at]
    return np.asarray(amounts)


def company(seed: int) -> Panel:
    rng = np.random.default_rng(seed)
    keys = tuple(SeriesKey("USD", "AWS", str(n % 2), f"service {n}") for n in range(10))
    panel = Panel(keys, FIRST, np.array([series(rng) for _ in keys]))
    panel.amounts[1::2, 100:103] = 0  # the source of every second series is silent
    return panel


def in_steps(panel: Panel, lengths: list[int]) -> list[Incident]:
    """Judge so many days at each step, each from a state that is built from the incidents and judged days alone."""
    incidents: list[Incident] = []
    judged: dict[SeriesKey, date] = {}
    last = -1
    for length in lengths:
        last = min(last + length, panel.days - 1)
        # The panel of that morning: nothing is known of later days.
        known = Panel(panel.keys, panel.first_day, panel.amounts[:, : last + 1])
        detector = Detector(known, resume(known, incidents, judged))
        result = detector.step(np.full(len(panel.keys), last), last)
        judged = judged_days(known, detector.state)
        incidents = merge(incidents, result.findings, result.accepted, judged=judged, detected_on=panel.day(panel.days))
    return sorted(incidents, key=lambda one: one.incident_id)


@pytest.mark.parametrize("seed", [0, 2, 6, 9])
def test_incidents_do_not_depend_on_the_steps(seed: int) -> None:
    panel = company(seed)
    at_once = in_steps(panel, [DAYS])
    kinds = {day.kind for incident in at_once for day in incident.days}
    assert len(at_once) > 10
    assert {"spike", "drop", "level", "gone"} <= kinds
    assert in_steps(panel, [1] * DAYS) == at_once
    assert in_steps(panel, np.random.default_rng(seed).integers(1, 12, DAYS).tolist()) == at_once
    assert len({incident.incident_id for incident in at_once}) == len(at_once)
