"""Tencent Cloud: bill details of the international and of the Chinese site."""

# ruff: noqa: RUF001 - full-width brackets are the vendor's

from datetime import timedelta
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same

ENGLISH = {
    "Payer Account ID": "billing_account_id",
    "Owner Account ID": "sub_account_id",
    "Operator Account ID": "x_user_id",
    "Product Name": "service_name",
    "Subproduct Name": "service_subcategory",
    "Billing Mode": "mode",
    "Transaction Type": "kind",
    "Transaction ID": "order",
    "Transaction Time": "paid",
    "Usage Start Time": "start",
    "Usage End Time": "end",
    "Instance ID": "resource_id",
    "Instance Name": "resource_name",
    "Instance Type": "none",
    "Project Name": "none",
    "Region": "region_id",
    "Availability Zone": "availability_zone",
    "Component Type": "sku_id",
    "Component Name": "sku_meter",
    "Component List Price": "list_unit_price",
    "Component Contracted Price": "contracted_unit_price",
    "Component Usage": "consumed_quantity",
    "Component Usage Unit": "consumed_unit",
    "Usage Duration": "hours",
    "Original Cost": "list_cost",
    "RI Deduction (Cost)": "zero",
    "Currency": "billing_currency",
    "Total Amount After Discount (Excluding Tax)": "contracted_cost",
    "Voucher Deduction": "zero",
    "Amount Before Tax": "billed_cost",
    "Tax Rate": "zero",
    "Tax Amount": "zero",
    "Total Cost (Including Tax)": "billed_cost",
    "Tag:team": "team",
}
CHINESE = {
    "支付者 UIN": "billing_account_id",
    "使用者 UIN": "sub_account_id",
    "操作者 UIN": "x_user_id",
    "产品名称": "service_name",
    "子产品名称": "service_subcategory",
    "计费模式": "mode_zh",
    "交易类型": "kind_zh",
    "交易 ID": "order",
    "扣费时间": "paid",
    "开始使用时间": "start",
    "结束使用时间": "end",
    "资源 ID": "resource_id",
    "资源别名": "resource_name",
    "地域": "region_id",
    "可用区": "availability_zone",
    "组件类型": "sku_id",
    "组件名称": "sku_meter",
    "组件刊例价": "list_unit_price",
    "组件用量": "consumed_quantity",
    "组件用量单位": "consumed_unit",
    "组件原价": "list_cost",
    "折扣率": "zero",
    "优惠后总价": "billed_cost",
    "现金账户支出（元）": "billed_cost",
    "币种": "billing_currency",
}
KINDS = {
    "Usage": ("Hourly settlement", "按量计费小时结", "Pay-as-You-Go resources", "按量计费"),
    "Purchase": ("Monthly subscription renewal", "包年包月续费", "Monthly subscription", "包年包月"),
    "Adjustment": ("Refund", "包年包月退款", "Monthly subscription", "包年包月"),
}


def charges(choose: Random) -> list[Charge]:
    return [
        {
            "charge_period_start": (start := day(choose)),
            "charge_period_end": start + timedelta(hours=1),
            "provider_name": "Tencent Cloud",
            "billing_account_id": "100000000001",
            "sub_account_id": choose.choice(["100000000002", "100000000003"]),
            "x_user_id": "100000000004",
            "charge_category": (kind := choose.choice(list(KINDS))),
            "pricing_category": "Standard" if kind == "Usage" else None,
            "service_name": choose.choice(["Cloud Virtual Machine", "云服务器 CVM"]),
            "service_subcategory": "CVM - Standard S1",
            "sku_id": choose.choice(["CPU", "内存"]),
            "sku_meter": (component := "CPU-S1"),
            "charge_description": component,
            "resource_id": f"ins-{number}",
            "resource_name": "web",
            "region_id": (region := "South China (Guangzhou)"),
            "region_name": region,
            "availability_zone": "Guangzhou Zone 3",
            "consumed_quantity": money(choose, decimals=4),
            "consumed_unit": "Core",
            "list_unit_price": money(choose, decimals=8),
            "billing_currency": choose.choice(["USD", "CNY"]),
            "billed_cost": money(choose, decimals=8) * (-1 if kind == "Adjustment" else 1),
            "list_cost": money(choose, decimals=8),
        }
        for number in range(8)
    ]


def cells(charge: Charge) -> dict[str, object]:
    kind = KINDS[charge["charge_category"]]
    return charge | {
        "kind": kind[0],
        "kind_zh": kind[1],
        "mode": kind[2],
        "mode_zh": kind[3],
        "order": "T-1",
        "paid": "2026-10-02 03:00:00",
        "start": f"{charge['charge_period_start']:%Y-%m-%d %H:%M:%S}",
        "end": f"{charge['charge_period_end']:%Y-%m-%d %H:%M:%S}",
        "hours": 1,
        "zero": "0",
        "none": "-",
        "team": (charge.get("tags") or {}).get("team"),
    }


@pytest.mark.parametrize("names", [ENGLISH, CHINESE], ids=["english", "chinese"])
@pytest.mark.parametrize("seed", SEEDS[:1])
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, names: dict[str, str], seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = charges(choose)
    if names is ENGLISH:
        for charge in known:
            charge["contracted_cost"] = money(choose)
            charge["contracted_unit_price"] = money(choose)
            charge["tags"] = choose.choice([None, {"team": "red"}])
    text = csv_text(list(names), ([cells(charge).get(part) for part in names.values()] for charge in known))
    same(read(text), "tencent", known)
