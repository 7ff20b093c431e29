"""Which column of a file feeds which column of `charges`."""

import itertools
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Fatal, Poison
from common.lake.migrations import migrations
from consumer.profiles import Binding, Profile, ProfileRegistry
from consumer.profiles.model import normalised

FOCUS_1_0 = {
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId",
    "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId",
    "SubAccountName", "Tags",
}  # fmt: skip
FOCUS_1_1_AND_1_2 = {
    "BillingAccountType", "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "ServiceSubcategory", "SkuMeter",
    "SkuPriceDetails", "SubAccountType",
}  # fmt: skip
WITHOUT_A_COLUMN = {"BillingAccountType", "SkuPriceDetails", "SubAccountType"}  # kept in `rescued`


@pytest.fixture(scope="module")
def charges() -> list[str]:
    """The columns of the table."""
    with duckdb.connect() as con:
        con.execute(migrations()[0].sql)
        return [name for (name,) in con.execute("SELECT column_name FROM (DESCRIBE charges)").fetchall()]


@pytest.fixture
def built_in(charges: list[str]) -> ProfileRegistry:
    return ProfileRegistry.load(None, columns=charges)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def profile(name: str = "p", needs: tuple[str, ...] = ("charge_period_start",), **columns: Any) -> Profile:  # noqa: ANN401
    mapping = {"charge_period_start": {"from": ["day"], "required": True}, **columns}
    return Profile.model_validate(
        {"name": name, "title": name, "match": {"needs": needs}, "columns": {k: v for k, v in mapping.items() if v}}
    )


def bind(chosen: Profile, *header: str) -> dict[str, str]:
    """Which header name feeds each column."""
    binding = chosen.bind(header)
    assert binding is not None
    return named(binding)


def named(binding: Binding) -> dict[str, str]:
    return {column: binding.header[position] for column, position in binding.positions.items()}


# -- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "UsageDate",
        "usage_date",
        "Usage Date",
        " usage-date ",
        "USAGE.DATE",
        "usage/date",
        "\uff55\uff53\uff41\uff47\uff45 date",
    ],
)
def test_names_compare_without_case_spaces_and_punctuation(spelling: str) -> None:
    assert normalised(spelling) == "usagedate"


