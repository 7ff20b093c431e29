"""Budgets of one lake: what they count, their states over restatements, and the pages. Expected values are by hand.

November 2026, AWS in EUR: usage of effective 10 and billed 11 on the 1st and the 2nd; tax of 5 on the 2nd; a credit of
-3; a charge of 7 without a category on the 3rd. Contoso in EUR: usage on the 2nd of billed 20, and no effective cost.
AWS in USD: 1000.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from billstream.aggregator.budgets.costs import read_daily
from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.budgets.states import transition
from billstream.aggregator.budgets.store import evaluate_all, read_states, store
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, MARKDOWN_NAME, SCHEMA_NAME, render
from billstream.aggregator.refresh import refresh_once
from billstream.common.lake import Lake
from tests.integration.aggregator_support import Row, commit_load, new_lake

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


def charge(day: int, cost: str, billed: str | None = None, **more: str | None) -> Row:
    row = Row(
        datetime(2026, 11, day, tzinfo=UTC),
        "EUR",
        provider_name="AWS",
        service_name="EC2",
        charge_category="Usage",
        billed_cost=Decimal(billed or cost),
        effective_cost=Decimal(cost),
    )
    return replace(row, **more)  # type: ignore[arg-type]


ROWS = [
    charge(1, "10", "11"),
    charge(2, "10", "11"),
    charge(2, "5", charge_category="Tax"),
    charge(2, "-3", charge_category="Credit"),
    charge(3, "7", charge_category=None),
    replace(charge(2, "20", provider_name="Contoso"), effective_cost=None),
    charge(2, "1000", billing_currency="USD"),
]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as opened:
        commit_load(opened, "a", ROWS, scope="s3://billing/a.csv")
        refresh_once(opened, now=NOON)
        yield opened


def budget(**more: object) -> Budget:
    return Budget.model_validate({"name": "all", "owner": "ann", "currency": "EUR", "amount": "47", **more})


def evaluated(lake: Lake, budgets: list[Budget], now: datetime) -> list[str]:
    """Evaluate and store as the aggregator does, in one commit; returns what is to be told."""
    found = evaluate_all(lake, budgets, now.date())
    changed = transition(found, read_states(lake), now)
    lake.commit(lambda con: store(con, found, changed, now), claims=[], author="test", message="budgets")
    return [notice.dedupe_key for notice in changed.notices]


def test_budgets_in_a_lake(lake: Lake) -> None:
    def daily(**more: object) -> list[Decimal]:
        return list(read_daily(lake, budget(**more), FIRST, LAST).values())

    # Tax and credit are left out, Contoso is counted as billed, and a charge without a category is usage.
    assert daily() == [10, 30, 7]
    assert daily(cost="billed_cost") == [11, 31, 7]
    assert daily(categories=["Tax", "Credit"]) == [2]
    assert daily(where={"provider_name": ["Contoso"]}) == [20]
    assert daily(where={"provider_name": ["AWS"], "service_name": ["EC2", "S3"]}) == [10, 10, 7]
    assert daily(where={"region_id": ["eu"]}) == []
    assert daily(currency="USD") == [1000]
    assert daily(where={"service_name": ["'; DROP TABLE charges; --"]}) == []

    rules = [{"at": 1, "of": "actual"}, {"at": 1, "of": "forecast"}]
    budgets = [budget(alerts=rules), budget(name="dollars", currency="USD")]
    assert evaluated(lake, budgets, NOON) == ["budget/all/2026-11-01/2026-11-30/actual:1/firing"]
    assert evaluated(lake, budgets, NOON.replace(hour=13)) == []

    commit_load(lake, "b", [charge(1, "9.999999999999999999"), *ROWS[1:]], scope="s3://billing/a.csv", replaces="a")
    refresh_once(lake, now=NOON)
    assert evaluated(lake, budgets, NOON.replace(hour=14)) == ["budget/all/2026-11-01/2026-11-30/actual:1/resolved"]
    pages = pages_of(lake)
    content = json.loads(pages[JSON_NAME])
    jsonschema.Draft202012Validator(json.loads(pages[SCHEMA_NAME])).validate(content)
    november, october = (entry for entry in content["budgets"] if entry["budget"] == "all")
    assert (november["actual"], november["used"], november["amount"]) == ("46.999999999999999999", "1", "47")
    assert [rule["state"] for rule in november["rules"]] == ["resolved", "ok"]
    assert (october["first_day"], october["actual"], october["actual_to"]) == ("2026-10-01", "0", None)
    assert (
        "- all, 2026-11-01 to 2026-11-30, actual:1, resolved: The costs or the budget have changed"
        in pages[MARKDOWN_NAME]
    )
    assert '<a href="#budgets">Budgets</a>' in pages[HTML_NAME]

    # A budget that left the file is on no page any more; what became of its past stays.
    assert evaluated(lake, budgets[1:], NOON.replace(hour=15)) == []
    left = json.loads(pages_of(lake)[JSON_NAME])["budgets"]
    assert [(entry["budget"], entry["first_day"]) for entry in left if entry["budget"] == "all"] == [
        ("all", "2026-10-01")
    ]


def pages_of(lake: Lake) -> dict[str, str]:
    report = refresh_once(lake, now=NOON)
    return render(
        read_insights(
            lake, report.watermark, version=lake.snapshot_id(), snapshot_id=report.snapshot_id, today=NOON.date()
        )
    )
