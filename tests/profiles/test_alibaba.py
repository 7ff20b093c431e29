"""Alibaba Cloud: bill details with Chinese headers, those of the upgraded bills, and English ones."""

# ruff: noqa: RUF001 - full-width brackets are the vendor's

from datetime import UTC, datetime
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same, subset

CHINESE = {
    "账单月份": "month",
    "账单日期": "day",
    "财务核算单元": "unit",
    "账号ID": "billing_account_id",
    "账号": "billing_account_name",
    "产品Code": "code",
    "产品": "service_name",
    "商品Code": "sku_id",
    "商品名称": "charge_description",
    "消费类型": "method",
    "订单号/账单号": "order",
    "消费时间": "paid",
    "实例ID": "resource_id",
    "实例昵称": "resource_name",
    "地域": "region_id",
    "可用区": "availability_zone",
    "用量": "consumed_quantity",
    "用量单位": "consumed_unit",
    "目录总价": "list_cost",
    "优惠金额": "discount",
    "优惠券抵扣": "coupon",
    "应付金额": "billed_cost",
    "币种": "billing_currency",
    "实例标签": "tagged",
}
UPGRADED = {
    "标识信息/账单明细ID": "order",
    "账单信息/账单月份": "month",
    "账单信息/账单日期": "day",
    "账单信息/费用类型": "kind",
    "身份信息/资源购买账号ID": "billing_account_id",
    "身份信息/资源购买账号": "billing_account_name",
    "产品信息/产品Code": "code",
    "产品信息/产品名称": "service_name",
    "产品信息/商品Code": "sku_id",
    "产品信息/商品名称": "charge_description",
    "资源信息/实例ID（出账粒度）": "resource_id",
    "资源信息/实例昵称": "resource_name",
    "资源信息/地域": "region_id",
    "资源信息/可用区": "availability_zone",
    "资源信息/实例标签": "tagged",
    "用量信息/用量": "consumed_quantity",
    "用量信息/用量单位": "consumed_unit",
    "定价信息/定价币种": "billing_currency",
    "费用信息/目录总价": "list_cost",
    "优惠信息/优惠金额": "discount",
    "应付信息/应付金额（含税）": "billed_cost",
}
ENGLISH = {
    "BillingCycle": "month",
    "BillingDate": "dashed",
    "CostUnit": "unit",
    "AccountID": "billing_account_id",
    "AccountName": "billing_account_name",
    "SubscriptionType": "english",
    "ProductCode": "code",
    "ProductName": "service_name",
    "ProductType": "sku_id",
    "ProductDetail": "charge_description",
    "RecordID": "order",
    "InstanceID": "resource_id",
    "NickName": "resource_name",
    "Region": "region_id",
    "Zone": "availability_zone",
    "Usage": "consumed_quantity",
    "UsageUnit": "consumed_unit",
    "PretaxGrossAmount": "list_cost",
    "InvoiceDiscount": "discount",
    "DeductedByCoupons": "coupon",
    "PretaxAmount": "billed_cost",
    "Currency": "billing_currency",
    "Tag": "tagged",
}
METHODS = {"Usage": ("后付费", "云资源按量费用", "PayAsYouGo"), "Purchase": ("预付费", "订阅预付费用", "Subscription")}


def charges(choose: Random) -> list[Charge]:
    return [
        {
            "charge_period_start": day(choose),
            "billing_period_start": datetime(2026, 9, 1, tzinfo=UTC),
            "billing_period_end": datetime(2026, 10, 1, tzinfo=UTC),
            "provider_name": "Alibaba Cloud",
            "billing_account_id": "1234567890123456",
            "billing_account_name": choose.choice(["acct", "账号"]),
            "charge_category": choose.choice(["Usage", "Purchase"]),
            "charge_description": choose.choice(["ECS", "对象存储"]),
            "service_name": choose.choice(["云服务器ECS", "对象存储OSS"]),
            "sku_id": "ecs",
            "resource_id": f"i-{number}",
            "resource_name": "web",
            "region_id": "华东1（杭州）",
            "region_name": "华东1（杭州）",
            "availability_zone": "cn-hangzhou-h",
            "consumed_quantity": money(choose, decimals=4),
            "consumed_unit": choose.choice(["小时", "GB"]),
            "billing_currency": choose.choice(["CNY", "USD"]),
            "billed_cost": money(choose, decimals=8),
            "list_cost": money(choose, decimals=8),
            "tags": choose.choice([None, {"team": "red"}, {"team": "red", "env": "prod"}]),
        }
        for number in range(8)
    ]


def cells(charge: Charge) -> dict[str, object]:
    start, method = charge["charge_period_start"], METHODS[charge["charge_category"]]
    tags = charge["tags"] or {}
    return charge | {
        "month": f"{start:%Y%m}",
        "day": f"{start:%Y%m%d}",
        "dashed": f"{start:%Y-%m-%d}",
        "paid": f"{start:%Y-%m-%d} 01:00:00",
        "method": method[0],
        "kind": method[1],
        "english": method[2],
        "code": "ecs",
        "order": "2026090112345",
        "discount": "0.20",
        "coupon": "0.00",
        "tagged": "; ".join(f"key:{key} value:{value}" for key, value in tags.items()),
    }


@pytest.mark.parametrize("names", [CHINESE, UPGRADED, ENGLISH], ids=["chinese", "upgraded", "english"])
@pytest.mark.parametrize("seed", SEEDS[:1])
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, names: dict[str, str], seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = charges(choose)
    optional = {"unit", "order", "paid", "discount", "coupon"}
    header = subset(choose, list(names), [name for name, part in names.items() if part not in optional])
    if names is not UPGRADED:  # how a resource is paid for has no column there
        for charge in known:
            charge["pricing_category"] = "Standard" if charge["charge_category"] == "Usage" else None
    text = csv_text(header, ([cells(charge).get(names[name]) for name in header] for charge in known))
    same(read(text), "alibaba", known)


def test_a_bill_by_month_is_on_the_day_of_its_order_or_the_first_of_its_month(read: Reader) -> None:
    header = ["账单月份", "产品Code", "产品", "消费时间", "目录总价", "应付金额", "币种"]
    rows = [
        ["2026-09", "ecs", "ECS", "2026-09-17 08:00:00", "1", "1", "CNY"],
        ["2026-09", "oss", "OSS", "", "2", "2", "CNY"],
    ]
    found = read(csv_text(header, rows))
    assert found.profile == "alibaba"
    assert sorted(f"{charge['charge_period_start']:%d}" for charge in found.charges) == ["01", "17"]
