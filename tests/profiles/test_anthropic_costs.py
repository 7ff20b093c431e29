"""Anthropic: the cost page of the Claude Console, as CSV."""

from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Form, Reader, day, money, same

HEADER = ["usage_date_utc", "model", "workspace", "api_key", "usage_type", "context_window", "token_type", "cost_usd",
          "list_price_usd", "cost_type", "inference_geo", "speed", "api_key_id", "api_key_status"]  # fmt: skip


def charge(choose: Random) -> Charge:
    model = choose.choice(["Claude Opus 4.6", "Claude Haiku 4.5"])
    billed = money(choose)
    return {
        "charge_period_start": day(choose),
        "provider_name": "Anthropic",
        "service_name": model,
        "sku_id": model,
        "sku_meter": choose.choice(["input_no_cache", "output", "input_cache_read"]),
        "sub_account_name": choose.choice(["Default", "Research, “Lab”"]),
        "x_user_id": choose.choice(["key-one", "claude_code_key_ada"]),
        "resource_id": choose.choice(["apikey_01", "apikey_02"]),
        "x_service_tier": choose.choice(["fast", "standard"]),
        "charge_description": "token",
        "region_id": choose.choice(["us", "global"]),
        "billing_currency": "USD",
        "billed_cost": billed,
        "list_cost": billed + choose.choice([Decimal(), Decimal("0.1")]),
    }


def written(charge: Charge) -> dict[str, object]:
    return {
        "usage_date_utc": f"{charge['charge_period_start']:%Y-%m-%d}",
        "model": charge["sku_id"],
        "workspace": charge["sub_account_name"],
        "api_key": charge["x_user_id"],
        "usage_type": "message",
        "context_window": "≤ 200k",
        "token_type": charge["sku_meter"],
        "cost_usd": charge["billed_cost"],
        "list_price_usd": charge["list_cost"],
        "cost_type": charge["charge_description"],
        "inference_geo": charge["region_id"],
        "speed": charge["x_service_tier"],
        "api_key_id": charge["resource_id"],
        "api_key_status": "active",
    }


UNTOLD = {"usage_type", "context_window", "api_key_status"}
FORM = Form("anthropic_costs", HEADER, set(HEADER) - UNTOLD, charge, written)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, seed: int) -> None:
    FORM.trip(read, seed)


def test_an_older_export_has_no_list_price_and_no_place(read: Reader) -> None:
    found = read(
        "usage_date_utc,model,workspace,api_key,usage_type,token_type,cost_usd\n"
        "2026-09-01,Claude Opus 4.6,,ada,message,output,2.25\n"
        "2026-09-02,,Default,ada,message,,0.01\n"
    )
    assert found.profile == "anthropic_costs"
    assert found.total() == {"USD": Decimal("2.26")}
    assert found.total("list_cost") == {}


def test_a_search_is_named_by_its_kind_and_an_unknown_place_is_none(read: Reader) -> None:
    [found] = read(
        "usage_date_utc,model,api_key,token_type,cost_usd,cost_type,inference_geo\n"
        "2026-09-02,,ada,,0.01,web_search,not_available\n"
    ).charges
    assert found["service_name"] == "web_search"
    assert not {"sku_id", "region_id"} & set(found)


def test_the_currency_is_that_of_the_column(read: Reader) -> None:
    found = read("usage_date_utc,model,api_key,token_type,cost_eur,list_price_eur\n2026-09-02,m,k,output,3,4\n")
    same(found, "anthropic_costs", found.charges)
    assert (found.total(), found.total("list_cost")) == ({"EUR": Decimal(3)}, {"EUR": Decimal(4)})
