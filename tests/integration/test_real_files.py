"""Billing files that others made, each loaded with the right profile and its exact totals, or refused with the reason.

The totals are those of the folder's README, which were computed without DuckDB; `rescued:Name` is the total of a column
that no column of `charges` holds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billstream.consumer.intake import Intake
from billstream.consumer.profiles import ProfileRegistry
from tests.fakes.objects import FakeBucket
from tests.integration.intake_support import House

READ_AS_BILLS = {".csv", ".gz", ".zip"}

TOOLKIT = "finops_toolkit/src"
SPEC = "focus_spec_examples/specification/data"
FLEX = f"{SPEC}/commitment_discount_flexibility"
HUNDRED = f"{FLEX}/one_hundred_percent_utilization"
DEALS = f"{SPEC}/commitment_discount_scenarios/commitment_discount"
SAAS = f"{SPEC}/saas_examples"
SPEND = f"{SAAS}/spend_agreements/saas_spend_agreements"
SIMPLE = f"{SAAS}/simple_agreements/simple_saas_agreements"
TOKENS = f"{SAAS}/virtual_currency_pricing_model"
KEBOOLA = "keboola_cur/tests"
EXPORT = "s3_structure/mock-cur-v2-bucket/data"
CUR_1 = (3, {"consumed_quantity": "1026", "billed_cost": "0.045152", "effective_cost": "0.045152"})
CUR_2 = (4, {"consumed_quantity": "2051", "billed_cost": "0.108304", "effective_cost": "0.108304"})
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def costs(*amounts: str, **others: str) -> dict[str, str]:
    return {**dict(zip(COSTS, amounts, strict=False)), **others}


# Key, profile, rows, totals.
LOADED: list[tuple[str, str, int, dict[str, str]]] = [
    (f"aws_cur_anonymize/tests/testdata/{name}.csv", "aws_cur", 4,
     {"consumed_quantity": "4.0", "billed_cost": "0.0652", f"rescued:{blended}": "0.0652"})
    for name, blended in [("sample-cur20", "line_item_blended_cost"), ("sample-legacy-csv", "lineItem/BlendedCost")]
] + [
    ("chatgpt_usage_export/tools/priority/__fixtures__/agent-cost-rollup/usage-export-sample.csv", "credits", 6,
     {"consumed_quantity": "10559.880", "rescued:usage_quantity": "211197.6"}),
    ("cloudzero_anycost_example/example_cloud_provider_data/cloud_usage.csv", "plain", 3,
     {"billed_cost": "47.3", "rescued:discount": "-12"}),
    ("cloudzero_anycost_example/cbf/cloud_cbf.csv", "cloudzero_cbf", 6,
     {"billed_cost": "105.3", "rescued:cost/discounted_cost": "93.3"}),
    ("dbt_snowflake_monitoring/integration_test_project/seeds/monthly_spend_fixture.csv", "snowflake_spend", 13,
     {"effective_cost": "913.959601843"}),
    (f"{TOOLKIT}/powershell/Tests/assets/EA_ActualCost_Small.csv", "azure_actual", 11,
     {"consumed_quantity": "54.07079406", "billed_cost": "8.5450077867419368",
      "pricing_currency_list_unit_price": "21.69397", "rescued:EffectivePrice": "24.94397"}),
    # 16.2969321366366446274854190000, and three of its lines have more than 18 decimals.
    (f"{TOOLKIT}/powershell/Tests/assets/EA_AmortizedCost_Small.csv", "azure_amortized", 28,
     {"consumed_quantity": "185.35816553", "effective_cost": "16.296932136636644627",
      "pricing_currency_list_unit_price": "180.46767", "rescued:EffectivePrice": "180.506414"}),
    (f"{TOOLKIT}/powershell/Tests/assets/EA_NoRows.csv", "azure_actual", 0, {}),
    ("fivetran_aws_cloud_cost/integration_tests/seeds/aws_cost_report.csv", "aws_cur", 20, {}),
    ("focus_converters/sample-anonymous-ea-export-dataset.csv", "azure_actual", 27,
     {"consumed_quantity": "43.834164336466", "billed_cost": "1.26136926505726",
      "pricing_currency_list_unit_price": "3.35435", "rescued:EffectivePrice": "2.533107946"}),
    ("focus_data_toolkit/aws_1_2_cost_and_usage_rows100_seed42.csv", "focus_1_2", 100,
     costs("1157.48882377213324", "403.45921877213324", "1203.92341784103253", "1161.67908227773324",
           pricing_quantity="18567692.9488636256")),
    ("focus_data_toolkit/azure_1_2_cost_and_usage_rows100_seed42.csv", "focus_1_2", 100,
     costs("3124.49994903980385", "2246.75827003980385", "3376.15570500921259", "3133.16962438700385",
           pricing_quantity="4398851.7953687872")),
    ("focus_data_toolkit/gcp_1_2_cost_and_usage_rows100_seed42.csv", "focus_1_2", 100,
     costs("837.52222322465736", "755.06847222465736", "921.53514741259345", "843.92617116885736",
           pricing_quantity="20947211.6884632842")),
    ("focus_official_sample/FOCUS-1.0/focus_sample.csv", "focus", 1000,
     costs("20.52022672899", "14.97651418586", "20.39090575119", "14.97626039326",
           consumed_quantity="13438.712904456820057")),
    (f"{HUNDRED}_with_commitment_discount_flexibility_with_1_resource.csv", "focus_1_1", 3,
     costs("2.75", "2.75", "6.25", consumed_quantity="2", pricing_quantity="2.083")),
    (f"{HUNDRED}_with_commitment_discount_flexibility_with_2_resources.csv", "focus_1_1", 3,
     costs("2", "2", "8", consumed_quantity="2", pricing_quantity="3")),
    (f"{HUNDRED}_without_commitment_discount_flexibility.csv", "focus_1_1", 2,
     costs("1.5", "1.5", "6", consumed_quantity="1", pricing_quantity="2")),
    (f"{FLEX}/zero_percent_utilization_without_commitment_discount_flexibility.csv", "focus_1_1", 3,
     costs("3.5", "3.5", "8", consumed_quantity="2", pricing_quantity="3")),
    (f"{DEALS}_purchase_scenario_1.csv", "focus_1_1", 1, costs("8760", "0", commitment_discount_quantity="8760")),
    # Of 3 and 4 lines, one each ends at 30 o'clock; see below.
    (f"{DEALS}_purchase_scenario_2.csv", "focus_1_1", 2, costs("2", "0", commitment_discount_quantity="2")),
    (f"{DEALS}_purchase_scenario_3.csv", "focus_1_1", 3, costs("4381", "0", commitment_discount_quantity="4381")),
    (f"{DEALS}_usage_scenario_1.csv", "focus_1_1", 1, costs("0", "1", consumed_quantity="1")),
    (f"{DEALS}_usage_scenario_2.csv", "focus_1_1", 1, costs("0", "1", commitment_discount_quantity="1")),
    (f"{DEALS}_usage_scenario_3.csv", "focus_1_1", 2, costs("0", "1", consumed_quantity="1")),
    (f"{DEALS}_usage_scenario_4.csv", "focus_1_1", 2, costs("0.5", "1.5", consumed_quantity="2")),
    ("github_billing_parser/examples/384ddf93_2023-01-26_7.csv", "github_usage", 13,
     {"consumed_quantity": "50", "list_cost": "0.4"}),
    ("github_billing_parser/examples/bad-product.csv", "github_usage", 1, {"consumed_quantity": "0", "list_cost": "0"}),
    (f"{KEBOOLA}/mock_data/cur_1_0/MockTestReport-00001.csv.zip", "aws_cur", *CUR_1),
    (f"{KEBOOLA}/mock_data/cur_1_0/sample_billing_data.csv", "aws_cur", *CUR_1),
    (f"{KEBOOLA}/mock_data/cur_1_0/s3_structure/mock-cur-bucket/20240101-20240131/MockTestReport-00001.csv.zip",
     "aws_cur", *CUR_1),
    (f"{KEBOOLA}/mock_data/cur_2_0/MockTestReportV2-00001.csv.gz", "aws_cur", *CUR_2),
    (f"{KEBOOLA}/mock_data/cur_2_0/sample_billing_data_v2.csv", "aws_cur", *CUR_2),
    (f"{KEBOOLA}/mock_data/cur_2_0/{EXPORT}/BILLING_PERIOD=2024-09/MockTestReportV2-00001.csv.gz", "aws_cur", *CUR_2),
    (f"{KEBOOLA}/functional_tests/cur_1_0/expected_output.csv", "aws_cur", *CUR_1),
    (f"{KEBOOLA}/functional_tests/cur_2_0/expected_output.csv", "aws_cur", *CUR_2),
    ("openchargeback/aws_2025-01.csv", "focus", 25, costs("19086.75", "19086.75", "22455", "19086.75")),
    ("openchargeback/azure_2025-01.csv", "focus", 4, costs("735.25", "735.25", "865", "735.25")),
    ("openchargeback/hpc_2025-01.csv", "focus", 9, costs("0", "0", "8200", "8200")),
    ("openchargeback/it_storage_2025-01.csv", "focus", 6, costs("360", "360", "360", "360")),
    ("openchargeback/storage_2025-01.csv", "focus", 15, costs("45", "45", "380", "380")),
    ("opencost_azure/headersets/BOM.csv", "azure_actual", 1, {}),
    ("opencost_azure/headersets/Enterprise.csv", "azure_actual", 1,
     {"consumed_quantity": "10", "billed_cost": "0", "rescued:EffectivePrice": "1.2"}),
    ("opencost_azure/headersets/EnterpriseCamel.csv", "azure_actual", 1,
     {"consumed_quantity": "3", "billed_cost": "0.012", "rescued:costInUsd": "0.012"}),
    *((f"opencost_azure/headersets/{name}.csv", "azure_actual", 1, {"consumed_quantity": "3", "billed_cost": "0.075"})
      for name in ("German", "PayAsYouGo", "YA")),
]  # fmt: skip

NOT_CHARGES = "This is a reference table, not a list of charges: it explains values of other files"
NOTHING_FITS = "No profile fits the header: "
NO_DAY = rf"{NOTHING_FITS}.*The nearest, plain, lacks charge_period_start \(from date or usage_date"
# Key and what the reason says.
REFUSED: list[tuple[str, str]] = [
    *((f"{TOOLKIT}/open-data/{name}.csv", NOT_CHARGES) for name in ("PricingUnits", "Regions", "Services")),
    ("focus_validator/focus_validator/rules/currency_codes.csv", NOT_CHARGES),
    ("focus_validator/tests/samples/all_fail.csv", f"{NOTHING_FITS}'x_foo'"),
    ("focus_validator/tests/samples/all_pass_0.5.csv",
     rf"{NOTHING_FITS}.*The nearest, focus, lacks effective_cost \(from EffectiveCost\)"),
    ("focus_validator/tests/samples/billedCostTest.csv", NO_DAY),
    ("focus_validator/tests/samples/fail_invoice_issuer.csv", NO_DAY),
    *((f"focus_validator/tests/samples/{name}.csv", NOTHING_FITS) for name in (
        "fail_charge_type_bad_value", "listUnitPriceTest", "multiple_failure_example_namespaced",
        "multiple_failure_examples")),
    ("cloudzero_anycost_example/example_cloud_provider_data/cloud_discounts.csv", f"{NOTHING_FITS}'discount_type'"),
    ("cloudzero_anycost_example/example_cloud_provider_data/cloud_purchase_commitments.csv", NO_DAY),
]  # fmt: skip

# Dates as 4/1/25, which only billing periods from the first of a month on explain: key, rows, totals.
AMBIGUOUS: list[tuple[str, int, dict[str, str]]] = [
    (f"{TOKENS}_a1.csv", 1, costs("200000", "0", "200000", "200000", pricing_currency_effective_cost="0")),
    (f"{TOKENS}_a2.csv", 3, costs("0", "1230", "1230", "1230", consumed_quantity="370")),
    (f"{TOKENS}_b1.csv", 1, costs("100000", "0", "200000", "100000", pricing_currency_effective_cost="0")),
    (f"{TOKENS}_b2.csv", 3, costs("0", "615", "1230", "615", consumed_quantity="370")),
    (f"{TOKENS}_b3.csv", 3, costs("0", "495", "1230", "495", consumed_quantity="370")),
    (f"{TOKENS}_c.csv", 2, costs("53000", "0", "53000", "53000", pricing_currency_effective_cost="0")),
    (f"{SPEND}_a1.csv", 4, costs("1200", "1200", "1257", "1200", consumed_quantity="19")),
    (f"{SPEND}_a2.csv", 13, costs("1200", "1200", "1257", "1200", consumed_quantity="19")),
    (f"{SPEND}_b1.csv", 5, costs("1200", "1200", "2457", "2400", consumed_quantity="19")),
    (f"{SPEND}_b2.csv", 14, costs("1200", "1200", "2457", "2400", consumed_quantity="19")),
    # Written as "$10,000.00 ".
    (f"{SIMPLE}_a1.csv", 1, costs("10000", "10000", "10000", "10000", pricing_quantity="1")),
    (f"{SIMPLE}_a2.csv", 1, costs("50000", "50000", "50000", "50000", pricing_quantity="500")),
    (f"{SIMPLE}_a3.csv", 1, costs("1000", "1000", "1000", "1000", pricing_quantity="10")),
    (f"{SIMPLE}_b.csv", 1, costs("50000", "50000", "50000", "50000", pricing_quantity="500")),
    (f"{SIMPLE}_c.csv", 3, costs("35800", "35800", "35800", "35800", consumed_quantity="1790")),
]

MONTH_FIRST = """
name = "american_focus"
title = "FOCUS with the month first"
extends = "focus"
[values]
times = ["iso", "%m/%d/%y"]
"""


@dataclass
class Estate:
    """The folder in a bucket, and what became of its objects."""

    house: House
    bucket: FakeBucket
    ledger: dict[str, dict[str, Any]]

    def totals(self, key: str, names: Iterable[str]) -> dict[str, Decimal]:
        sums, paths = [], []
        for name in names:
            if name.startswith("rescued:"):
                sums.append("sum(json_extract_string(rescued, ?)::DECIMAL(38, 18))")
                paths.append(f'$."{name.removeprefix("rescued:")}"')
            else:
                sums.append(f"sum({name})")
        sql = f"SELECT count(*), {', '.join(sums) or 'NULL'} FROM charges WHERE load_id = ?"
        ((_, *found),) = self.house.lake.rows(sql, [*paths, self.ledger[key]["load_id"]])
        return dict(zip(names, found, strict=False))


def settled(house: House, folder: Path, keys: Iterable[str], registry: ProfileRegistry | None = None) -> Estate:
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake = intake if registry is None else Intake(replace(intake.context, profiles=registry))
    outcomes = intake.process([bucket.put(key, (folder / key).read_bytes()) for key in keys])
    assert all(outcome.acknowledge for outcome in outcomes)
    return Estate(house, bucket, {line["key"]: line for line in house.ledger(bucket)})


def keys_of(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.suffix in READ_AS_BILLS)
    return sorted(str(path.relative_to(folder)) for path in found)


@pytest.fixture(scope="module")
def estate(house: House, shared_data: Path) -> Estate:
    return settled(house, shared_data, keys_of(shared_data))


@pytest.fixture(scope="module")
def american(house: House, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """The ambiguous files with a profile of one's own."""
    folder = tmp_path_factory.mktemp("profiles")
    (folder / "american.toml").write_text(MONTH_FIRST)
    registry = ProfileRegistry.load(folder, columns=house.lake.columns("charges"))
    return settled(house, shared_data, [row[0] for row in AMBIGUOUS], registry)


