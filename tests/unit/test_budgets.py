"""Budgets: the file and its mistakes, the periods and their amounts, the verdicts, and the states with their memory."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.budgets.costs import tags_condition
from billstream.aggregator.budgets.evaluation import Evaluation, evaluate
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.periods import amount_of, period_at, periods_due
from billstream.aggregator.budgets.reading import read_budgets
from billstream.aggregator.budgets.states import Key, RuleState, Transition, acknowledge, transition
from billstream.aggregator.insights.values import Period
from billstream.common.errors import Misconfigured
from tests.docs.pages import DOCS, blocks

FIRST = date(2026, 12, 1)
DECEMBER = Period(first_day=FIRST, last_day=date(2026, 12, 31))
NOON = datetime(2026, 12, 10, 12, tzinfo=UTC)

GOOD = """
[[budget]]
name = "ml-platform"
owner = "ml-leads@example.com"
currency = "EUR"
period = "month"
amount = "12000"
where = { provider_name = ["AWS"], tags = { team = ["ml"] } }
alerts = [
  { at = 0.8, of = "actual" },
  { at = 1, of = "forecast", after_day = 5, sure = 0.8 },
]
send = ["ml-slack"]
[budget.amounts]
"2026-12" = "15000.50"

[[budget]]
name = "launch"
currency = "USD"
period = [2026-11-20, 2027-01-10]
amount = 500

