"""MongoDB Atlas: the CSV of an invoice, with lines about the invoice above the header."""

from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same, subset

HEADER = {
    "Date": "posted",
    "Usage Date": "used",
    "Description": "charge_description",
    "Organization ID": "billing_account_id",
    "Organization Name": "billing_account_name",
    "Project ID": "sub_account_id",
    "Project Name": "sub_account_name",
    "Cluster": "resource_id",
    "Replica Set": "set",
    "Config Server": "none",
    "SKU": "sku_id",
    "Region": "region_id",
    "Quantity": "consumed_quantity",
    "Unit": "consumed_unit",
    "Unit Price": "contracted_unit_price",
    "Amount": "billed_cost",
    "Note": "none",
}
KEPT = {"Date", "Usage Date", "Description", "SKU", "Amount", "Cluster", "Unit"}
ABOVE = [
    ["Invoice", "5f00", ""],
    ["Organization", "Toy Ltd", ""],
    ["Billing Period", "September 1, 2026 - October 1, 2026", ""],
    ["Status", "Paid", ""],
    ["Amount", "$12.34", ""],
    [""],
]


def charges(choose: Random) -> list[Charge]:
    return [
        {
            "charge_period_start": day(choose),
            "provider_name": "MongoDB",
            "billing_currency": "USD",
            "billing_account_id": "org-1",
            "billing_account_name": "Toy, Ltd",
            "sub_account_id": "p-1",
            "sub_account_name": choose.choice(["web", "shop"]),
            "charge_description": "Instance M10",
            "resource_id": (cluster := choose.choice(["Cluster0", "Cluster1"])),
            "resource_name": cluster,
            "sku_id": (sku := choose.choice(["NDS_AWS_INSTANCE_M10", "NDS_AWS_BACKUP"])),
            "service_name": sku,
            "region_id": "US_EAST_1",
            "consumed_quantity": money(choose, decimals=5),
            "consumed_unit": (unit := choose.choice(["server hours", "GB days"])),
            "pricing_unit": unit,
            "contracted_unit_price": money(choose),
            "billed_cost": money(choose, decimals=2),
        }
        for _ in range(8)
    ]


def cells(charge: Charge) -> dict[str, object]:
    start = charge["charge_period_start"]
    amount = {"billed_cost": f"${charge['billed_cost']:,.2f}"}
    return charge | amount | {"posted": "10/01/2026", "used": f"{start:%m/%d/%Y}", "set": "atlas-1"}


@pytest.mark.parametrize("above", [ABOVE, []], ids=["with lines above", "header first"])
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_a_file_is_read_as_the_charges_that_it_was_written_from(
    read: Reader, above: list[list[str]], seed: int
) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = charges(choose)
    header = subset(choose, list(HEADER), KEPT)
    lost = {part for name, part in HEADER.items() if name not in header}
    rows = ([cells(charge).get(HEADER[name]) for name in header] for charge in known)
    expected = [{column: value for column, value in charge.items() if column not in lost} for charge in known]
    same(read(csv_text(header, rows, preamble=above)), "mongodb_atlas", expected)
