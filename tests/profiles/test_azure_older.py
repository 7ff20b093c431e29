"""Azure: the usage detail of the retired EA portal, and the download of a view of cost analysis."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same, subset

LEGACY = {
    "AccountOwnerId": "owner",
    "Account Name": "account",
    "ServiceAdministratorId": "none",
    "SubscriptionId": "number",
    "SubscriptionGuid": "sub_account_id",
    "Subscription Name": "sub_account_name",
    "Date": "date",
    "Month": "month",
    "Day": "day",
    "Year": "year",
    "Product": "charge_description",
    "Meter ID": "sku_price_id",
    "Meter Category": "service_name",
    "Meter Sub-Category": "service_subcategory",
    "Meter Region": "region_name",
    "Meter Name": "sku_meter",
    "Consumed Quantity": "consumed_quantity",
    "ResourceRate": "contracted_unit_price",
    "ExtendedCost": "billed_cost",
    "Resource Location": "region_id",
    "Consumed Service": "none",
    "Instance ID": "resource_id",
    "ServiceInfo1": "none",
    "ServiceInfo2": "none",
    "AdditionalInfo": "none",
    "Tags": "tagged",
    "Store Service Identifier": "none",
    "Department Name": "account",
    "Cost Center": "account",
    "Unit Of Measure": "consumed_unit",
    "Resource Group": "account",
}
KEPT = {"Date", "Day", "Month", "Year", "SubscriptionGuid", "ExtendedCost", "Meter ID", "Product"}
VIEW = {
    "ServiceName": "service_name",
    "ResourceLocation": "region_id",
    "SubscriptionName": "sub_account_name",
    "ResourceType": "resource_type",
    "Meter": "sku_meter",
    "ChargeType": "charge_category",
}


def charges(choose: Random) -> list[Charge]:
    return [
        {
            "charge_period_start": day(choose),
            "provider_name": "Microsoft",
            "charge_category": "Usage",
            "sub_account_id": "0f0f-1",
            "sub_account_name": choose.choice(["Prod", "Test"]),
            "charge_description": (product := choose.choice(["VM D2", "Disk, P10"])),
            "sku_id": product,
            "sku_price_id": "m-1",
            "service_name": "Virtual Machines",
            "service_subcategory": "Dv5",
            "sku_meter": "D2",
            "region_id": "westeurope",
            "region_name": "EU West",
            "consumed_quantity": money(choose),
            "consumed_unit": "1 Hour",
            "contracted_unit_price": money(choose),
            "billed_cost": money(choose, decimals=12),
            "resource_id": "/subscriptions/0f0f-1/x",
            "tags": choose.choice([None, {"team": "red"}]),
        }
        for _ in range(8)
    ]


def cells(charge: Charge) -> dict[str, object]:
    start = charge["charge_period_start"]
    parts = {"date": f"{start:%m/%d/%Y}", "day": start.day, "month": start.month, "year": start.year}
    tagged = '{"team":"red"}' if charge["tags"] else ""
    return charge | parts | {"owner": "a@x.example", "account": "Acct", "number": 123, "tagged": tagged}


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_legacy_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = charges(choose)
    header = subset(choose, list(LEGACY), KEPT)
    lost = {part for name, part in LEGACY.items() if name not in header} | ({"tags"} if "Tags" not in header else set())
    rows = ([cells(charge).get(LEGACY[name]) for name in header] for charge in known)
    expected = [{column: value for column, value in charge.items() if column not in lost} for charge in known]
    same(read(csv_text(header, rows, preamble=[["Usage Data Extract"], [""]])), "azure_ea_legacy", expected)


def views(choose: Random, cost: str) -> list[Charge]:
    return [
        {
            "charge_period_start": day(choose),
            "provider_name": "Microsoft",
            "service_name": choose.choice(["Storage", "Virtual Machines"]),
            "region_id": "westeurope",
            "sub_account_name": "Prod",
            "resource_type": "microsoft.storage/accounts",
            "sku_meter": "LRS",
            "charge_category": choose.choice(["Usage", "Purchase"]),
            "billing_currency": "EUR",
            cost: money(choose, decimals=12),
        }
        for _ in range(8)
    ]


@pytest.mark.parametrize(
    ("key", "profile", "cost"),
    [
        ("bills/view.csv", "azure_cost_analysis", "billed_cost"),
        ("bills/amortized-view.csv", "azure_cost_analysis_amortized", "effective_cost"),
        ("amortized/actual/view.csv", "azure_cost_analysis", "billed_cost"),
    ],
)
def test_a_view_is_read_as_the_charges_that_it_was_written_from(
    read: Reader, key: str, profile: str, cost: str
) -> None:
    choose = Random(key)  # noqa: S311 - the same file every time
    known = views(choose, cost)
    header = ["UsageDate", *subset(choose, list(VIEW), ["ServiceName"]), "CostUSD", "Cost", "Currency"]
    lost = {part for name, part in VIEW.items() if name not in header}
    written = [
        charge | {"UsageDate": f"{charge['charge_period_start']:%Y-%m-%d}", "CostUSD": "1", "Cost": charge[cost]}
        for charge in known
    ]
    rows = [[cells.get(VIEW.get(name, name), cells["billing_currency"]) for name in header] for cells in written]
    expected = [{column: value for column, value in charge.items() if column not in lost} for charge in known]
    same(read(csv_text(header, rows), key), profile, expected)


def test_a_forecast_is_no_charge_and_a_month_is_its_first_day(read: Reader) -> None:
    header = ["BillingMonth", "ServiceName", "Cost", "CostUSD", "Currency", "CostStatus"]
    rows = [
        ["2026-09-01T00:00:00", "Storage", "1.10", "1.2", "EUR", "Actual"],
        ["2026-10-01T00:00:00", "Storage", "9.10", "9.9", "EUR", "Forecast"],
    ]
    found = read(csv_text(header, rows))
    assert (found.profile, found.load.records_left_out) == ("azure_cost_analysis", 1)
    assert found.total() == {"EUR": Decimal("1.10")}
    assert found.charges[0]["charge_period_start"] == datetime(2026, 9, 1, tzinfo=UTC)
