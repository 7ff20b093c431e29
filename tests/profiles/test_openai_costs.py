"""OpenAI: the dashboard's cost export."""

from datetime import timedelta
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same, subset

HEADER = ["start_time", "end_time", "start_time_iso", "end_time_iso", "amount_value", "amount_currency", "line_item",
          "project_id", "project_name", "organization_id", "organization_name"]  # fmt: skip
ESSENTIAL = {"start_time", "end_time", "amount_value", "amount_currency", "line_item", "project_id", "organization_id"}


def charges(choose: Random) -> list[Charge]:
    return [
        {
            "charge_period_start": (start := day(choose)),
            "charge_period_end": start + timedelta(days=1),
            "provider_name": "OpenAI",
            "billed_cost": money(choose, decimals=12),
            "billing_currency": "USD",
            "charge_description": (item := choose.choice(["ft-gpt-4o, input", "ft-gpt-4o, output"])),
            "sku_id": item,
            "service_name": "OpenAI API",
            "sub_account_id": choose.choice(["proj_a", "proj_b"]),
            "billing_account_id": "org-1",
        }
        for _ in range(9)
    ]


def written(charge: Charge) -> dict[str, object]:
    start, end = charge["charge_period_start"], charge["charge_period_end"]
    return {
        "start_time": int(start.timestamp()),
        "end_time": int(end.timestamp()),
        "start_time_iso": start.isoformat(),
        "end_time_iso": end.isoformat(),
        "amount_value": charge["billed_cost"],
        "amount_currency": "usd",
        "line_item": charge["charge_description"],
        "project_id": charge["sub_account_id"],
        "organization_id": charge["billing_account_id"],
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = charges(choose)
    header = subset(choose, HEADER, ESSENTIAL)
    text = csv_text(header, ([written(charge).get(name) for name in header] for charge in known))
    same(read(text), "openai_costs", known)
