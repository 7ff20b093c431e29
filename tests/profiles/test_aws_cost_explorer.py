"""AWS Cost Explorer's CSV: a column for each service or account, a line for each month or day, and their totals."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from billstream.consumer.trial.fitting import fits_of
from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, money, same

# Profile, the first header cell, and the names of some columns with what they tell.
GROUPS: dict[str, tuple[str, str, dict[str, Charge]]] = {
    "service": ("aws_cost_explorer", "Service", {
        "EC2-Instances": {"service_name": "EC2-Instances"},
        "Virtual Private Cloud (VPC)": {"service_name": "Virtual Private Cloud (VPC)"},
        "Tax": {"service_name": "Tax", "charge_category": "Tax"},
    }),
    "account": ("aws_cost_explorer_account", "Linked account", {
        "111122223333": {"sub_account_id": "111122223333"},
        "prod, “eu” (444455556666)": {"sub_account_id": "444455556666", "sub_account_name": "prod, “eu”"},
        "dev-7": {"sub_account_name": "dev-7"},
    }),
    "region": ("aws_cost_explorer_region", "Region", {
        "us-east-1": {"region_id": "us-east-1"}, "NoRegion": {}, "global": {"region_id": "global"},
    }),
    "zone": ("aws_cost_explorer_zone", "Availability Zone", {
        "us-gov-west-1b": {"region_id": "us-gov-west-1", "availability_zone": "us-gov-west-1b"}, "NoAZ": {},
    }),
    "usage type": ("aws_cost_explorer_usage_type", "Usage type", {
        "EUW1-BoxUsage:t3.micro": {"sku_meter": "EUW1-BoxUsage:t3.micro"},
        "Requests-Tier1": {"sku_meter": "Requests-Tier1"},
    }),
    "instance type": ("aws_cost_explorer_instance_type", "Instance type", {
        "t3.micro": {"resource_type": "t3.micro"}, "NoInstanceType": {},
    }),
    "operation": ("aws_cost_explorer_operation", "API operation", {
        "RunInstances": {"charge_description": "RunInstances"}, "PutObject": {"charge_description": "PutObject"},
    }),
    "purchase": ("aws_cost_explorer_purchase_option", "Purchase option", {
        "On Demand": {"charge_description": "On Demand", "pricing_category": "Standard"},
        "Savings Plans": {"charge_description": "Savings Plans", "pricing_category": "Committed"},
    }),
    "charge type": ("aws_cost_explorer_charge_type", "Charge type", {
        "Usage": {"charge_description": "Usage", "charge_category": "Usage"},
        "Credit": {"charge_description": "Credit", "charge_category": "Credit"},
        "Enterprise discount": {"charge_description": "Enterprise discount", "charge_category": "Adjustment"},
    }),
}  # fmt: skip


def months(count: int) -> list[datetime]:
    return [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, count + 1)]


def days(count: int) -> list[datetime]:
    return [datetime(2026, 2, 27, tzinfo=UTC) + timedelta(days=number) for number in range(count)]


def sums(cells: Sequence[Sequence[Decimal | None]]) -> list[Decimal]:
    return [sum((cell or Decimal() for cell in line), Decimal()) for line in cells]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("group", GROUPS)
def test_each_cell_is_a_charge_and_no_total_is(read: Reader, group: str, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    profile, title, told = GROUPS[group]
    sign, currency = choose.choice([("($)", "USD"), (" ($)", "USD"), (" (EUR)", "EUR"), ("(€)", "EUR")])
    periods = choose.choice([months, days])(4)
    cells = [[choose.choice([money(choose), -money(choose), None]) for _ in told] for _ in periods]
    columns = [[line[index] for line in cells] for index in range(len(told))]
    totals: list[object] = [f"{title} total", *sums(columns), sum(sums(cells), Decimal())]
    lines = [
        [f"{period:%Y-%m-%d}", *line, total] for period, line, total in zip(periods, cells, sums(cells), strict=True)
    ]
    text = csv_text(
        [title, *(f"{name}{sign}" for name in told), f"Total costs{sign}"], [totals, *lines], quoted=seed % 2 == 1
    )
    common: Charge = {"provider_name": "AWS", "billing_currency": currency}
    known = [
        {**common, **dimensions, "charge_period_start": period, "billed_cost": cell}
        for period, line in zip(periods, cells, strict=True)
        for cell, dimensions in zip(line, told.values(), strict=True)
        if cell is not None
    ]
    found = read(text)
    same(found, profile, known)
    assert found.load.records_left_out == len(told)


def test_the_names_of_accounts_below_their_ids_are_no_charges(read: Reader) -> None:
    found = read(
        '"Linked account","111122223333","444455556666","Total costs"\n'
        '"Linked account name","prod ($)","dev ($)","Total costs ($)"\n'
        '"Linked account total","30","3","33"\n'
        '"2026-08-01","10","1","11"\n'
        '"2026-09-01","20","2","22"\n'
    )
    assert found.profile == "aws_cost_explorer_account"
    assert found.load.rejected == ()
    accounts = {(charge["sub_account_id"], charge["billed_cost"]) for charge in found.charges}
    assert accounts == {("111122223333", 10), ("444455556666", 1), ("111122223333", 20), ("444455556666", 2)}


def test_names_alone_are_the_header_where_the_ids_have_no_total(read: Reader) -> None:
    found = read(
        '"Linked account","111122223333","444455556666",""\n'
        '"Linked account name","prod ($)","dev ($)","Total costs ($)"\n'
        '"Linked account total","10","1","11"\n'
        '"2026-08-01","10","1","11"\n'
    )
    assert {charge["sub_account_name"] for charge in found.charges} == {"prod", "dev"}
    assert found.total() == {"USD": Decimal(11)}


@pytest.mark.parametrize("other", ["BoxUsage (Hrs)", "BoxUsage", "BoxUsage(€)"])
def test_a_column_that_may_be_no_cost_refuses_the_file(read: Reader, other: str) -> None:
    found = read(f'"Usage type","{other}","BoxUsage($)","Total costs($)"\n"2026-08-01","744","10","10"\n')
    assert found.refusal is not None
    assert repr(other) in found.refusal
    assert "keep" in found.refusal


def test_a_file_that_another_profile_knows_is_not_unfolded(read: Reader) -> None:
    found = read("service,date,cost,currency,total costs\nS3,2026-09-01,1.5,USD,1.5\n")
    assert (found.profile, found.total()) == ("plain", {"USD": Decimal("1.5")})


def test_the_columns_that_are_used_are_counted_in_the_header(read: Reader) -> None:
    [taken] = [fit for fit in fits_of(read.bench.profiles, ("Service", "S3($)", "Total costs($)"), "") if fit.taken]
    assert taken.why.startswith("built in; 2 of 3 header columns are used")
