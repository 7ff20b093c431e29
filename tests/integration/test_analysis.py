"""What follows a refresh, over a real lake: anomalies with exact rows, forecast, budgets, alerts, in one commit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.analysis.decisions import decide_anomaly
from billstream.aggregator.anomalies.store import read_incidents
from billstream.aggregator.anomalies.values import Anomaly
from billstream.aggregator.insights.anomalies_section import list_anomalies
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.publish import Publisher
from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.targets.folder import FolderTarget
from billstream.common.errors import WrongUsage
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.aggregator_support import Row, commit_load, meddle, new_lake
from tests.integration.analysis_support import NOW, TODAY, charge, company

SPIKE = TODAY - timedelta(5)
GPU_DAY = TODAY - timedelta(9)
YESTERDAY = TODAY - timedelta(1)


def spiky(day: date, account: str, service: str, usual: Decimal) -> Decimal:
    """Three times as much of one series from `SPIKE` on."""
    return usual * 3 if (account, service) == ("prod", "Compute") and day >= SPIKE else usual


@dataclass
class House:
    """A lake, its settings, and what an aggregator does in one round."""

    lake: Lake
    settings: Settings

    def round(self, now: datetime = NOW) -> int:
        """Refresh, and analyse until nothing is left to do. Returns the number of analyses that wrote something."""
        refresh_once(self.lake, now=now)
        return self.analyst().analyse_all(now=now)

    def analyst(self) -> Analyst:
        return Analyst(self.lake, self.settings, read_sinks(self.settings.alerts))

    def anomalies(self, **asked: Any) -> list[Any]:  # noqa: ANN401 - options of the function
        return list_anomalies(self.lake, TODAY, **asked)

    def insights(self, now: datetime = NOW) -> Insights:
        target = FolderTarget(self.settings.insights, self.settings.insights_readers)
        Publisher(self.lake, clock=lambda: now).publish(target, force=True)
        return Insights.model_validate_json((self.settings.insights / "insights.json").read_text())


BUDGETS = """
[[budget]]
name = "all"
owner = "cfo@example.com"
currency = "EUR"
amount = "9000"
alerts = [ { at = 0.5, of = "actual" }, { at = 1.0, of = "forecast" } ]
"""
SINKS = """
[sink.hook]
kind = "webhook"
url_from = "NO_SUCH_VARIABLE"
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "budgets.toml").write_text(BUDGETS)
    (tmp_path / "alerts.toml").write_text(SINKS)
    files = {"budgets": tmp_path / "budgets.toml", "alerts": tmp_path / "alerts.toml"}
    settings = Settings(home=tmp_path, threads=1, **files)  # type: ignore[arg-type]
    with new_lake(tmp_path) as lake:
        yield House(lake, settings)


def a_spike_and_a_new_service(house: House) -> None:
    gpu = charge(GPU_DAY, "prod", "GPU", Decimal("88.500000000000000001"), resource_id="gpu-7")
    tax = charge(TODAY - timedelta(3), "prod", "Tax", Decimal(900), charge_category="Tax")
    bought = charge(TODAY - timedelta(4), "prod", "Plan", Decimal(5000), charge_category="Purchase")
    commit_load(house.lake, "load", [*company(YESTERDAY, spiky), gpu, tax, bought], scope="s3://b/costs.csv", at=NOW)


def test_a_round_finds_a_spike_and_a_new_service_and_nothing_else(house: House) -> None:
    a_spike_and_a_new_service(house)
    assert house.round()
    spike, new = house.anomalies()
    assert (spike.kind, spike.tier, spike.state, spike.service, spike.first_day) == (
        "spike",
        "page",
        "open",
        "Compute",
        SPIKE,
    )
    assert (new.kind, new.state, new.service, new.days) == ("new", "ended", "GPU", 1)
    assert new.change.cause.new_on == GPU_DAY
    assert "since 15 Jun" in spike.sentence

    # The rows of an anomaly sum to its amount to the last decimal, and name their file.
    for one in (spike, new):
        rows = house.lake.query(one.change.rows.sql).to_pylist()
        assert sum((row["amount"] for row in rows), Decimal(0)) == one.actual
        assert {row["key"] for row in rows} == {"costs.csv"}
        assert one.impact == one.actual - one.expected

    # The page, the JSON and the digest tell them.
    insights = house.insights()
    assert [one.id for one in insights.anomalies] == [spike.id, new.id]
    assert spike.sentence in (house.settings.insights / "insights.md").read_text()
    assert "Compute in eu-west-1 rose" in (house.settings.insights / "digest.md").read_text()

    # A second round has nothing to do, and a rebuild finds the same ids.
    assert not house.round()
    rebuild(house.lake, now=NOW + timedelta(minutes=1))
    assert house.round(NOW + timedelta(minutes=1))
    assert house.anomalies() == [spike, new]


