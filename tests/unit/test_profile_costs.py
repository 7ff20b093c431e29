"""What the built-in profiles call billed, effective, list and contracted cost, as the vendors explain their lines."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from billstream.common.lake.migrations import apply_migrations
from billstream.consumer.decode.projection import Projection
from billstream.consumer.decode.scan import load_macros
from billstream.consumer.profiles import ProfileRegistry

METRICS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        load_macros(connection)
        apply_migrations(connection, 0)
        yield connection


@pytest.fixture(scope="module")
def types(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE charges)").fetchall())


@pytest.fixture(scope="module")
def registry(types: dict[str, str]) -> ProfileRegistry:
    return ProfileRegistry.load(None, columns=types)


class Reader:
    """One line of a file as the lake would have it."""

    def __init__(self, con: duckdb.DuckDBPyConnection, registry: ProfileRegistry, types: dict[str, str]) -> None:
        self._con, self._registry, self._types = con, registry, types

    def __call__(self, name: str, cells: dict[str, str], key: str = "") -> dict[str, Any]:
        binding = self._registry.bind(list(cells), key)
        assert binding.profile.name == name
        made = Projection(binding, self._types, forms=binding.profile.values.times)
        columns = ", ".join(f"nullif(?, '')::VARCHAR AS {cell}" for cell in made.cells)
        typed = f"SELECT *, {made.typed_columns()} FROM {made.with_operands(f'(SELECT {columns})')}"
        sql = f"SELECT {', '.join(binding.values)}, {made.bad()} FROM ({typed})"
        row = self._con.execute(sql, list(cells.values())).fetchone()
        assert row is not None
        *values, bad = row
        assert bad is False
        return dict.fromkeys(self._types) | dict(zip(binding.values, values, strict=True))

    def costs(self, name: str, cells: dict[str, str], key: str = "") -> list[str | None]:
        """Billed, effective, list and contracted cost."""
        found = self(name, cells, key)
        return [None if found[metric] is None else f"{found[metric].normalize():f}" for metric in METRICS]


@pytest.fixture(scope="module")
def read(con: duckdb.DuckDBPyConnection, registry: ProfileRegistry, types: dict[str, str]) -> Reader:
    return Reader(con, registry, types)


AWS = {
    "lineItem/UsageStartDate": "2026-01-01T00:00:00Z",
    "lineItem/UnblendedCost": "10",
    "pricing/publicOnDemandCost": "12",
    "savingsPlan/SavingsPlanEffectiveCost": "7",
    "savingsPlan/TotalCommitmentToDate": "5",
    "savingsPlan/UsedCommitment": "3.5",
    "reservation/EffectiveCost": "6",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "0.25",
    "reservation/UnusedRecurringFee": "0.5",
}


@pytest.mark.parametrize(
    ("line_type", "arn", "effective", "category"),
    [
        ("Usage", "", "10", "Usage"),
        ("SavingsPlanCoveredUsage", "", "7", "Usage"),
        ("SavingsPlanNegation", "", "0", "Adjustment"),
        ("SavingsPlanUpfrontFee", "", "0", "Purchase"),
        ("SavingsPlanRecurringFee", "", "1.5", "Purchase"),
        ("DiscountedUsage", "arn", "6", "Usage"),
        ("RIFee", "arn", "0.75", "Purchase"),
        ("Fee", "arn", "0", "Purchase"),
        ("Fee", "", "10", "Purchase"),
        ("Tax", "", "10", "Tax"),
        ("Credit", "", "10", "Credit"),
        ("Refund", "", "10", "Adjustment"),
        ("EdpDiscount", "", "10", "Adjustment"),
    ],
)
def test_aws_costs_are_amortised_by_line_item_type(
    read: Reader, line_type: str, arn: str, effective: str, category: str
) -> None:
    cells = {**AWS, "lineItem/LineItemType": line_type, "reservation/ReservationARN": arn}
    assert read.costs("aws_cur", cells) == ["10", effective, "12", None]
    assert read("aws_cur", cells)["charge_category"] == category


def test_an_aws_cost_that_lacks_a_column_of_its_type_is_not_guessed(read: Reader) -> None:
    without = {name: cell for name, cell in AWS.items() if not name.startswith(("reservation/", "savingsPlan/"))}
    for line_type in ("SavingsPlanCoveredUsage", "DiscountedUsage", "RIFee", "Fee", "SavingsPlanRecurringFee"):
        assert read.costs("aws_cur", {**without, "lineItem/LineItemType": line_type}) == ["10", None, "12", None]
    assert read.costs("aws_cur", {**without, "lineItem/LineItemType": "Usage"}) == ["10", "10", "12", None]
    assert read.costs("aws_cur", without) == ["10", None, "12", None]


def test_both_generations_of_the_aws_report_are_one(read: Reader) -> None:
    modern = {"line_item_usage_start_date": "2026-01-01 00:00:00", "line_item_unblended_cost": "10",
              "line_item_line_item_type": "Fee", "reservation_reservation_a_r_n": "arn",
              "resource_tags": '{"user_team":"core"}', "line_item_product_code": "AmazonEC2"}  # fmt: skip
    assert read.costs("aws_cur", modern) == ["10", "0", None, None]
    found = read("aws_cur", modern)
    assert (found["tags"], found["service_name"], found["provider_name"]) == ({"user_team": "core"}, "AmazonEC2", "AWS")
    legacy = read("aws_cur", {**AWS, "resourceTags/user:team": "core", "resourceTags/aws:createdBy": ""})
    assert legacy["tags"] == {"user:team": "core"}


def test_azure_tells_actual_and_amortised_cost_in_two_exports(read: Reader) -> None:
    cells = {
        "Date": "09/21/2023",
        "MeterId": "m",
        "Cost": "3.25",
        "BillingCurrency": "USD",
        "ChargeType": "Usage",
    }
    unused = {**cells, "ChargeType": "UnusedReservation"}
    assert read.costs("azure_actual", cells) == ["3.25", None, None, None]
    assert read.costs("azure_amortized", unused, "AmortizedCost/p.csv") == [None, "3.25", None, None]
    found = read("azure_actual", cells)
    assert (found["charge_period_start"], found["charge_category"]) == (datetime(2023, 9, 21, tzinfo=UTC), "Usage")


def test_azure_costs_are_those_of_the_billing_currency(read: Reader) -> None:
    cells = {"date": "02/01/2021", "meterId": "m", "costInUsd": "1", "costInPricingCurrency": "1",
             "costInBillingCurrency": "0.9", "billingCurrency": "EUR", "pricingCurrency": "USD",
             "paygCostInBillingCurrency": "1.2", "PayGPrice": "5"}  # fmt: skip
    assert read.costs("azure_actual", cells) == ["0.9", None, "1.2", None]
    found = read("azure_actual", cells)
    assert (found["billing_currency"], found["pricing_currency"]) == ("EUR", "USD")
    assert (found["list_unit_price"], found["pricing_currency_list_unit_price"]) == (None, Decimal(5))


GCP = {"usage_start_time": "2026-01-01 00:00:00 UTC", "service.description": "Compute", "sku.id": "s", "cost": "10",
       "currency": "EUR", "cost_at_list": "12"}  # fmt: skip


def test_quantities_of_google_are_in_the_units_of_its_prices(read: Reader) -> None:
    usage = {"usage.amount": "86400000000000000000000", "usage.unit": "byte-seconds",
             "usage.amount_in_pricing_units": "30.5", "usage.pricing_unit": "gibibyte month"}  # fmt: skip
    found = read("gcp_gross", {**GCP, **usage})
    assert (found["consumed_quantity"], found["consumed_unit"]) == (Decimal("30.5"), "gibibyte month")


def test_google_bills_the_cost_with_its_credits(read: Reader) -> None:
    array = '[{"name":"CUD","amount":-2.5},{"name":"SUD","amount":-1e-3}]'
    assert read.costs("gcp", {**GCP, "credits": array}) == ["7.499", None, "12", "10"]
    assert read.costs("gcp", {**GCP, "credits": "[]"}) == ["10", None, "12", "10"]
    assert read.costs("gcp_credit_columns", {**GCP, "credits_amount": "-2.5"}) == ["7.5", None, "12", "10"]
    underscored = {name.replace(".", "_"): cell for name, cell in GCP.items()}
    assert read.costs("gcp_gross", underscored) == [None, None, "12", "10"]


def test_an_oci_report_tells_what_is_billed(read: Reader) -> None:
    cells = {"lineItem/intervalUsageStart": "2020-06-02T00:00Z", "cost/myCost": "1.5", "cost/attributedCost": "9",
             "cost/currencyCode": "USD", "tags/Oracle-Tags.CreatedBy": "ada",
             "lineItem/isCorrection": "false"}  # fmt: skip
    assert read.costs("oci", cells) == ["1.5", None, None, None]
    found = read("oci", cells)
    assert (found["charge_period_start"], found["charge_class"]) == (datetime(2020, 6, 2, tzinfo=UTC), None)
    assert found["tags"] == {"Oracle-Tags.CreatedBy": "ada"}
    assert read("oci", {**cells, "lineItem/isCorrection": "true"})["charge_class"] == "Correction"


@pytest.mark.parametrize(
    ("source", "billed"), [("capacity", "0"), ("free usage", "0"), ("overage", "4"), ("new word", None), ("", None)]
)
def test_snowflake_bills_what_no_balance_has_paid(read: Reader, source: str, billed: str | None) -> None:
    cells = {"USAGE_DATE": "2026-01-01", "USAGE_IN_CURRENCY": "4", "USAGE": "2", "RATING_TYPE": "compute",
             "BALANCE_SOURCE": source}  # fmt: skip
    assert read.costs("snowflake_usage_in_currency", cells) == [billed, "4", None, None]
    assert read("snowflake_usage_in_currency", cells)["consumed_unit"] == "Credits"


def test_quantities_without_money_stay_without_money(read: Reader) -> None:
    metering = {
        "SERVICE_TYPE": "WAREHOUSE_METERING",
        "USAGE_DATE": "2026-01-01",
        "CREDITS_USED": "3",
        "CREDITS_BILLED": "2.5",
    }
    requests = {
        "Timestamp": "2025-06-11T05:13:27Z",
        "User": "ada",
        "Model": "gpt",
        "Requests Used": "0.33",
        "Total Monthly Quota": "300",
    }
    for name, cells, quantity, unit in [
        ("snowflake_credits", metering, "2.5", "Credits"),
        ("github_copilot_requests", requests, "0.33", "Requests"),
    ]:
        assert read.costs(name, cells) == [None] * 4
        found = read(name, cells)
        assert (found["consumed_quantity"], found["consumed_unit"]) == (Decimal(quantity), unit)


def test_databricks_has_list_prices_and_no_others(read: Reader) -> None:
    usage = {
        "usage_start_time": "2026-01-01T00:00:00.000Z",
        "sku_name": "JOBS",
        "usage_unit": "DBU",
        "usage_quantity": "2.5",
    }
    assert read.costs("databricks", usage) == [None] * 4
    assert read.costs("databricks", {**usage, "pricing.default": "0.15"}) == [None, None, "0.375", None]


def test_github_reports_tell_gross_or_net(read: Reader) -> None:
    old = {"Date": "2024-01-03", "Product": "Actions", "SKU": "Compute - WINDOWS", "Quantity": "6",
           "Unit Type": "minute", "Price Per Unit ($)": "0.016", "Multiplier": "2.0"}  # fmt: skip
    assert read.costs("github_usage", old) == [None, None, "0.096", None]
    new = {"date": "2025-06-01", "sku": "copilot_premium_request", "model": "m", "quantity": "5", "gross_amount": "0.2",
           "discount_amount": "0.15", "net_amount": "0.05", "aic_gross_amount": "7"}  # fmt: skip
    assert read.costs("github_billing", new) == ["0.05", None, "0.2", None]
    assert read("github_billing", new)["billing_currency"] == "USD"


def test_openai_costs_have_their_currency_as_other_files_write_it(read: Reader) -> None:
    cells = {"start_time": "1790553600", "start_time_iso": "", "amount_value": "0.00383598", "amount_currency": "usd"}
    without_iso = {name: cell for name, cell in cells.items() if name != "start_time_iso"}
    assert read.costs("openai_costs", without_iso) == ["0.00383598", None, None, None]
    found = read("openai_costs", without_iso)
    assert (found["billing_currency"], found["charge_period_start"]) == ("USD", datetime(2026, 9, 28, tzinfo=UTC))


def test_cloudzero_calls_its_costs_by_name(read: Reader) -> None:
    cells = {"time/usage_start": "2024-09-16T13:00:00Z", "cost/cost": "12", "cost/discounted_cost": "8",
             "cost/amortized_cost": "11", "cost/discounted_amortized_cost": "7", "cost/on_demand_cost": "15",
             "lineitem/type": "", "resource/tag:team": "core"}  # fmt: skip
    assert read.costs("cloudzero_cbf", cells) == ["12", "7", "15", None]
    found = read("cloudzero_cbf", cells)
    assert (found["charge_category"], found["tags"]) == ("Usage", {"team": "core"})


def test_a_plain_cost_is_billed_and_nothing_else(read: Reader) -> None:
    assert read.costs("plain", {"Date": "2026-01-01", "Amount": "5", "Vendor": "x"}) == ["5", None, None, None]
