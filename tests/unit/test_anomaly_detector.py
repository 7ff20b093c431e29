"""The detector on small panels whose unusual days are known: what is told, as what, and what never is."""

import time
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from billstream.aggregator.anomalies.baseline import fit, reach_of
from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.incidents import Incident, decide, incident_id, merge, restate
from billstream.aggregator.anomalies.panel import Floats, Panel, SeriesKey
from billstream.aggregator.anomalies.state import Finding
from billstream.aggregator.anomalies.store import judged_days, resume
from billstream.aggregator.anomalies.thresholds import Thresholds
from tests.benchmarks.learned_maturity import learned_maturity

FIRST = date(2025, 2, 3)  # a Monday
KEY = SeriesKey("USD", "AWS", "1", "compute")
REST = SeriesKey("USD", "AWS", "1", "the rest")
LIMITS = Thresholds()


def usual(days: int = 100, noise: float = 0.02) -> Floats:
    errors = np.random.default_rng(7).normal(0, noise, days)
    return np.asarray(100.0 * np.where(np.arange(days) % 7 >= 5, 0.5, 1.0) * (1 + errors))


def panel(amounts: Floats) -> Panel:
    """The series beside another of the same source, which never rests."""
    return Panel((KEY, REST), FIRST, np.array([amounts, np.full(len(amounts), 900.0)]))


def replay(of: Panel, incidents: Sequence[Incident] = (), start: int = 0) -> list[Incident]:
    """Each day complete on its morning, with the state built anew from the incidents each time."""
    found = list(incidents)
    judged = {key: of.day(start - 1) for key in of.keys} if start else {}
    for day in range(start, of.days):
        detector = Detector(of, resume(of, found, judged))
        result = detector.step(np.full(len(of.keys), day), day)
        judged = judged_days(of, detector.state)
        found = merge(found, result.findings, result.accepted, judged=judged, detected_on=of.day(day))
    return found


def findings(amounts: Floats, complete: int | None = None) -> list[Finding]:
    of = panel(amounts)
    last = of.days - 1
    return Detector(of).step(np.full(2, last if complete is None else complete), last).findings


def test_usual_days_are_not_told() -> None:
    assert findings(usual()) == []


def test_a_spike_is_one_page_with_its_amounts() -> None:
    amounts = usual()
    amounts[80:83] += 200
    (incident,) = replay(panel(amounts))
    assert (incident.kind, incident.tier, incident.direction, incident.state) == ("spike", "page", "up", "ended")
    assert (incident.first_day, incident.last_day) == (FIRST + timedelta(80), FIRST + timedelta(82))
    assert incident.actual - incident.expected == pytest.approx(600, rel=0.05)
    assert incident.incident_id == incident_id(KEY, "up", FIRST + timedelta(80))


def test_the_state_follows_from_the_incidents() -> None:
    """Steps that each build the state anew tell what one long run tells; a new level, a rest and a restart included."""
    amounts = usual(200)
    amounts[60:] *= 1.6
    amounts[90:92] = 0
    amounts[120:140] = 0
    amounts[165:] *= 20
    of = panel(amounts)
    detector = Detector(of)
    run = detector.step(np.full(2, of.days - 1), of.days - 1)
    stepped = {(i.series, d.day, i.direction, d.kind, d.expected) for i in replay(of) for d in i.days}
    assert stepped == {(f.series, f.day, f.direction, f.kind, f.expected) for f in run.findings}
    assert len(run.accepted) >= 2


def test_a_level_that_stays_is_the_usual_one_after_seven_days() -> None:
    amounts = usual()
    amounts[70:] *= 1.6
    found = [f for f in findings(amounts) if f.kind == "spike"]
    assert [f.day for f in found] == [FIRST + timedelta(70 + n) for n in range(7)]


def test_a_fall_is_a_notice_and_only_of_complete_days() -> None:
    amounts = usual()
    amounts[99] = 10
    (fall,) = findings(amounts)
    assert (fall.kind, fall.tier, fall.direction) == ("drop", "notice", "down")
    assert findings(amounts, complete=98) == []


def test_late_days_are_never_told_as_falls() -> None:
    """Each morning the newest days are seen in part, as vendors deliver them."""
    final = usual()
    told: list[Finding] = []
    of = panel(final.copy())
    detector = Detector(of)
    for morning in range(of.days):
        of.amounts[0] = np.where(np.arange(of.days) <= morning, final, 0)
        of.amounts[0, morning], of.amounts[0, morning - 1] = 0.05 * final[morning], 0.6 * final[morning - 1]
        told += detector.step(np.full(2, morning - 2), morning).findings
    assert told == []


def test_the_way_back_is_not_told() -> None:
    """Neither after a leak that is mended, nor after a fall, nor from a level that was accepted lately."""
    leak, fall, step = usual(), usual(), usual()
    leak[60:75] *= np.exp(0.04 * np.arange(15))
    fall[70:75] *= 0.3
    step[60:80] *= 1.6
    for amounts, way in ((leak, "up"), (fall, "down"), (step, "up")):
        assert {f.direction for f in findings(amounts)} == {way}


def test_a_rise_is_told_before_its_day_is_complete() -> None:
    amounts = usual()
    amounts[99] = 400
    (rise,) = findings(amounts, complete=97)
    assert (rise.day, rise.complete, rise.tier) == (FIRST + timedelta(99), False, "page")


