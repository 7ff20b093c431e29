"""`billstream budgets`: what it lists and acknowledges, what the aggregator does afterwards, and how it refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.analysis.mark import analysis_claim
from billstream.aggregator.budgets.section import list_budgets
from billstream.aggregator.refresh import refresh_once
from billstream.common.lake import Lake
from tests.integration.aggregator_support import Row, commit_load
from tests.integration.operator_support import Commands, commands

NOW = datetime.now(UTC)
"""The commands have no other clock."""

BUDGETS = """
[[budget]]
name = "all"
owner = "ann@example.com"
currency = "EUR"
period = [{first}, {last}]
amount = "100"
alerts = [{{ at = 0.5, of = "actual" }}, {{ at = 1, of = "actual" }}]

[[metric]]
name = "shop"
file = "orders.csv"
currency = "EUR"
"""


def spend(cost: str) -> Row:
    return Row(NOW - timedelta(days=3), "EUR", provider_name="AWS", billed_cost=Decimal(cost), charge_category="Usage")


@pytest.fixture
def billstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    file = tmp_path / "budgets.toml"
    days = {"first": (NOW - timedelta(days=20)).date(), "last": (NOW + timedelta(days=20)).date()}
    file.write_text(BUDGETS.format(**days))
    (tmp_path / "orders.csv").write_text(f"day,unit,quantity\n{(NOW - timedelta(days=3)).date()},orders,4\n")
    with commands(tmp_path, monkeypatch, {"BILLSTREAM_BUDGETS": str(file)}) as made:
        commit_load(made.lake, "a", [spend("60")], scope="s3://billing/a.csv")
        yield made


def analysed(billstream: Commands, analyst: Analyst | None = None) -> None:
    refresh_once(billstream.lake)
    (analyst or Analyst(billstream.lake, billstream.settings)).analyse_all()


def states(lake: Lake) -> dict[str, str]:
    return {rule.rule: rule.state for one in list_budgets(lake) for rule in one.rules}


def test_a_budget_is_listed_and_acknowledged(billstream: Commands) -> None:
    assert "The lake has no budget yet" in billstream.run("budgets", "list")
    assert "1 budget and 1 metric, valid" in billstream.run("budgets", "check", "--file-only")
    refused = billstream.run("budgets", "ack", "all", "--rule", "actual:0.5", "--reason", "planned", expect=1)
    assert "There is no budget 'all' with states; nothing was changed" in refused
    analysed(billstream)

    assert billstream.json("budgets", "check")["budgets"][0]["actual"] == "60"
    said = billstream.run("budgets", "list")
    assert "60 EUR up to" in said
    assert "60.0 %" in said
    assert "actual:0.5 firing: 60.00 EUR so far has reached 50 % of 100.00 EUR" in said
    (told,) = billstream.json("budgets", "list")
    assert (told["budget"], told["actual"], told["used"]) == ("all", "60", "0.6")
    assert [(rule["rule"], rule["state"]) for rule in told["rules"]] == [("actual:0.5", "firing"), ("actual:1", "ok")]

    for name, rule, why in (
        ("nul\x00'", "actual:0.5", 'There is no budget "nul\\x00\'" with states'),
        ("all", "actual:2", "has no rule 'actual:2'; it has actual:0.5, actual:1"),
        ("all", "actual:1", "The rule actual:1 of 'all' is ok, not firing"),
    ):
        assert why in billstream.run("budgets", "ack", name, "--rule", rule, "--reason", "planned", expect=1)
    for reason in (" ", "x" * 501, "\x1b[31mred", "\udcff"):
        said = billstream.run("budgets", "ack", "all", "--rule", "actual:0.5", "--reason", reason, expect=1)
        assert "--reason must have" in said

    before = analysis_claim(billstream.lake).prev
    reason = "planned, [red]'quoted'"
    said = billstream.run("budgets", "ack", "all", "--rule", "actual:0.5", "--reason", reason)
    assert "actual:0.5: acknowledged by" in said
    assert analysis_claim(billstream.lake).prev != before, "an analysis that has read the states before cannot commit"
    assert "acknowledged by" in billstream.run("budgets", "list")
    assert "is acknowledged, not firing" in billstream.run(
        "budgets", "ack", "all", "--rule", "actual:0.5", "--reason", "again", expect=1
    )

    # More is spent: what was acknowledged stays so, with its reason.
    commit_load(billstream.lake, "b", [spend("70")], scope="s3://billing/b.csv")
    analysed(billstream)
    assert states(billstream.lake) == {"actual:0.5": "acknowledged", "actual:1": "firing"}
    ((stored,),) = billstream.rows("SELECT reason FROM budget_states WHERE state = 'acknowledged'")
    assert stored == reason


def test_quantities_of_metrics_are_read_whenever_they_change(billstream: Commands, tmp_path: Path) -> None:
    analyst = Analyst(billstream.lake, billstream.settings)
    kept = "SELECT unit, cost::VARCHAR, quantity::INT FROM unit_metrics ORDER BY unit"

    def wrote(text: str) -> list[tuple[object, ...]]:
        (tmp_path / "orders.csv").write_text(text)
        analysed(billstream, analyst)
        return billstream.rows(kept)

    day = (NOW - timedelta(days=3)).date()
    sixty = "60.000000000000000000"
    assert wrote(f"day,unit,quantity\n{day},orders,4\n") == [("orders", sixty, 4)]
    assert wrote(f"day,unit,quantity\n{day},orders,5\n") == [("orders", sixty, 5)]
    # Half written: the aggregator goes on with what it had.
    assert wrote(f"day,unit,quantity\n{day},ord") == [("orders", sixty, 5)]
    both = f"day,unit,quantity\n{day},orders,5\n{day},users,2\n"
    assert wrote(both) == [("orders", sixty, 5), ("users", sixty, 2)]
    version = billstream.lake.snapshot_id()
    assert wrote(both) == [("orders", sixty, 5), ("users", sixty, 2)]
    assert billstream.lake.snapshot_id() == version, "nothing has changed, so nothing is committed"