def test_a_round_on_postgresql_finds_the_same(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1)
    with Lake.open(settings, create=True) as lake:
        house = House(lake, settings)
        a_spike_and_a_new_service(house)
        assert house.round()
        spike, new = house.anomalies()
        assert (spike.kind, new.kind) == ("spike", "new")
        assert sum(row["amount"] for row in lake.query(spike.change.rows.sql).to_pylist()) == spike.actual
        decide_anomaly(lake, spike.id, "expected", reason="it's \x00 fine", by="ops")
        assert not house.round()
        assert house.anomalies()[0].reason == "it's \x00 fine"


def test_a_restatement_withdraws_an_anomaly_and_its_return_opens_it_again(house: House) -> None:
    a_spike_and_a_new_service(house)
    house.round()
    (spike, _) = house.anomalies()
    commit_load(house.lake, "load2", [*company(YESTERDAY)], replaces="load", scope="s3://b/costs.csv", at=NOW)
    house.round(NOW + timedelta(hours=1))
    states = {one.id: one.state for one in house.anomalies()}
    assert states[spike.id] == "withdrawn"
    assert [row["kind"] for row in alerts(house)].count("restatement") == 1
    commit_load(house.lake, "load3", [*company(YESTERDAY, spiky)], replaces="load2", scope="s3://b/costs.csv", at=NOW)
    house.round(NOW + timedelta(hours=2))
    assert {one.id: one.state for one in house.anomalies()}[spike.id] == "open"


def test_alerts_are_queued_once_in_the_commit_of_what_they_tell(house: House) -> None:
    a_spike_and_a_new_service(house)
    refresh_once(house.lake, now=NOW)
    refreshed = house.lake.snapshot_id()
    # All that is loaded has changed: what is found is written, and who is on call sleeps until it lasts.
    assert house.analyst().analyse(now=NOW)
    assert house.lake.snapshot_id() == refreshed + 1
    assert {row["kind"] for row in alerts(house)} == {"budget"}
    assert house.analyst().analyse(now=NOW)
    assert house.lake.snapshot_id() == refreshed + 2  # one commit has all of it
    assert not house.analyst().analyse(now=NOW)
    queued = alerts(house)
    assert sorted(row["kind"] for row in queued) == ["anomaly", "budget", "budget"]
    house.round(NOW + timedelta(minutes=1))
    meddle(house.lake, "UPDATE analysis SET configuration = 'another'")
    assert house.round(NOW + timedelta(minutes=2))
    assert alerts(house) == queued


def alerts(house: House) -> list[dict[str, Any]]:
    return house.lake.query("SELECT kind, dedupe_key FROM alerts ORDER BY dedupe_key").to_pylist()


def test_a_decision_stays_over_refreshes_and_nothing_more_is_told(house: House) -> None:
    a_spike_and_a_new_service(house)
    refresh_once(house.lake, now=NOW)
    Analyst(house.lake, house.settings).analyse_all(now=NOW)
    (spike, _) = house.anomalies()
    decide_anomaly(house.lake, spike.id[:6], "acknowledged", reason="load test", by="ops")
    mark = house.insights().analysis_id
    commit_load(house.lake, "more", [charge(YESTERDAY, "prod", "Compute", Decimal(900))], scope="s3://b/2.csv", at=NOW)
    house.round(NOW + timedelta(minutes=1))
    (told, _) = house.anomalies()
    assert (told.id, told.state, told.reason, told.decided_by) == (spike.id, "acknowledged", "load test", "ops")
    assert told.actual > spike.actual
    assert "anomaly" not in {row["kind"] for row in alerts(house)}
    assert house.insights().analysis_id != mark
    with pytest.raises(WrongUsage, match="no anomaly"):
        decide_anomaly(house.lake, "ffffff", "ended", reason="x", by="ops")


