"""Small files of many vendors, each with its right answer: what is billed, on which day, and for what.

The answers were calculated by hand from the vendors' descriptions; they are not the product's.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.objects import FakeBucket
from tests.integration.exports_support import LAYOUTS
from tests.integration.intake_support import House

DAY = "(charge_period_start AT TIME ZONE 'UTC')::DATE"
AZURE = "azure_manifest_says_amortized/cost"


@dataclass(frozen=True)
class Answer:
    """The sums of an input's charges, and the one value that each of these expressions has."""

    rows: int
    billed: str | None = None
    effective: str | None = None
    list: str | None = None
    contracted: str | None = None
    currency: str | None = None
    values: tuple[tuple[str, Any], ...] = ()


ANSWERS: dict[str, Answer] = {
    f"{AZURE}/daily-actual/": Answer(3, billed="303.5", currency="EUR"),
    f"{AZURE}/daily-eff/": Answer(2, effective="13.5", currency="EUR"),
    "gcp_labels_array.csv": Answer(
        1, billed="1.5", contracted="1.5", currency="USD", values=(("tags::VARCHAR", "{team=red, env=prod}"),)
    ),
    "gcp_bigquery_export_nested.parquet": Answer(
        1,
        billed="8",
        contracted="10.5",
        currency="EUR",
        values=(
            ("service_name", "Compute Engine"),
            ("sub_account_id", "proj"),
            ("region_id", "us-east1"),
            ("sku_id", "S1"),
            ("consumed_quantity", Decimal(1)),
            ("consumed_unit", "hour"),
            ("tags::VARCHAR", "{team=red}"),
        ),
    ),
    "opencost_csv_export.csv": Answer(1, effective="1.6", values=(("tags['team']", "red"),)),
    "aws_cur_timeinterval.csv": Answer(
        2,
        billed="14.50",
        values=(
            (
                f"[sum(billed_cost) FILTER ({DAY} = '2026-09-18'), sum(billed_cost) FILTER ({DAY} = '2026-09-20')]",
                [Decimal("12.48"), Decimal("2.02")],
            ),
        ),
    ),
    "aws_cur_region_only.csv": Answer(
        1, billed="1.25", effective="1.25", currency="USD", values=(("region_id", "eu-west-1"),)
    ),
    "aws_cur_unused_case_text.csv": Answer(2, billed="2.25", effective="1.95", currency="USD"),
    "plain_month.csv": Answer(
        2, billed="220.00", values=((f"list({DAY} ORDER BY 1)", [date(2026, 8, 1), date(2026, 9, 1)]),)
    ),
    "plain_compact_date.csv": Answer(
        2, billed="11.50", currency="EUR", values=((f"list({DAY} ORDER BY 1)", [date(2026, 9, 1), date(2026, 9, 13)]),)
    ),
    "gcp_cost_table.csv": Answer(4, billed="120.000", currency="USD"),
    "digitalocean_invoice.csv": Answer(3, billed="9.60", currency="USD"),
    "anthropic_cost.csv": Answer(2, billed="3.75", list="3.85", currency="USD"),
    "aws_dbr.csv": Answer(3, billed="0.05"),
    "azure_export_without_manifest/": Answer(1, billed="3.50", currency="EUR"),
    "amorti_in_parent/": Answer(1, billed="300", currency="EUR"),
    "cost_explorer.csv": Answer(
        6,
        billed="36.3",
        values=(
            (
                f"[sum(billed_cost) FILTER ({DAY} = '2026-08-01'), sum(billed_cost) FILTER ({DAY} = '2026-09-01')]",
                [Decimal("12.1"), Decimal("24.2")],
            ),
            ("count(DISTINCT service_name)", 3),
        ),
    ),
    "azure_csp_daily.csv": Answer(1, billed="2.2", currency="EUR", values=((DAY, date(2026, 9, 13)),)),
    "azure_ea_legacy.csv": Answer(1, billed="2.4", values=((DAY, date(2026, 9, 13)),)),
    "alibaba.csv": Answer(
        1, billed="1.00", list="1.20", currency="CNY", values=(("tags::VARCHAR", "{team=red}"), (DAY, date(2026, 9, 1)))
    ),
    "datadog_total_rows.csv": Answer(2, billed="120.00"),
}
REFUSED = {"oci_usage.csv": "cost"}
"""Part of the reason."""


@dataclass
class Hunt:
    """Every input in one bucket, and what became of it."""

    house: House
    bucket: FakeBucket
    keys: list[str]

    def loads(self, key: str) -> list[str]:
        sql = "SELECT load_id FROM active_loads WHERE bucket = ? AND starts_with(key, ?)"
        return [load for (load,) in self.house.lake.rows(sql, [self.bucket.name, key])]

    def charges(self, key: str, expressions: list[str]) -> tuple[Any, ...]:
        sql = f"SELECT {', '.join(expressions)} FROM charges WHERE load_id IN (SELECT unnest(?))"
        ((*found,),) = self.house.lake.rows(sql, [self.loads(key)])
        return tuple(found)


@pytest.fixture(scope="module")
def hunt(house: House, shared_data: Path) -> Hunt:
    folder = shared_data.parent / "hunt"
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder.name} beside {shared_data.name}")
    bucket = house.bucket()
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".csv", ".parquet", ".json"})
    # A manifest comes behind its parts.
    keys = sorted((str(path.relative_to(folder)) for path in files), key=lambda key: (key.endswith(".json"), key))
    house.intake(bucket, layouts=LAYOUTS).process([bucket.put(key, (folder / key).read_bytes()) for key in keys])
    return Hunt(house, bucket, keys)


def test_every_input_has_an_answer(hunt: Hunt) -> None:
    answered = (*ANSWERS, *REFUSED)
    assert [key for key in hunt.keys if not key.startswith(answered)] == []


@pytest.mark.parametrize("key", ANSWERS)
def test_the_answer_is_right(hunt: Hunt, key: str) -> None:
    answer = ANSWERS[key]
    metrics = ("billed", "effective", "list", "contracted")
    sums = [f"sum({name}_cost)" for name in metrics]
    rows, currency, *costs = hunt.charges(key, ["count(*)", "any_value(billing_currency)", *sums])
    assert rows == answer.rows, hunt.house.ledger(hunt.bucket, key)
    told = {name: cost for name, cost in zip(metrics, costs, strict=True) if name == "billed" or getattr(answer, name)}
    wanted = {name: getattr(answer, name) for name in told}
    assert told == {name: None if cost is None else Decimal(cost) for name, cost in wanted.items()}
    assert currency == answer.currency or answer.currency is None
    for expression, value in answer.values:
        aggregate = "(" in expression and expression != DAY
        wrapped = expression if aggregate else f"any_value({expression})"
        assert hunt.charges(key, [wrapped]) == (value,), expression


@pytest.mark.parametrize("key", REFUSED)
def test_what_has_no_costs_is_refused(hunt: Hunt, key: str) -> None:
    (entry,) = hunt.house.ledger(hunt.bucket, key)
    assert entry["state"] == "quarantined"
    assert REFUSED[key] in entry["reason"]
