"""Datadog: cost by product and charge type, of which one type is the total of the others."""

from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same, subset

HEADER = ["account_name", "account_public_id", "org_name", "public_id", "region", "month", "product_name",
          "charge_type", "cost", "total_cost"]  # fmt: skip


def charge(choose: Random) -> Charge:
    kind = choose.choice(["committed", "on_demand"])
    return {
        "charge_period_start": day(choose).replace(day=1),
        "provider_name": "Datadog",
        "billing_account_name": "Example, Inc.",
        "billing_account_id": "abc",
        "sub_account_name": choose.choice(["web", "data"]),
        "sub_account_id": choose.choice(["org-1", "org-2"]),
        "region_id": "us1",
        "service_name": choose.choice(["infra_host", "logs_indexed_15day"]),
        "charge_description": kind,
        "pricing_category": "Committed" if kind == "committed" else "Standard",
        "billed_cost": money(choose),
    }


def written(charge: Charge, month: str) -> dict[str, object]:
    return {
        "account_name": charge["billing_account_name"],
        "account_public_id": charge["billing_account_id"],
        "org_name": charge["sub_account_name"],
        "public_id": charge["sub_account_id"],
        "region": charge["region_id"],
        "month": f"{charge['charge_period_start']:{month}}",
        "product_name": charge["service_name"],
        "charge_type": charge["charge_description"],
        "cost": charge["billed_cost"],
        "total_cost": 99999,
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_totals_beside_their_parts_are_left_out(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    month = choose.choice(["%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
    known = [charge(choose) for _ in range(9)]
    header = subset(choose, HEADER, {*HEADER} - {"total_cost"})
    totals = [{**written(one, month), "charge_type": choose.choice(["total", "Total"])} for one in known]
    lines = [[line.get(name) for name in header] for line in (*(written(one, month) for one in known), *totals)]
    choose.shuffle(lines)
    found = read(csv_text(header, lines))
    same(found, "datadog_costs", known)
    assert found.load.records_left_out == len(totals)


def test_the_currency_is_that_of_the_column(read: Reader) -> None:
    found = read("month,org_name,product_name,charge_type,cost_usd\n2026-09,x,apm,total,3\n2026-09,x,apm,on_demand,3\n")
    assert (found.profile, found.total()) == ("datadog_costs", {"USD": Decimal(3)})