def test_the_forecast_has_recurring_charges_and_no_purchase(house: House) -> None:
    fees = [
        charge(date(2025, month, 25), "prod", "Support", Decimal(100), charge_category="Purchase")
        for month in (3, 4, 5)
    ]
    commit_load(house.lake, "load", [*company(YESTERDAY), *fees], scope="s3://b/costs.csv", at=NOW)
    house.round()
    insights = house.insights()
    (whole,) = [one for one in insights.forecast if one.scope == "currency"]
    assert whole.recurring == 100
    assert whole.complete_to == TODAY - timedelta(2)
    assert whole.low is not None
    assert whole.high is not None
    assert whole.low < whole.expected < whole.high
    # What the month really costs when it goes on as usual.
    june = [row for row in company(date(2025, 6, 30)) if row.charge_period_start.month == 6]
    true = sum((row.effective_cost or Decimal(0) for row in june), Decimal(0))
    assert abs(whole.expected - true - 100) < Decimal("0.02") * true
    parts = [one.expected for one in insights.forecast if one.scope == "account"]
    assert abs(sum(parts) - whole.expected) < Decimal("0.01") * whole.expected
    (budget,) = [one for one in insights.budgets if one.first_day == date(2025, 6, 1)]
    assert budget.forecast is not None
    assert abs(budget.forecast - whole.expected) < Decimal("0.01") * whole.expected


def test_a_young_history_has_a_forecast_without_an_interval_and_says_why(house: House) -> None:
    rows = [row for row in company(YESTERDAY) if row.charge_period_start >= datetime(2025, 6, 2, tzinfo=UTC)]
    commit_load(house.lake, "load", rows, scope="s3://b/costs.csv", at=NOW)
    house.round()
    (whole,) = [one for one in house.insights().forecast if one.scope == "currency"]
    assert (whole.low, whole.high) == (None, None)
    assert "17 days of history, and it takes 28" in (whole.why_no_interval or "")


def test_an_empty_lake_has_nothing_to_analyse(house: House) -> None:
    refresh_once(house.lake, now=NOW)
    house.round()
    insights = house.insights()
    assert (insights.anomalies, insights.forecast) == ((), ())
    assert read_incidents(house.lake, house.lake.snapshot_id()) == []


def test_history_that_arrives_in_any_order_gives_what_it_gives_at_once(house: House, tmp_path: Path) -> None:
    rows = [*company(YESTERDAY, spiky), charge(GPU_DAY, "prod", "GPU", Decimal("88.5"))]
    parts: list[list[Row]] = [[], [], []]
    for row in rows:
        day = row.charge_period_start.toordinal()
        parts[0 if day > TODAY.toordinal() - 20 else 1 + day % 2].append(row)
    for number, part in enumerate(parts):
        commit_load(house.lake, f"part{number}", part, scope=f"s3://b/{number}.csv", at=NOW)
        house.round(NOW + timedelta(minutes=number))
        assert {row["kind"] for row in alerts(house)} <= {"budget", "anomaly"}
    with new_lake(tmp_path / "other") as lake:
        other = House(lake, house.settings)
        commit_load(lake, "all", rows, scope="s3://b/all.csv", at=NOW)
        other.round()
        wanted = [told_of(one) for one in other.anomalies(every=True)]
    assert [told_of(one) for one in house.anomalies(every=True)] == wanted
    assert {row["dedupe_key"].split(":")[1] for row in alerts(house) if row["kind"] == "anomaly"} == {wanted[0][0]}


def told_of(one: Anomaly) -> tuple[object, ...]:
    return one.id, one.kind, one.tier, one.state, one.first_day, one.last_day, one.actual, one.expected


def test_a_quarter_has_its_recurring_charges_and_all_its_days(house: House) -> None:
    (house.settings.home / "budgets.toml").write_text(
        BUDGETS.replace('amount = "9000"', 'amount = "50000"\nperiod = "quarter"')
    )
    fees = [charge(date(2025, month, 25), "prod", "Fee", Decimal(100), charge_category="Purchase") for month in (4, 5)]
    commit_load(house.lake, "load", [*company(YESTERDAY), *fees], scope="s3://b/costs.csv", at=NOW)
    house.round()
    (budget,) = [one for one in house.insights().budgets if one.first_day == date(2025, 4, 1)]
    usage = [row for row in company(date(2025, 6, 30)) if row.charge_period_start >= datetime(2025, 4, 1, tzinfo=UTC)]
    true = sum((row.effective_cost or Decimal(0) for row in usage), Decimal(300))
    assert budget.forecast is not None
    assert abs(budget.forecast - true) < Decimal("0.01") * true
