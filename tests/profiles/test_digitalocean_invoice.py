"""DigitalOcean: the CSV of an invoice."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Form, Reader, csv_text, day, money, same

HEADER = ["product", "group_description", "description", "hours", "start", "end", "USD", "project_name", "category"]
CATEGORIES = {
    "Droplets": "Usage",
    "Volumes": "Usage",
    "Kubernetes Clusters": "Usage",
    "Taxes": "Tax",
    "Credits": "Credit",
}


def charge(choose: Random) -> Charge:
    product = choose.choice(list(CATEGORIES))
    start = day(choose)
    category = CATEGORIES[product]
    used = (
        {"consumed_quantity": Decimal(choose.randint(1, 720)), "sub_account_name": "toys"}
        if category == "Usage"
        else {}
    )
    return {
        "charge_period_start": start,
        "charge_period_end": start + timedelta(hours=choose.randint(1, 720)),
        "provider_name": "DigitalOcean",
        "service_name": product,
        "charge_category": category,
        "charge_description": f"toy-{choose.randint(1, 9)} (s-1vcpu-1gb)",
        "resource_type": choose.choice(["iaas", "paas"]),
        "billing_currency": "USD",
        "billed_cost": money(choose, decimals=2) * (-1 if category == "Credit" else 1),
        "consumed_unit": "Hours",
        **used,
        **({"resource_name": "cluster, “one”"} if product.startswith("Kubernetes") else {}),
    }


def written(charge: Charge) -> dict[str, object]:
    cost = charge["billed_cost"]
    return {
        "product": charge["service_name"],
        "group_description": charge.get("resource_name"),
        "description": charge["charge_description"],
        "hours": charge.get("consumed_quantity"),
        "start": f"{charge['charge_period_start']:%Y-%m-%d %H:%M:%S +0000}",
        "end": f"{charge['charge_period_end']:%Y-%m-%d %H:%M:%S +0000}",
        "USD": f"{'-' if cost < 0 else ''}${abs(cost):,}",
        "project_name": charge.get("sub_account_name"),
        "category": charge["resource_type"],
    }


FORM = Form("digitalocean_invoice", HEADER, HEADER, charge, written)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, seed: int) -> None:
    FORM.trip(read, seed)


def test_an_older_invoice_has_no_category(read: Reader) -> None:
    choose = Random(1)  # noqa: S311 - the same file every time
    known = [charge(choose) for _ in range(5)]
    header = HEADER[:-1]
    text = csv_text(header, ([written(one)[name] for name in header] for one in known))
    for one in known:
        del one["resource_type"]
    same(read(text), "digitalocean_invoice", known)


def test_another_currency_is_that_of_its_column(read: Reader) -> None:
    found = read(
        "product,group_description,description,hours,start,end,EUR,project_name,category\n"
        "Droplets,,toy,1,2026-09-01 00:00:00 +0000,2026-10-01 00:00:00 +0000,€6.00,,iaas\n"
    )
    assert found.total() == {"EUR": Decimal(6)}