@pytest.mark.parametrize(
    ("one", "other"), [("金額", "日付"), ("Größe", "Grobe"), ("cost", "coste"), ("a1", "a2"), ("", "金額"), ("#", "%")]
)
def test_names_that_differ_stay_different(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_no_name_with_a_letter_or_digit_is_empty(name: str) -> None:
    assert normalised(name)
    assert normalised(name) == normalised(f" {name}_ ")


# -- binding -----------------------------------------------------------------------------------------------


def test_a_column_takes_the_first_of_its_names_that_is_there() -> None:
    chosen = profile(billed_cost={"from": ["cost", "amount", "price"]})
    assert bind(chosen, "price", "amount", "Day") == {"charge_period_start": "Day", "billed_cost": "amount"}


def test_of_equal_header_names_the_first_is_taken_and_the_rest_are_rescued() -> None:
    binding = profile(billed_cost={"from": ["cost"]}).bind(["day", "cost", "Cost", "COST"])
    assert binding is not None
    assert binding.positions == {"charge_period_start": 0, "billed_cost": 1}
    assert binding.rescued == (2, 3)


def test_a_header_name_is_used_once_by_the_first_column_that_asks() -> None:
    chosen = profile(billed_cost={"from": ["cost"]}, effective_cost={"from": ["cost"]})
    assert bind(chosen, "day", "cost") == {"charge_period_start": "day", "billed_cost": "cost"}


def test_names_of_other_scripts_feed_their_own_columns() -> None:
    chosen = profile(charge_period_start={"from": ["日付"], "required": True}, billed_cost={"from": ["金額"]})
    header = ("", "備考", "金額", "日付")
    assert bind(chosen, *header) == {"charge_period_start": "日付", "billed_cost": "金額"}


def test_a_profile_that_misses_what_it_needs_does_not_fit() -> None:
    chosen = profile(needs=("charge_period_start", "billed_cost"), billed_cost={"from": ["cost"]})
    assert chosen.bind(["day", "amount"]) is None
    assert chosen.bind([]) is None
    assert chosen.bind(["day", "cost"]) is not None


def test_a_constant_needs_no_header_name() -> None:
    chosen = profile(consumed_unit={"constant": "Credits"})
    assert bind(chosen, "day", "Credits") == {"charge_period_start": "day"}


# -- choosing ----------------------------------------------------------------------------------------------


def test_the_profile_that_knows_most_of_the_header_is_chosen() -> None:
    small, large = profile("a_small"), profile("z_large", billed_cost={"from": ["cost"]})
    for order in itertools.permutations([small, large]):
        assert ProfileRegistry([], order).bind(["day", "cost"]).profile.name == "z_large"
        assert ProfileRegistry([], order).bind(["day"]).profile.name == "a_small"


def test_of_equal_profiles_the_first_by_name_is_chosen_in_whatever_order_they_were_read() -> None:
    candidates = [profile(name) for name in "cab"]
    assert {ProfileRegistry([], order).bind(["day"]).profile.name for order in itertools.permutations(candidates)} == {
        "a"
    }


def test_a_profile_of_the_users_own_comes_before_a_built_in_one_that_knows_more() -> None:
    mine, theirs = profile("mine"), profile("theirs", billed_cost={"from": ["cost"]})
    assert ProfileRegistry([mine], [theirs]).bind(["day", "cost"]).profile.name == "mine"
    needy = profile("mine", needs=("service_name",), service_name={"from": ["service"]})
    assert ProfileRegistry([needy], [theirs]).bind(["day", "cost"]).profile.name == "theirs"


def test_a_header_that_nobody_knows_is_poison_and_says_which_header(built_in: ProfileRegistry) -> None:
    with pytest.raises(Poison, match=r"No profile \(credits, focus\) fits the header: 'a', 'b'\. Add one"):
        built_in.bind(["a", "b"])


def test_a_long_header_is_not_repeated_in_full(built_in: ProfileRegistry) -> None:
    with pytest.raises(Poison) as poison:
        built_in.bind([f"{number}" * 500 for number in range(1000)])
    assert "and 988 more" in str(poison.value)
    assert len(str(poison.value)) < 1200


# -- what is built in --------------------------------------------------------------------------------------


def test_built_in_profiles_are_valid_and_their_names_are_their_files(built_in: ProfileRegistry) -> None:
    assert built_in.names == ("credits", "focus")


def test_every_focus_column_is_mapped_to_its_own_name_or_known_to_be_rescued(
    built_in: ProfileRegistry, charges: list[str]
) -> None:
    header = sorted(FOCUS_1_0 | FOCUS_1_1_AND_1_2)
    binding = built_in.bind(header)
    assert binding.profile.name == "focus"
    assert named(binding) == {snake(name): name for name in header if name not in WITHOUT_A_COLUMN}
    assert {binding.header[position] for position in binding.rescued} == WITHOUT_A_COLUMN
    ours = {"load_id", "rescued"} | {column for column in charges if column.startswith("x_")}
    assert set(binding.positions) == set(charges) - ours


def test_a_file_of_focus_1_0_alone_is_focus(built_in: ProfileRegistry) -> None:
    assert len(built_in.bind(sorted(FOCUS_1_0)).positions) == len(FOCUS_1_0)


def test_a_usage_export_with_credits_is_read(built_in: ProfileRegistry) -> None:
    binding = built_in.bind(["Date", "User Email", "Credits", "Service", "Service Tier", "Region", "Note"])
    assert binding.profile.name == "credits"
    assert named(binding) == {
        "charge_period_start": "Date",
        "x_user_id": "User Email",
        "service_name": "Service",
        "x_service_tier": "Service Tier",
        "region_id": "Region",
        "consumed_quantity": "Credits",
    }


# -- profiles of the user's own ----------------------------------------------------------------------------

VALID = """
name = "mine"
title = "my own"
[match]
needs = ["charge_period_start"]
[columns]
charge_period_start = { from = ["when"], required = true }
billed_cost = { from = ["price"] }
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_folder_of_profiles_is_read(tmp_path: Path, charges: list[str]) -> None:
    write(tmp_path, VALID)
    write(tmp_path, "not a profile", "README.md")
    (tmp_path / "folder.toml").mkdir()
    registry = ProfileRegistry.load(tmp_path, columns=charges)
    assert registry.names == ("mine", "credits", "focus")
    assert named(registry.bind(["When", "Price"])) == {"charge_period_start": "When", "billed_cost": "Price"}


def test_a_folder_that_is_none_is_named(tmp_path: Path, charges: list[str]) -> None:
    with pytest.raises(Fatal, match=r"BILLSTREAM_PROFILES_DIR is .*nowhere, which is not a folder"):
        ProfileRegistry.load(tmp_path / "nowhere", columns=charges)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "is not valid TOML"),
        (VALID.replace('name = "mine"', ""), "is not valid at name: Field required"),
        (VALID.replace('"mine"', '"Mine!"'), "is not valid at name: String should match"),
        (VALID.replace('needs = ["charge_period_start"]', "needs = []"), "is not valid at match.needs"),
        (VALID.replace("[match]", "[match]\nneed = 1"), "is not valid at match.need: Extra inputs"),
        (VALID.replace('["price"]', '"price"'), "is not valid at columns.billed_cost.from"),
        (VALID.replace('from = ["price"]', "form = 1"), "is not valid at columns.billed_cost"),
        (VALID.replace('{ from = ["price"] }', "{}"), "is not valid at columns.billed_cost: .*`from` or `constant`"),
        (VALID.replace('["price"] }', '["price"], constant = "1" }'), "`from` or `constant`"),
        (VALID.replace('["charge_period_start"]', '["billed_cots"]'), "does not map: billed_cots"),
        (VALID.replace("billed_cost =", "billed_cots ="), "`charges` does not have: billed_cots"),
        (VALID.replace("billed_cost =", "load_id ="), "`charges` does not have: load_id"),
        (VALID.replace("billed_cost =", "rescued ="), "`charges` does not have: rescued"),
        (VALID.replace(", required = true", ""), "must map charge_period_start with `required = true`"),
        (
            VALID.replace('"charge_period_start"', '"billed_cost"').replace(
                'charge_period_start = { from = ["when"], required = true }', ""
            ),
            "must map charge_period_start",
        ),
    ],
)
def test_a_profile_that_is_not_valid_is_named_with_the_place(
    tmp_path: Path, charges: list[str], text: str, complaint: str
) -> None:
    assert text != VALID
    with pytest.raises(Fatal, match=rf"(?s)The profile {re.escape(str(tmp_path / 'mine.toml'))} .*{complaint}"):
        ProfileRegistry.load(write(tmp_path, text), columns=charges)


def test_a_profile_that_is_no_utf8_is_named(tmp_path: Path, charges: list[str]) -> None:
    (tmp_path / "mine.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(Fatal, match=r"mine\.toml is not valid TOML"):
        ProfileRegistry.load(tmp_path, columns=charges)
