"""AWS' reports before the Cost and Usage Report: the detailed one, with and without tags, and the monthly one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same, subset

DETAILED = ["InvoiceID", "PayerAccountId", "LinkedAccountId", "RecordType", "RecordId", "ProductName", "RateId",
            "SubscriptionId", "PricingPlanId", "UsageType", "Operation", "AvailabilityZone", "ReservedInstance",
            "ItemDescription", "UsageStartDate", "UsageEndDate", "UsageQuantity", "BlendedRate", "BlendedCost",
            "UnBlendedRate", "UnBlendedCost", "ResourceId", "user:Name", "user:team"]  # fmt: skip
DETAILED_UNTOLD = {"RecordId", "SubscriptionId", "PricingPlanId", "Operation", "BlendedRate", "BlendedCost"}
MONTHLY = ["InvoiceID", "PayerAccountId", "LinkedAccountId", "RecordType", "RecordID", "BillingPeriodStartDate",
           "BillingPeriodEndDate", "InvoiceDate", "PayerAccountName", "LinkedAccountName", "TaxationAddress",
           "PayerPONumber", "ProductCode", "ProductName", "SellerOfRecord", "UsageType", "Operation", "RateId",
           "ItemDescription", "UsageStartDate", "UsageEndDate", "UsageQuantity", "BlendedRate", "CurrencyCode",
           "CostBeforeTax", "Credits", "TaxAmount", "TaxType", "TotalCost", "user:team"]  # fmt: skip
MONTHLY_UNTOLD = {"RecordID", "InvoiceDate", "TaxationAddress", "PayerPONumber", "ProductCode", "Operation",
                  "BlendedRate", "CostBeforeTax", "Credits", "TaxAmount", "TaxType"}  # fmt: skip
MONTH = (datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC))
TOTALS = ("InvoiceTotal", "AccountTotal", "StatementTotal")


def usage(choose: Random) -> Charge:
    return {
        "provider_name": "AWS",
        "billing_account_id": "111122223333",
        "sub_account_id": choose.choice(["444455556666", "777788889999"]),
        "invoice_id": "Estimated",
        "charge_description": "$0.044 per hour, “on demand”",
        "consumed_quantity": money(choose, decimals=8, highest=24),
        "service_name": choose.choice(["Amazon Elastic Compute Cloud", "Amazon Simple Storage Service"]),
        "sku_meter": choose.choice(["BoxUsage", "Requests-Tier1"]),
        "sku_price_id": "5000123",
        "billed_cost": money(choose, decimals=8),
    }


def hourly(choose: Random) -> Charge:
    start = day(choose) + timedelta(hours=choose.randint(0, 22))
    tags = {name: choose.choice(["web", "ü"]) for name in ("Name", "team") if choose.random() < 0.6}
    return {
        **usage(choose),
        "charge_period_start": start,
        "charge_period_end": start + timedelta(hours=1),
        "contracted_unit_price": money(choose),
        "pricing_category": choose.choice(["Standard", "Committed"]),
        "resource_id": f"i-{choose.randint(1, 5)}",
        "availability_zone": "us-east-1b",
        "region_id": "us-east-1",
        **({"tags": tags} if tags else {}),
    }


def written_hourly(charge: Charge) -> dict[str, object]:
    return {
        **written_usage(charge),
        "RecordType": "LineItem",
        "RecordId": "1",
        "AvailabilityZone": charge["availability_zone"],
        "ReservedInstance": "Y" if charge["pricing_category"] == "Committed" else "N",
        "UsageStartDate": f"{charge['charge_period_start']:%Y-%m-%d %H:%M:%S}",
        "UsageEndDate": f"{charge['charge_period_end']:%Y-%m-%d %H:%M:%S}",
        "BlendedCost": charge["billed_cost"] * 2,
        "UnBlendedRate": charge["contracted_unit_price"],
        "UnBlendedCost": charge["billed_cost"],
        "ResourceId": charge["resource_id"],
        **{f"user:{name}": text for name, text in charge.get("tags", {}).items()},
    }


def written_usage(charge: Charge) -> dict[str, object]:
    return {
        "InvoiceID": charge["invoice_id"],
        "PayerAccountId": charge["billing_account_id"],
        "LinkedAccountId": charge["sub_account_id"],
        "ProductName": charge["service_name"],
        "RateId": charge["sku_price_id"],
        "UsageType": charge["sku_meter"],
        "ItemDescription": charge["charge_description"],
        "UsageQuantity": charge["consumed_quantity"],
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_detailed_report_is_its_line_items_and_the_rounding(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = [hourly(choose) for _ in range(9)]
    total = sum(one["billed_cost"] for one in known)
    rounding: Charge = {
        "provider_name": "AWS",
        "billing_account_id": "111122223333",
        "invoice_id": "Estimated",
        "charge_category": "Adjustment",
        "charge_description": "This value accounts for the rounding",
        "charge_period_start": max(one["charge_period_start"] for one in known),
        "billed_cost": round(total, 2) - total,
    }
    common = {"InvoiceID": "Estimated", "PayerAccountId": "111122223333"}
    below = [
        {**common, "RecordType": "Rounding", "ItemDescription": rounding["charge_description"],
         "UnBlendedCost": rounding["billed_cost"], "BlendedCost": rounding["billed_cost"]},
        *({**common, "RecordType": kind, "RecordId": f"{kind}:1", "UnBlendedCost": round(total, 2)} for kind in TOTALS),
    ]  # fmt: skip
    header = subset(choose, DETAILED, {*DETAILED} - DETAILED_UNTOLD)
    lines = [[line.get(name) for name in header] for line in (*map(written_hourly, known), *below)]
    found = read(csv_text(header, lines, quoted=True))
    same(found, "aws_detailed_billing", [*known, rounding])
    assert found.load.records_left_out == len(TOTALS)


def test_a_report_of_one_account_has_a_cost_and_no_blended_one(read: Reader) -> None:
    found = read(
        "InvoiceID,PayerAccountId,LinkedAccountId,RecordType,RecordId,ProductName,SubscriptionId,UsageStartDate,Rate,Cost\n"
        "E,1,,LineItem,1,Amazon S3,9,2026-09-01 00:00:00,0.1,0.5\nE,1,,InvoiceTotal,t,,,,,0.5\n"
    )
    assert (found.profile, found.total()) == ("aws_detailed_billing", {None: Decimal("0.5")})


def monthly(choose: Random) -> Charge:
    return {
        **usage(choose),
        "charge_period_start": MONTH[0],
        "charge_period_end": MONTH[1],
        "billing_period_start": MONTH[0],
        "billing_period_end": MONTH[1],
        "billing_account_name": "Payer",
        "sub_account_name": "Linked",
        "publisher_name": "Amazon Web Services, Inc.",
        "billing_currency": "USD",
        **({"tags": {"team": "red"}} if choose.random() < 0.5 else {}),
    }


def written_monthly(charge: Charge, kind: str) -> dict[str, object]:
    return {
        **written_usage(charge),
        "RecordType": kind,
        "BillingPeriodStartDate": f"{MONTH[0]:%Y/%m/%d %H:%M:%S}",
        "BillingPeriodEndDate": f"{MONTH[1]:%Y/%m/%d %H:%M:%S}",
        "UsageStartDate": f"{MONTH[0]:%Y/%m/%d %H:%M:%S}",
        "UsageEndDate": f"{MONTH[1]:%Y/%m/%d %H:%M:%S}",
        "PayerAccountName": charge["billing_account_name"],
        "LinkedAccountName": charge["sub_account_name"],
        "SellerOfRecord": charge["publisher_name"],
        "CurrencyCode": charge["billing_currency"],
        "CostBeforeTax": charge["billed_cost"] - 1,
        "TaxAmount": 1,
        "TotalCost": charge["billed_cost"],
        "user:team": charge.get("tags", {}).get("team"),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_monthly_report_is_what_the_payer_is_charged(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = [monthly(choose) for _ in range(9)]
    header = subset(choose, MONTHLY, {*MONTHLY} - MONTHLY_UNTOLD)
    kinds = ("PayerLineItem", "LinkedLineItem")
    lines = [[written_monthly(one, kind).get(name) for name in header] for one in known for kind in kinds]
    total = sum(one["billed_cost"] for one in known)
    for kind in TOTALS:
        line = {"RecordType": kind, "RecordID": f"{kind}:1", "CurrencyCode": "USD", "TotalCost": total}
        lines.append([line.get(name) for name in header])
    note = [["Don't see your tags in the report? New tags are excluded by default."]] if seed % 2 else []
    found = read(csv_text(header, lines, preamble=note, quoted=True))
    same(found, "aws_monthly_billing", known)
    assert found.load.records_left_out == len(known) + len(TOTALS)