def test_a_service_that_starts_from_zero_is_announced_once() -> None:
    amounts = np.where(np.arange(100) < 60, 0.0, usual())
    (new,) = findings(amounts)
    assert (new.kind, new.direction, new.day, new.expected) == ("new", "up", FIRST + timedelta(60), 0.0)


def test_the_first_services_of_a_source_are_not_new() -> None:
    amounts = np.where(np.arange(100) < 20, 0.0, usual())
    of = panel(amounts)
    of.amounts[1, :15] = 0
    assert Detector(of).step(np.full(2, 99), 99).findings == []


def test_a_series_that_goes_silent_is_gone_and_a_silent_source_is_not() -> None:
    amounts = usual()
    amounts[90:] = 0
    (gone,) = replay(panel(amounts))
    assert (gone.kind, gone.tier, gone.first_day) == ("gone", "notice", FIRST + timedelta(90))
    source = panel(amounts)
    source.amounts[1, 90:] = 0
    assert Detector(source).step(np.full(2, 99), 99).findings == []


def test_a_sign_that_turns_is_a_fall() -> None:
    amounts = usual()
    amounts[95] = -300
    assert {(f.kind, f.direction) for f in findings(amounts)} == {("drop", "down")}


@pytest.mark.parametrize(("times", "tier"), [(1.095, "notice"), (1.16, "page")])
def test_a_small_rise_that_stays_is_told_once_with_the_days_since_it_began(times: float, tier: str) -> None:
    amounts = usual()
    amounts[75:] *= times
    (incident,) = replay(panel(amounts))
    assert (incident.kind, incident.tier, incident.first_day) == ("level", tier, FIRST + timedelta(75))
    assert FIRST + timedelta(79) <= incident.last_day <= FIRST + timedelta(83)


def test_a_restatement_withdraws_and_brings_back_under_one_id() -> None:
    amounts = usual()
    amounts[95] += 200
    (incident,) = replay(panel(amounts))
    (withdrawn,) = restate([incident], lambda _, __: incident.days[0].expected * 1.02, LIMITS)
    assert withdrawn.state == "withdrawn"
    assert np.isnan(resume(panel(amounts), [withdrawn], {KEY: FIRST + timedelta(99)}).masks).all()
    (back,) = restate([withdrawn], lambda _, __: incident.days[0].actual, LIMITS)
    assert (back.state, back.incident_id) == ("open", incident.incident_id)
    decided = decide(incident, "acknowledged", reason="planned", by="ops")
    (kept,) = restate([decided], lambda _, __: 0.0, LIMITS)
    assert (kept.state, kept.reason, kept.by) == ("acknowledged", "planned", "ops")


def test_a_fall_stands_while_its_amounts_do() -> None:
    amounts = usual(noise=0.2)
    amounts[95] *= 0.3
    (incident,) = [one for one in replay(panel(amounts)) if one.first_day == FIRST + timedelta(95)]
    assert abs(incident.days[0].actual - incident.days[0].expected) < LIMITS.score * incident.days[0].scale
    (kept,) = restate([incident], lambda _, __: incident.days[0].actual, LIMITS)
    assert kept == incident
    (withdrawn,) = restate([incident], lambda _, __: incident.days[0].expected * 0.9, LIMITS)
    assert withdrawn.state == "withdrawn"


def test_keys_with_the_same_letters_have_ids_of_their_own() -> None:
    parts = (SeriesKey("USD", "a", "b;1:c", None), SeriesKey("USD", "a", "b", "c"), SeriesKey("USD", "a", "b", "-;"))
    assert len({incident_id(key, "up", FIRST) for key in parts}) == 3


def test_maturity_is_the_age_with_nearly_all() -> None:
    days = np.tile([0.45, 0.93, 1.0, 1.0], (28, 1))
    assert learned_maturity(days) == 2
    assert learned_maturity(days[:4]) == 2  # the default
    days[:4, 2] = 0.5  # more than a tenth of the days comes late
    assert learned_maturity(days) == 3


def test_a_day_of_a_thousand_series_is_cheap() -> None:
    amounts = np.tile(usual(120), (1000, 1))
    keys = tuple(SeriesKey("USD", "AWS", "1", str(n)) for n in range(1000))
    of = Panel(keys, FIRST, amounts)
    detector = Detector(of)
    detector.state.started[:] = 0
    detector.state.judged[:] = 117
    started = time.process_time()
    detector.step(np.full(1000, 118), 119)
    assert time.process_time() - started < 0.5


def test_a_fitful_series_may_cost_what_it_has_cost_and_a_rest_on_sundays_is_no_fit() -> None:
    weeks = np.zeros((3, 8, 7))
    weeks[0, ::2, 2], weeks[0, 1::3, 5] = 20.0, 8.0  # now and then
    weeks[1] = [10, 10, 10, 10, 10, 10, 0]  # rests on each seventh day
    weeks[2] = 10.0
    reach = reach_of(weeks)
    assert reach[0] == 30.0
    assert np.isnan(reach[1:]).all()
    base = fit(weeks.reshape(3, 56))
    near = base.distance(np.array([29.0, 29.0, 29.0]), np.ones(3), 0, 0.03).near
    assert near.tolist() == [29.0, 10.0, 10.0]
    assert base.distance(np.array([40.0, 0, 0]), np.ones(3), 0, 0.03).away[0] == 10.0