[sink.ml-slack]
kind = "slack"
url_from = "SLACK_URL"
"""


@dataclass(frozen=True)
class Told:
    """A forecast, as another room makes it."""

    expected: Decimal
    low: Decimal | None
    high: Decimal | None = None
    complete_to: date = FIRST


def budget(**more: object) -> Budget:
    alerts = [{"at": Decimal("0.8"), "of": "actual"}, {"at": 1, "of": "forecast", "after_day": 4}]
    return Budget.model_validate({"name": "ml", "currency": "EUR", "amount": "100", "alerts": alerts, **more})


def judged(amount: str, day: int = 10, forecast: Told | None = None, one: Budget | None = None) -> Evaluation:
    return evaluate(one or budget(), DECEMBER, {FIRST: Decimal(amount)}, forecast, FIRST + timedelta(days=day - 1))


def step(evaluation: Evaluation, before: Transition | None = None, now: datetime = NOON) -> Transition:
    states: dict[Key, RuleState] = {state.key: state for state in before.states} if before else {}
    return transition([evaluation], states, now)


def states(found: Transition) -> dict[str, str]:
    return {state.rule: state.state for state in found.states}


# -- the file ----------------------------------------------------------------------------------------------


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD)
    found = read_budgets(path, tag_keys=["team"])
    first, second = found.budgets
    assert first.tags == {"team": ("ml",)}
    assert [alert.rule for alert in first.alerts] == ["actual:0.8", "forecast:1"]
    assert amount_of(first, DECEMBER) == Decimal("15000.50")
    assert second.period == (date(2026, 11, 20), date(2027, 1, 10))
    assert found.sinks == ("ml-slack",)


def test_sinks_may_be_in_another_file(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD)
    assert [sink.name for sink in read_sinks(path)] == ["ml-slack"], "one file may be both"
    path.write_text(GOOD[: GOOD.index("[sink")])
    assert read_budgets(path, ["team"], ["ml-slack"]).budgets[0].send == ("ml-slack",)
    assert read_budgets(path, ["team"]).budgets[0].send == ("ml-slack",)
    with pytest.raises(Misconfigured, match=r"line 13 .* there is no sink 'ml-slack'; the sinks are mail"):
        read_budgets(path, ["team"], ["mail"])


@pytest.mark.parametrize(
    ("right", "wrong", "line", "reason"),
    [
        ('"AWS"]', '"AWS"], provider = ["x"]', 8, "there is no column 'provider'"),
        ('provider_name = ["AWS"]', 'provider_name = "AWS"', 8, "provider_name"),
        ("team =", "cost-centre =", 8, "costs are not told by the tag 'cost-centre'"),
        ('"EUR"', '"euro"', 5, "should match pattern"),
        ('"12000"', '"-1"', 7, "greater than 0"),
        ('"12000"', "1.5e400", 7, "not valid at budget.0.amount"),
        ('"12000"', "inf", 7, "finite number"),
        ('"12000"', "true", 7, "must be a number"),
        ('"month"', '"week"', 6, "should be"),
        ("sure = 0.8", "sure = 0.95", 9, "must be 0.8"),
        ('["ml-slack"]', '["other"]', 13, "there is no sink 'other'; the sinks are ml-slack"),
        ('"2026-12"', '"2026-13"', 0, "'2026-13' is no month"),
        ('"launch"', '"ml-platform"', 18, "two budgets are named 'ml-platform'"),
        ("owner", "ownr", 4, "Extra inputs"),
        ("ml-leads", "ml\\u0000", 4, "printable characters only"),
        ("ml-leads", "ml\\u202e", 4, "printable characters only"),
        ("2027-01-10", "2026-01-10", 0, "ends before it begins"),
        ("[[budget]]", "[[budget]", 0, "line 2"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, right: str, wrong: str, line: int, reason: str) -> None:
    assert right in GOOD
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD.replace(right, wrong, 1))
    with pytest.raises(Misconfigured) as raised:
        read_budgets(path, tag_keys=["team"])
    text = str(raised.value)
    assert str(path) in text
    assert reason in text
    assert f"budgets.toml, line {line} is" in text or not line


def test_two_alerts_of_one_kind_and_part_are_refused() -> None:
    alerts = [{"at": 1, "of": "actual"}, {"at": Decimal("1.0"), "of": "actual", "after_day": 3}]
    with pytest.raises(ValueError, match="two alerts are of the same kind"):
        budget(alerts=alerts)


def test_tags_without_configured_keys_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD)
    with pytest.raises(Misconfigured, match=r"line 8 .* none is configured"):
        read_budgets(path)
    with pytest.raises(Misconfigured, match="No such file"):
        read_budgets(tmp_path / "absent.toml")


def test_values_of_tags_are_bound() -> None:
    text, values = tags_condition(budget(where={"tags": {"te'am": ["m'l"], "env": ["a", "b"]}}), 15)
    assert "'" not in text
    assert "$15" in text
    assert "$18" in text
    assert values == [["m'l"], "te'am", ["a", "b"], "env"]
    assert tags_condition(budget(), 15) == ("true", [])


# -- metrics -----------------------------------------------------------------------------------------------

METRIC = """
[[metric]]
name = "shop"
file = "orders.csv"
currency = "EUR"
where = { service_name = ["checkout"] }
"""


def test_metrics_are_read_with_their_quantities(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD + METRIC)
    csv = 'quantity,Day, unit\r\n"1250.5",2026-12-01,orders\r\n\r\n0,2026-12-01,users\r\n'
    (tmp_path / "orders.csv").write_text("\ufeff" + csv, "utf-8")
    (table,) = read_budgets(path, tag_keys=["team"]).metrics
    assert table.metric.categories == ("Usage",)
    assert table.quantities == {("orders", FIRST): Decimal("1250.5"), ("users", FIRST): 0}


def test_the_files_of_the_documentation_are_valid(tmp_path: Path) -> None:
    shown = blocks(DOCS / "budgets-and-alerts.md")
    path = tmp_path / "budgets.toml"
    path.write_text("\n".join(block.code for block in shown if "[[" in block.code))
    (csv,) = (block.code for block in shown if block.code.startswith("day,unit,quantity"))
    (tmp_path / "orders.csv").write_text(csv)
    found = read_budgets(path, tag_keys=["team"])
    (budget,), (table,) = found.budgets, found.metrics
    assert (budget.name, len(budget.alerts)) == ("ml-platform", 2)
    assert amount_of(budget, DECEMBER) == 15000
    assert table.quantities["sessions", date(2026, 11, 29)] == 481077


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("day,quantity\n", "orders.csv, line 1: the columns must be day, unit, quantity"),
        ("", "line 1: the columns must be"),
        ("day,unit,quantity\n2026-12-01,orders\n", "line 2: it has 2 values, not 3"),
        ("day,unit,quantity\n2026-12-01,orders,1\n1 Dec,orders,1\n", "line 3: '1 Dec' is no day"),
        ("day,unit,quantity\n2026-12-01,orders,many\n", "'many' is no number"),
        ("day,unit,quantity\n2026-12-01,orders,NaN\n", "the quantity must be from 0"),
        ("day,unit,quantity\n2026-12-01,orders,-1\n", "the quantity must be from 0"),
        ("day,unit,quantity\n2026-12-01,orders,1e999999999\n", "the quantity must be from 0"),
        ("day,unit,quantity\n2026-12-01,orders,1e-19\n", "18 decimals at most"),
        ("day,unit,quantity\n2026-12-01,or\0ders,1\n", "line 2: the unit must have 1 to 100 printable"),
        ("day,unit,quantity\n2026-12-01,orders,1\n2026-12-01,orders,2\n", "line 3: there is a line of 2026-12-01"),
        ('day,unit,quantity\n2026-12-01,"ord"ers,2\n', "line 2: "),
        ("day,unit,quantity\n2026-12-01,ord\udcff,1\n", "is not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_mistake_in_a_metric_is_told_with_file_and_line(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(METRIC)
    if content is not None:
        (tmp_path / "orders.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Misconfigured) as raised:
        read_budgets(path)
    assert f"{path}, line 4 is not valid at metric.0.file: {tmp_path / 'orders.csv'}" in str(raised.value)
    assert reason in str(raised.value)


# -- periods -----------------------------------------------------------------------------------------------


def test_amounts_by_month_add_up_and_a_missing_month_has_none() -> None:
    year = {f"2026-{month:02}": str(month) for month in range(1, 13)}
    quarter = budget(amount=None, amounts=year, period="quarter")
    last = period_at(quarter, FIRST)
    assert last == Period(first_day=date(2026, 10, 1), last_day=date(2026, 12, 31))
    assert amount_of(quarter, last) == 33
    following = period_at(quarter, date(2027, 1, 5))
    assert following
    assert amount_of(quarter, following) is None
    with pytest.raises(ValueError, match="exclude each other"):
        budget(amounts=year, period="year")


@given(st.sampled_from(["month", "quarter", "year"]), st.dates(date(2000, 1, 31), date(2100, 12, 31)))
def test_periods_join_without_gaps(kind: str, day: date) -> None:
    before, current = periods_due(budget(period=kind), day)
    assert before.last_day + timedelta(days=1) == current.first_day <= day <= current.last_day
    assert period_at(budget(period=kind), current.last_day) == current


def test_a_limited_budget_is_due_while_it_may_change() -> None:
    limited = budget(period=(date(2026, 11, 20), date(2026, 12, 5)))
    due = [len(periods_due(limited, date(2026, 11, 19) + timedelta(days=n))) for n in (0, 1, 16, 17, 61, 62)]
    assert due == [0, 1, 1, 1, 1, 0]


# -- verdicts ----------------------------------------------------------------------------------------------


def test_only_days_of_the_period_up_to_today_are_counted_exactly() -> None:
    tiny = Decimal("0.000000000000000001")
    daily = {date(2026, 11, 30): Decimal(9), FIRST: Decimal(10**19), date(2026, 12, 2): tiny, date(2026, 12, 3): tiny}
    found = evaluate(budget(), DECEMBER, daily, None, date(2026, 12, 2))
    assert found.actual == Decimal("10000000000000000000.000000000000000001")
    assert found.actual_to == date(2026, 12, 2)


def test_a_forecast_fires_only_when_its_lower_end_passes() -> None:
    for low, crossed in (("99.99", "no"), ("100", "yes"), (None, "unknown")):
        forecast = Told(Decimal(150), None if low is None else Decimal(low))
        (_, verdict) = judged("10", forecast=forecast).verdicts
        assert verdict.crossed == crossed
    assert judged("10").verdicts[1].crossed == "unknown"


def test_early_days_are_silent() -> None:
    sure = Told(Decimal(300), Decimal(200))
    assert states(step(judged("10", day=4, forecast=sure)))["forecast:1"] == "ok"
    found = step(judged("10", day=5, forecast=sure))
    assert states(found)["forecast:1"] == "firing"
    assert (
        "300.00 EUR, nine times in ten above 200.00 EUR, has reached 100 % of 100.00 EUR"
        in found.notices[0].state.sentence
    )


# -- states ------------------------------------------------------------------------------------------------


def test_one_alert_per_budget_period_and_rule() -> None:
    first = step(judged("80"))
    assert states(first) == {"actual:0.8": "firing", "forecast:1": "ok"}
    (notice,) = first.notices
    assert notice.dedupe_key == "budget/ml/2026-12-01/2026-12-31/actual:0.8/firing"
    again = step(judged("90"), first)
    assert again.notices == ()
    (state, _) = again.states
    assert "90.00 EUR" in state.sentence
    assert state.changed_at == NOON


def test_a_restatement_below_resolves_with_words_and_is_not_told_twice() -> None:
    fired = step(judged("80"))
    below = step(judged("79.99"), fired, NOON + timedelta(hours=1))
    assert states(below)["actual:0.8"] == "resolved"
    (notice,) = below.notices
    assert notice.kind == "resolved"
    assert notice.state.sentence == "The costs or the budget have changed: 79.99 EUR so far is below 80 % of 100.00 EUR"
    above = step(judged("81"), below)
    assert states(above)["actual:0.8"] == "firing"
    assert above.notices == ()


def test_an_acknowledged_rule_stays_silent() -> None:
    fired = step(judged("80"))
    done = acknowledge(fired.states[0], by="ann", reason="planned", now=NOON)
    with pytest.raises(ValueError, match="acknowledged, not firing"):
        acknowledge(done, by="ann", reason="planned", now=NOON)
    seen = Transition((done,), ())
    assert states(step(judged("95"), seen))["actual:0.8"] == "acknowledged"
    below = step(judged("10"), seen)
    assert (states(below)["actual:0.8"], below.notices) == ("resolved", ())
    assert states(step(judged("95"), below))["actual:0.8"] == "acknowledged"


def test_what_is_unknown_changes_nothing() -> None:
    fired = step(judged("10", forecast=Told(Decimal(300), Decimal(200))))
    assert states(fired)["forecast:1"] == "firing"
    assert states(step(judged("10"), fired))["forecast:1"] == "firing"
    # The month is over: its actual cost decides, and nothing new is told of a forecast.
    assert states(step(judged("99", day=32), fired))["forecast:1"] == "resolved"
    assert states(step(judged("101", day=32)))["forecast:1"] == "ok"


def test_a_rule_that_left_the_file_is_resolved() -> None:
    fired = step(judged("80"))
    left = step(judged("80", one=budget(alerts=[])), fired)
    (state,) = left.states
    assert (state.state, state.sentence) == ("resolved", "The rule is no longer in the file of budgets.")
    gone = transition([], {state.key: state for state in fired.states}, NOON)
    assert [state.state for state in gone.states] == ["resolved"]
    later = transition([], {state.key: state for state in fired.states}, NOON + timedelta(days=40))
    assert later.states == ()


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_any_course_of_a_month_alerts_at_most_once(course: list[int]) -> None:
    before: Transition | None = None
    firing = 0
    for amount in course:
        before = step(judged(str(amount)), before)
        firing += sum(notice.kind == "firing" for notice in before.notices)
        assert states(before)["actual:0.8"] in ({"firing"} if amount >= 80 else {"ok", "resolved"})
    assert firing == any(amount >= 80 for amount in course)


def test_a_period_that_was_over_before_alerts_nobody_and_is_not_called_ok() -> None:
    january = NOON + timedelta(days=32)
    found = step(judged("101", day=40), now=january)
    assert states(found) == dict.fromkeys(("actual:0.8", "forecast:1"), "acknowledged")
    assert found.notices == ()
    assert {state.acknowledged_by for state in found.states} == {"billstream"}
    again = step(judged("102", day=41), found, january + timedelta(days=1))
    assert (states(again), again.notices) == (states(found), ())
    assert states(step(judged("1", day=42), again, january + timedelta(days=2)))["actual:0.8"] == "resolved"
    # A period that was watched while it went on alerts of what comes late.
    watched = step(judged("10"))
    late = step(judged("90", day=40), watched, january)
    assert [notice.state.rule for notice in late.notices] == ["actual:0.8"]
