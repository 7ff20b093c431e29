"""What the built-in profiles for AWS and for plain files take from each column, and what they never guess."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from billstream.common.errors import Poison
from billstream.common.lake.migrations import apply_migrations
from billstream.consumer.decode.scan import load_macros
from billstream.consumer.profiles import ProfileRegistry
from tests.unit.test_profile_costs import Reader

COST = {"lineItem/UnblendedCost": "10"}
DAY = {"lineItem/UsageStartDate": "2026-09-18T05:00:00Z"}
INTERVAL = {"identity/TimeInterval": "2026-09-18T00:00:00Z/2026-09-19T00:00:00Z"}
PERIOD = {"bill/BillingPeriodStartDate": "2026-09-01T00:00:00Z", "bill/BillingPeriodEndDate": "2026-10-01T00:00:00Z"}
ARN = "arn:aws:savingsplans::111122223333:savingsplan/abc"
RI = "arn:aws:ec2:us-east-1:111122223333:reserved-instances/abc"


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        load_macros(con)
        apply_migrations(con, 0)
        types = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE charges)").fetchall())
        yield Reader(con, ProfileRegistry.load(None, columns=types), types)


def aws(read: Reader, **cells: str) -> dict[str, Any]:
    return read("aws_cur", {**COST, **DAY, **{name.replace("__", "/"): cell for name, cell in cells.items()}})


# -- AWS: the day ------------------------------------------------------------------------------------------


def test_the_best_source_of_the_day_wins(read: Reader) -> None:
    """Each source of the day is asked only where every better one is missing or empty."""
    sources = [DAY, INTERVAL, PERIOD]
    moments = [
        datetime(2026, 9, 18, 5, tzinfo=UTC),
        datetime(2026, 9, 18, tzinfo=UTC),
        datetime(2026, 9, 1, tzinfo=UTC),
    ]
    for best, moment in enumerate(moments):
        present = {name: cell for source in sources[best:] for name, cell in source.items()}
        emptied = {name: "" for source in sources[:best] for name in source}
        assert read("aws_cur", {**COST, **present})["charge_period_start"] == moment
        assert read("aws_cur", {**emptied, **COST, **present})["charge_period_start"] == moment
    ends = read("aws_cur", {**COST, **INTERVAL, **PERIOD})
    assert ends["charge_period_end"] == datetime(2026, 9, 19, tzinfo=UTC)


# -- AWS: dimensions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "region"),
    [
        ({"product__regionCode": "eu-west-1", "product__region": "x", "lineItem__AvailabilityZone": "x"}, "eu-west-1"),
        ({"product__regionCode": "", "product__region": "eu-west-1"}, "eu-west-1"),
        ({"product": '{"region": "eu-west-1"}', "lineItem__AvailabilityZone": "us-east-1b"}, "eu-west-1"),
        ({"lineItem__AvailabilityZone": "us-east-1b", "product__location": "EU (Ireland)"}, "us-east-1"),
        ({"lineItem__AvailabilityZone": "us-gov-west-1a"}, "us-gov-west-1"),
        ({"lineItem__AvailabilityZone": "us-west-2-lax-1a"}, "us-west-2"),
        ({"product__fromRegionCode": "ap-south-1"}, "ap-south-1"),
        ({"product__location": "EU (Ireland)"}, "eu-west-1"),
        ({"product": '{"location": "Europe (Ireland)"}'}, "eu-west-1"),
        ({"product__location": "Any"}, None),
        ({"lineItem__AvailabilityZone": ""}, None),
    ],
)  # fmt: skip
def test_the_region_is_found_in_whatever_column_tells_it(
    read: Reader, cells: dict[str, str], region: str | None
) -> None:
    assert aws(read, **cells)["region_id"] == region


def test_a_service_has_one_name_in_both_generations(read: Reader) -> None:
    names = [
        aws(read, product__ProductName="Amazon Elastic Compute Cloud", lineItem__ProductCode="AmazonEC2"),
        aws(read, product='{"product_name": "Amazon Elastic Compute Cloud"}', lineItem__ProductCode="AmazonEC2"),
        aws(read, product__servicename="Amazon Elastic Compute Cloud", lineItem__ProductCode="AmazonEC2"),
    ]
    assert {found["service_name"] for found in names} == {"Amazon Elastic Compute Cloud"}
    assert aws(read, product="{}", lineItem__ProductCode="AmazonEC2")["service_name"] == "AmazonEC2"


@pytest.mark.parametrize(
    ("cells", "pricing", "frequency", "kind", "status"),
    [
        ({"T": "Usage", "U": "BoxUsage:t3.micro"}, "Standard", "Usage-Based", None, None),
        ({"T": "Usage", "U": "USE2-SpotUsage:m5.large"}, "Dynamic", "Usage-Based", None, None),
        ({"T": "Usage", "U": "", "pricing/term": "OnDemand"}, "Standard", "Usage-Based", None, None),
        ({"T": "Usage"}, None, "Usage-Based", None, None),
        ({"T": "DiscountedUsage", "R": RI}, "Committed", "Usage-Based", "Reserved Instance", "Used"),
        ({"T": "SavingsPlanCoveredUsage", "S": ARN}, "Committed", "Usage-Based", "Savings Plan", "Used"),
        ({"T": "RIFee", "R": RI}, "Committed", "Recurring", "Reserved Instance", "Unused"),
        ({"T": "SavingsPlanRecurringFee", "S": ARN}, "Committed", "Recurring", "Savings Plan", "Unused"),
        ({"T": "SavingsPlanUpfrontFee", "S": ARN}, "Committed", "One-Time", "Savings Plan", None),
        ({"T": "Fee", "R": RI}, None, "One-Time", "Reserved Instance", None),
        ({"T": "Fee", "R": ""}, None, "One-Time", None, None),
        ({"T": "Credit", "U": "BoxUsage"}, "Other", "One-Time", None, None),
        ({"T": "Tax", "U": ""}, None, "One-Time", None, None),
    ],
)
def test_the_line_item_type_tells_pricing_and_commitment(
    read: Reader, cells: dict[str, str], pricing: str | None, frequency: str, kind: str | None, status: str | None
) -> None:
    short = {"T": "lineItem/LineItemType", "U": "lineItem/UsageType", "R": "reservation/ReservationARN"}
    found = aws(read, **{{**short, "S": "savingsPlan/SavingsPlanARN"}.get(n, n): cell for n, cell in cells.items()})
    columns = ("pricing_category", "charge_frequency", "commitment_discount_type", "commitment_discount_status")
    assert tuple(found[column] for column in columns) == (pricing, frequency, kind, status)
    assert found["commitment_discount_category"] == {"Savings Plan": "Spend", "Reserved Instance": "Usage"}.get(
        kind or ""
    )


def test_a_split_line_is_on_its_instance_and_adds_no_cost(read: Reader) -> None:
    split = {"lineItem__LineItemType": "Usage", "lineItem__UnblendedCost": "0", "splitLineItem__SplitCost": "0.7",
             "splitLineItem__UnusedCost": "0.3", "lineItem__ResourceId": "arn:aws:ecs:us-east-1:1:task/1"}  # fmt: skip
    pod = aws(read, **split, splitLineItem__ParentResourceId="i-0123456789abcdef0")
    assert (pod["resource_id"], pod["allocated_resource_id"]) == ("i-0123456789abcdef0", split["lineItem__ResourceId"])
    assert (pod["allocated_method_id"], pod["billed_cost"], pod["effective_cost"]) == (
        "AWS split cost allocation data",
        0,
        0,
    )
    plain = aws(read, **split, splitLineItem__ParentResourceId="")
    assert (plain["resource_id"], plain["allocated_resource_id"]) == (split["lineItem__ResourceId"], None)
    assert (plain["allocated_method_id"], plain["resource_type"]) == (None, "task")


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("i-0123456789abcdef0", "instance"),
        ("vol-0123456789abcdef0", "volume"),
        ("arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1", "loadbalancer"),
        ("arn:aws:lambda:us-east-1:1:function:name", "function"),
        ("my-bucket", None),
        ("i-am-a-bucket", None),
        ("arn:aws:sns:us-east-1:1:topic", None),
    ],
)
def test_a_resource_tells_its_type_by_its_id(read: Reader, resource: str, kind: str | None) -> None:
    assert aws(read, lineItem__ResourceId=resource)["resource_type"] == kind


def test_names_tags_and_classes_of_a_line(read: Reader) -> None:
    legacy = aws(
        read, **{"resourceTags/user:Name": "web", "resourceTags/user:team": "red", "costCategory/Unit": "shop"}
    )
    assert legacy["resource_name"] == "web"
    assert legacy["tags"] == {"user:Name": "web", "user:team": "red", "Unit": "shop"}
    modern = aws(read, resource_tags='{"user_name": "web"}', bill_bill_type="Refund", line_item_usage_type="BoxUsage")
    assert (modern["resource_name"], modern["charge_class"], modern["sku_meter"]) == ("web", "Correction", "BoxUsage")
    assert aws(read, bill_bill_type="Anniversary")["charge_class"] is None


# -- plain files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "day", "end", "currency"),
    [
        ({"month": "2026-08", "cost": "1"}, date(2026, 8, 1), date(2026, 9, 1), None),
        ({"invoice_month": "202612", "cost_usd": "1"}, date(2026, 12, 1), date(2027, 1, 1), "USD"),
        ({"date": "20260913", "Cost ($)": "1"}, date(2026, 9, 13), None, "USD"),
        ({"usage_start_date": "2026-09-13", "amount_eur": "1"}, date(2026, 9, 13), None, "EUR"),
        ({"usage_date_utc": "2026-09-13", "spend": "1", "currency": "GBP"}, date(2026, 9, 13), None, "GBP"),
        ({"Usage Month": "Sep 2026", "Total (EUR)": "1"}, date(2026, 9, 1), date(2026, 10, 1), "EUR"),
        ({"billing_month": "09/2026", "USD": "1"}, date(2026, 9, 1), date(2026, 10, 1), "USD"),
        # The day of usage is better than that of the invoice, and a day than its month.
        ({"invoice_date": "2026-10-02", "usage_date": "2026-09-13", "cost": "1"}, date(2026, 9, 13), None, None),
        ({"month": "2026-09", "usage_date": "2026-09-13", "cost": "1"}, date(2026, 9, 13), None, None),
        # The plain name comes first, and the other currency is not its own.
        ({"date": "2026-09-13", "cost_usd": "2", "cost": "1"}, date(2026, 9, 13), None, None),
    ],
)  # fmt: skip
def test_a_plain_file_tells_day_and_currency(
    read: Reader, cells: dict[str, str], day: date, end: date | None, currency: str | None
) -> None:
    found = read("plain", cells)
    assert (found["charge_period_start"].date(), found["billed_cost"]) == (day, 1)
    assert (found["charge_period_end"] and found["charge_period_end"].date(), found["billing_currency"]) == (
        end,
        currency,
    )


@pytest.mark.parametrize(
    "header",
    [
        ["cost_usd", "cost_eur"],
        ["cost", "total_cost"],
        ["cost", "net_cost"],
        ["amount", "total"],
        ["cost_usd", "total_usd"],
        ["net_amount_usd", "cost_usd"],
    ],
)
def test_of_two_costs_none_is_guessed(read: Reader, header: list[str]) -> None:
    with pytest.raises(Poison, match="Name the right one in a profile of your own") as raised:
        read("plain", {"date": "2026-09-13", **dict.fromkeys(header, "1"), "service": "x"})
    assert all(repr(name) in str(raised.value) for name in header)


def test_a_cell_may_not_contradict_the_currency_of_the_cost_s_name(read: Reader) -> None:
    with pytest.raises(AssertionError, match="assert True is False"):
        read("plain", {"date": "2026-09-13", "cost_usd": "1", "currency": "EUR"})
    assert read("plain", {"date": "2026-09-13", "cost_usd": "1", "currency": "usd"})["billing_currency"] == "usd"
    assert read("plain", {"date": "2026-09-13", "Cost ($)": "1", "currency": "CAD"})["billing_currency"] == "CAD"