def test_no_file_of_the_folder_is_left_out(estate: Estate) -> None:
    told = {row[0] for row in (*LOADED, *REFUSED, *AMBIGUOUS)}
    assert {key for key in estate.ledger if not key.startswith("torture/")} == told


@pytest.mark.parametrize(("key", "profile", "rows", "totals"), LOADED, ids=[row[0] for row in LOADED])
def test_a_bill_is_loaded_with_its_exact_totals(
    estate: Estate, key: str, profile: str, rows: int, totals: dict[str, str]
) -> None:
    line = estate.ledger[key]
    assert (line["state"], line["profile"], line["rows_loaded"]) == ("loaded", profile, rows)
    assert line["rows_rejected"] == (1 if re.search(r"purchase_scenario_[23]", key) else 0)
    assert estate.totals(key, totals) == {name: Decimal(total) for name, total in totals.items()}


@pytest.mark.parametrize(("key", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_bill_is_quarantined_with_the_reason(estate: Estate, key: str, reason: str) -> None:
    line = estate.ledger[key]
    assert (line["state"], line["rows_loaded"]) == ("quarantined", 0)
    assert re.search(reason, line["reason"]), line["reason"]


@pytest.mark.parametrize(("key", "rows", "totals"), AMBIGUOUS, ids=[row[0] for row in AMBIGUOUS])
def test_billing_periods_tell_which_number_is_the_month(
    estate: Estate, key: str, rows: int, totals: dict[str, str]
) -> None:
    line = estate.ledger[key]
    assert (line["state"], line["rows_loaded"], line["first_charge_day"].day) == ("loaded", rows, 1)
    assert estate.totals(key, totals) == {name: Decimal(total) for name, total in totals.items()}


@pytest.mark.parametrize(("key", "rows", "totals"), AMBIGUOUS, ids=[row[0] for row in AMBIGUOUS])
def test_a_profile_of_ones_own_tells_which_number_is_the_month(
    american: Estate, key: str, rows: int, totals: dict[str, str]
) -> None:
    line = american.ledger[key]
    assert (line["state"], line["profile"], line["rows_loaded"]) == ("loaded", "american_focus", rows)
    assert line["first_charge_day"].day == 1
    assert american.totals(key, totals) == {name: Decimal(total) for name, total in totals.items()}


def test_malformed_files_that_are_no_bills_are_all_quarantined(estate: Estate) -> None:
    lines = [line for key, line in estate.ledger.items() if key.startswith("torture/")]
    assert len(lines) > 40
    assert {line["state"] for line in lines} == {"quarantined"}
    assert all(line["reason"].startswith("Line 1: No profile fits the header") for line in lines)


def test_a_line_that_ends_at_thirty_oclock_is_rejected_alone(estate: Estate) -> None:
    rejected = [row for row in estate.house.view("quarantined_rows", estate.bucket) if "purchase" in row["scope"]]
    told = [(row["column_name"], row["raw_value"][10:]) for row in rejected]
    assert told == [("charge_period_end", "T30:00:00Z")] * 2


def test_digits_beyond_the_18th_are_counted(estate: Estate) -> None:
    rounded = {key: line["values_rounded"] for key, line in estate.ledger.items() if line["values_rounded"]}
    assert rounded == {f"{TOOLKIT}/powershell/Tests/assets/EA_AmortizedCost_Small.csv": 3}


def test_the_five_files_of_one_month_bill_what_the_published_journal_books(estate: Estate) -> None:
    loads = [line["load_id"] for key, line in estate.ledger.items() if key.startswith("openchargeback/")]
    sql = "SELECT sum(billed_cost), count(*) FROM charges WHERE load_id IN (SELECT unnest(?))"
    assert estate.house.lake.rows(sql, [loads]) == [(Decimal("20227.00"), 59)]
