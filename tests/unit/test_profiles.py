"""Which column of a file feeds which column of `charges`."""

import itertools
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.common.errors import Fatal, Poison
from billstream.common.lake.migrations import apply_migrations
from billstream.consumer import profiles
from billstream.consumer.profiles import Binding, Profile, ProfileRegistry
from billstream.consumer.profiles.model import Match, Operand, Source, Values
from billstream.consumer.profiles.names import normalised

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
FOCUS_1_1 = {
    "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity", "CommitmentDiscountUnit",
    "ServiceSubcategory", "SkuMeter", "SkuPriceDetails",
}  # fmt: skip
FOCUS_1_2 = {
    "BillingAccountType", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "SubAccountType",
}  # fmt: skip
FOCUS_1_3 = {
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags",
    "ContractApplied", "HostProviderName", "ServiceProviderName",
}  # fmt: skip
FOCUS_1_4 = {"CommitmentProgramEligibilityDetails", "InvoiceDetailId"}
REMOVED_IN_1_4 = {"ProviderName", "PublisherName"}
VERSIONS = {
    "focus": FOCUS_1_0,
    "focus_1_1": FOCUS_1_0 | FOCUS_1_1,
    "focus_1_2": FOCUS_1_0 | FOCUS_1_1 | FOCUS_1_2,
    "focus_1_3": FOCUS_1_0 | FOCUS_1_1 | FOCUS_1_2 | FOCUS_1_3,
    "focus_1_4": (FOCUS_1_0 | FOCUS_1_1 | FOCUS_1_2 | FOCUS_1_3 | FOCUS_1_4) - REMOVED_IN_1_4,
}


@pytest.fixture(scope="module")
def charges() -> dict[str, str]:
    """The columns of the table with their types."""
    with duckdb.connect() as con:
        apply_migrations(con, 0)
        return dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE charges)").fetchall())


@pytest.fixture
def built_in(charges: dict[str, str]) -> ProfileRegistry:
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
    binding = profiles.bind(chosen, header)
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
    binding = profiles.bind(profile(billed_cost={"from": ["cost"]}), ["day", "cost", "Cost", "COST"])
    assert binding is not None
    assert binding.positions == {"charge_period_start": 0, "billed_cost": 1}
    assert binding.rescued == (2, 3)


def test_a_header_name_may_feed_two_columns() -> None:
    chosen = profile(billed_cost={"from": ["cost"]}, effective_cost={"from": ["cost"]})
    expected = {"charge_period_start": "day", "billed_cost": "cost", "effective_cost": "cost"}
    assert bind(chosen, "day", "cost") == expected


def test_names_of_other_scripts_feed_their_own_columns() -> None:
    chosen = profile(charge_period_start={"from": ["日付"], "required": True}, billed_cost={"from": ["金額"]})
    header = ("", "備考", "金額", "日付")
    assert bind(chosen, *header) == {"charge_period_start": "日付", "billed_cost": "金額"}


def test_a_profile_that_misses_what_it_needs_does_not_fit() -> None:
    chosen = profile(needs=("charge_period_start", "billed_cost"), billed_cost={"from": ["cost"]})
    assert profiles.bind(chosen, ["day", "amount"]) is None
    assert profiles.bind(chosen, []) is None
    assert profiles.bind(chosen, ["day", "cost"]) is not None


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
    with pytest.raises(
        Poison, match=r"No profile fits the header: 'a', 'b'\. Add a profile to BILLSTREAM_PROFILES_DIR"
    ):
        built_in.bind(["a", "b"])


def test_a_long_header_is_not_repeated_in_full(built_in: ProfileRegistry) -> None:
    with pytest.raises(Poison) as poison:
        built_in.bind([f"{number}" * 500 for number in range(1000)])
    assert "and 988 more" in str(poison.value)
    assert len(str(poison.value)) < 1200


# -- what is built in --------------------------------------------------------------------------------------


def test_built_in_profiles_are_valid_and_their_names_are_their_files(built_in: ProfileRegistry) -> None:
    paths = (files("billstream.consumer.profiles") / "builtin").iterdir()
    assert built_in.names == tuple(sorted(path.name.removesuffix(".toml") for path in paths))
    assert len(built_in.names) > 25


def test_every_built_in_profile_says_where_the_meaning_of_its_columns_comes_from() -> None:
    for path in (files("billstream.consumer.profiles") / "builtin").iterdir():
        comment = path.read_text().partition("\nname = ")[0]
        assert re.search(r"https://|see gcp_gross\.toml|the only source of their meaning", comment), path.name


@pytest.mark.parametrize("version", VERSIONS)
def test_every_focus_column_of_a_version_is_mapped_to_its_own_name(built_in: ProfileRegistry, version: str) -> None:
    header = sorted(VERSIONS[version])
    binding = built_in.bind(header)
    assert binding.profile.name == version
    mapped = {snake(name): name for name in header}
    # 1.4: "This column was replaced with the new ServiceProviderName column."
    successor = {"provider_name": "ServiceProviderName"} if version == "focus_1_4" else {}
    assert named(binding) == {**successor, **mapped}
    assert binding.rescued == ()


def test_all_columns_of_charges_are_those_of_focus_or_ours(charges: dict[str, str]) -> None:
    ours = {"load_id", "rescued"} | {column for column in charges if column.startswith("x_")}
    assert set(charges) - ours == {snake(name) for name in set().union(*VERSIONS.values())}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("absent", [{"RegionId", "RegionName", "Tags", "SubAccountId", "SubAccountName"}, {"ListCost"}])
def test_conditional_columns_may_be_absent(built_in: ProfileRegistry, version: str, absent: set[str]) -> None:
    binding = built_in.bind(sorted(VERSIONS[version] - absent))
    assert binding.profile.name == version
    assert not {snake(name) for name in absent} & set(binding.values)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["ContractCommitmentId", "ContractId", "BillingCurrency", "ContractCommitmentCost"], "Contract Commitment"),
        (["meterId", "unitPrice", "tierMinimumUnits", "currency"], "a list of prices"),
        (["SKU", "OfferTermCode", "RateCode", "PricePerUnit", "Currency"], "a list of prices"),
    ],
)
def test_datasets_that_are_no_charges_are_refused(built_in: ProfileRegistry, header: list[str], expected: str) -> None:
    with pytest.raises(Poison, match=rf"^This is .*{expected}.*, not a list of charges: it "):
        built_in.bind(header)


@pytest.mark.parametrize(
    ("header", "table"),
    [
        (["InvoiceId", "InvoiceDetailId", "BilledCost", "BillingPeriodStart", "InvoiceIssueDate"], "invoice_details"),
        (["BillingPeriodStart", "BillingPeriodEnd", "BillingPeriodStatus"], "billing_periods"),
        (["ChargePeriodStart", "BilledCost", "EffectiveCost", "BillingPeriodStatus", "InvoiceDetailId"], "charges"),
    ],
)
def test_each_dataset_of_focus_has_a_table(built_in: ProfileRegistry, header: list[str], table: str) -> None:
    assert built_in.bind(header).profile.table == table


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [
        ("ChargePeriodStart", r"charge_period_start \(from ChargePeriodStart\)"),
        ("BilledCost", r"billed_cost \(from BilledCost\)"),
        ("EffectiveCost", r"effective_cost \(from EffectiveCost\)"),
    ],
)
def test_a_required_column_that_a_vendor_has_dropped_is_named(
    built_in: ProfileRegistry, missing: str, wanted: str
) -> None:
    with pytest.raises(Poison, match=rf"The nearest, focus, lacks {wanted}\. "):
        built_in.bind(sorted(FOCUS_1_0 - {missing}))


def test_the_key_tells_amortised_azure_costs_from_actual_ones(built_in: ProfileRegistry) -> None:
    header = ["Date", "MeterId", "Cost", "BillingCurrency"]
    for key, name, column in [
        ("exports/ActualCost/part_0.csv", "azure_actual", "billed_cost"),
        ("exports/AMORTIZEDCost/part_0.csv", "azure_amortized", "effective_cost"),
        ("", "azure_actual", "billed_cost"),
    ]:
        binding = built_in.bind(header, key)
        assert (binding.profile.name, named(binding)[column]) == (name, "Cost")
        assert not ({"billed_cost", "effective_cost"} - {column}) & set(binding.values)


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


def test_a_folder_of_profiles_is_read(tmp_path: Path, charges: dict[str, str]) -> None:
    write(tmp_path, VALID)
    write(tmp_path, "not a profile", "README.md")
    (tmp_path / "folder.toml").mkdir()
    registry = ProfileRegistry.load(tmp_path, columns=charges)
    assert registry.names == ("mine", *ProfileRegistry.load(None, columns=charges).names)
    assert named(registry.bind(["When", "Price"])) == {"charge_period_start": "When", "billed_cost": "Price"}


def test_a_folder_that_is_none_is_named(tmp_path: Path, charges: dict[str, str]) -> None:
    with pytest.raises(Fatal, match=r"BILLSTREAM_PROFILES_DIR is .*nowhere, which is not a folder"):
        ProfileRegistry.load(tmp_path / "nowhere", columns=charges)


INVALID = [
    ("name = ", None, "is not valid TOML"),
    (VALID.replace('name = "mine"', ""), None, "at name: Field required"),
    (VALID.replace('"mine"', '"Mine!"'), 2, "at name: String should match"),
    (VALID.replace('needs = ["charge_period_start"]', "needs = []"), 5, "at match.needs: .* names neither `needs`"),
    (VALID.replace("[match]", "[match]\nneed = 1"), 5, "at match.need: Extra inputs"),
    (VALID.replace('["price"]', "7"), 8, "at columns.billed_cost.from: Input should be a valid tuple"),
    (VALID.replace('from = ["price"]', "form = 1"), 8, "at columns.billed_cost"),
    (VALID.replace('{ from = ["price"] }', "{}"), 8, "at columns.billed_cost: .*exactly one of `from`, `first`, `sum`"),
    (VALID.replace('["price"] }', '["price"], constant = "1" }'), 8, "exactly one of `from`, `first`, `sum`"),
    (VALID.replace('["price"] }', '["price"], sum = ["price"] }'), 8, "exactly one of"),
    (VALID.replace('from = ["price"]', 'product = ["price"]'), 8, "`product` takes two cells"),
    (VALID.replace('from = ["price"]', 'by = "kind"'), 8, "`by` and `cases` go together"),
    (VALID.replace('["price"] }', '["price"], map = { a = "b" } }'), 8, "`map` and `never` are about texts, and this"),
    (VALID.replace('["price"] }', '["price"], never = { a = "b" } }'), 8, "`map` and `never` are about texts"),
    (VALID.replace('from = ["price"]', 'sum = ["price"], never = { a = "b" }'), 8, "`never` goes with `from`"),
    (VALID.replace('["price"] }', '["price"], default = "1e-19" }'), 8, "'1e-19' is no value of a DECIMAL"),
    (VALID.replace('from = ["price"]', 'constant = "NaN"'), 8, "'NaN' is no value of a DECIMAL"),
    (VALID.replace('from = ["price"]', 'constant = "100000000000000000000"'), 8, "is no value of a DECIMAL"),
    (VALID.replace("billed_cost = {", "service_name = { otherwise = 'x',"), 8, "`otherwise` is a text with `map`"),
    (VALID.replace('from = ["price"]', 'prefixed = ["price"]'), 8, "`prefixed` makes tags, and this column is a DEC"),
    (VALID + 'service_name = { sum = ["a", "b"] }\n', 9, "make numbers, and this column is a VARCHAR"),
    (VALID + 'service_name = { first = [{ from = ["a"], unless = ["b"] }] }\n', 9, "make numbers, and this column is"),
    (VALID + 'charge_period_end = { constant = "soon" }\n', 9, "'soon' is no value of a TIMESTAMP"),
    (VALID + 'tags = { constant = "{}" }\n', 9, "'{}' is no value of a MAP"),
    (VALID.replace('["charge_period_start"]', '["billed_cots"]'), 5, "does not map: billed_cots"),
    (VALID.replace("billed_cost =", "billed_cots ="), 8, "at columns.billed_cots: `charges` has no such column"),
    (VALID.replace("billed_cost =", "load_id ="), 8, "`charges` has no such column"),
    (VALID.replace("billed_cost =", "rescued ="), 8, "`charges` has no such column"),
    (VALID.replace(", required = true", ""), 7, "at columns.charge_period_start: it must be mapped with `required"),
    (
        VALID.replace('"charge_period_start"', '"billed_cost"').replace(
            'charge_period_start = { from = ["when"], required = true }', ""
        ),
        6,
        "at columns.charge_period_start: it must be mapped",
    ),
    (VALID + '[values]\ntimes = ["%d/%q"]\n', 10, "'%d/%q' is no time format"),
    (VALID + '[values]\ntimes = ["soon"]\n', 10, "'soon' is no time format"),
    (VALID + "[values]\ntimes = []\n", 10, "at values.times"),
    (VALID + '[values]\ntime_zone = "Mars/Olympus"\n', 10, "no time zone of the IANA database"),
    (VALID + '[values]\nsymbols = ["USD"]\n', 9, "`symbols` are currency signs"),
    (VALID + '[values]\nthousands = "."\n', 9, "`thousands` is one of"),
    (VALID + '[values]\ndecimal_point = ";"\n', 10, "at values.decimal_point"),
    ("depth = 7\n" + VALID, 1, "at depth: `depth` is calculated, and no word of a profile"),
    ('extends = "nobody"\n' + VALID, 1, "there is no profile 'nobody' to extend"),
    ('extends = ["focus"]\n' + VALID, 1, "`extends` is the name of one profile"),
    ('extends = "mine"\n' + VALID, 1, "it extends itself, by way of others"),
    (VALID + 'refuse = "no"\n', 9, "columns.refuse"),
    ('table = "ledger"\n' + VALID, 1, "at table: Input should be 'charges', 'billing_periods' or"),
    ('table = "billing_periods"\n' + VALID, 8, "`billing_periods` has no such column"),
    ('refuse = "no"\n' + VALID, None, r"refuses has `match.one_of` or `match.datasets`, and no \[columns\]"),
]  # fmt: skip


PERIODS = {"billing_period_status": "VARCHAR", "invoice_issuer_name": "VARCHAR"} | dict.fromkeys(
    [f"billing_period_{end}" for end in ("start", "end", "created", "last_updated")], "TIMESTAMP WITH TIME ZONE"
)


@pytest.mark.parametrize(("text", "line", "complaint"), INVALID, ids=range(len(INVALID)))
def test_a_profile_that_is_not_valid_is_named_with_the_place(
    tmp_path: Path, charges: dict[str, str], text: str, line: int | None, complaint: str
) -> None:
    assert text != VALID
    with pytest.raises(Fatal) as fatal:
        ProfileRegistry.load(write(tmp_path, text), columns=charges, others={"billing_periods": PERIODS})
    where = f"The profile {tmp_path / 'mine.toml'}" + (f", line {line}" if line else "")
    assert str(fatal.value).startswith(f"{where} is not valid"), fatal.value
    assert re.search(complaint, str(fatal.value), re.DOTALL), fatal.value


def test_a_profile_that_is_no_utf8_is_named(tmp_path: Path, charges: dict[str, str]) -> None:
    (tmp_path / "mine.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(Fatal, match=r"mine\.toml is not valid TOML"):
        ProfileRegistry.load(tmp_path, columns=charges)


# -- profiles that extend others ---------------------------------------------------------------------------


def test_a_profile_says_only_what_is_different_from_the_one_it_extends(tmp_path: Path, charges: dict[str, str]) -> None:
    write(tmp_path, VALID + "[values]\nnulls = ['-']\n")
    child = (
        'name = "child"\ntitle = "t"\nextends = "mine"\n[values]\nsymbols = ["$"]\n[columns]\nservice_name = "what"\n'
    )
    write(tmp_path, child, "child.toml")
    registry = ProfileRegistry.load(tmp_path, columns=charges)
    binding = registry.bind(["when", "price", "what"])
    assert binding.profile.name == "child"
    assert (binding.profile.values.nulls, binding.profile.values.symbols, binding.profile.depth) == (("-",), ("$",), 1)
    assert named(binding) == {"charge_period_start": "when", "billed_cost": "price", "service_name": "what"}
    # What both make the same of goes to the one that was made for it.
    assert registry.bind(["when", "price"]).profile.name == "child"


def test_profiles_that_extend_each_other_are_refused(tmp_path: Path, charges: dict[str, str]) -> None:
    write(tmp_path, 'extends = "b"\n' + VALID.replace("mine", "a"), "a.toml")
    write(tmp_path, 'extends = "a"\n' + VALID.replace("mine", "b"), "b.toml")
    with pytest.raises(Fatal, match=r"a\.toml, line 1 is not valid at extends: it extends itself, by way of others"):
        ProfileRegistry.load(tmp_path, columns=charges)


def test_a_name_that_two_files_have_is_refused(tmp_path: Path, charges: dict[str, str]) -> None:
    write(write(tmp_path, VALID), VALID, "other.toml")
    with pytest.raises(Fatal, match=r"other\.toml, line 2 .* another file of this folder is named 'mine' too"):
        ProfileRegistry.load(tmp_path, columns=charges)


# -- match -------------------------------------------------------------------------------------------------


def matching(name: str = "p", **match: Any) -> Profile:  # noqa: ANN401
    columns = {"charge_period_start": {"from": ["day"], "required": True}}
    return Profile.model_validate({"name": name, "title": name, "match": match, "columns": columns})


def test_one_of_asks_for_one_whole_set_of_names() -> None:
    chosen = matching(needs=("charge_period_start",), one_of=(("a", "b"), ("c",)))
    fitting = [["day", "A", "b"], ["day", "C"], ["day", "a", "b", "c"]]
    assert all(profiles.bind(chosen, header) for header in fitting)
    assert not any(profiles.bind(chosen, header) for header in [["day"], ["day", "a"], ["day", "b"], ["a", "b"]])


def test_none_asks_for_names_that_are_not_there() -> None:
    chosen = matching(needs=("charge_period_start",), none=("x_y",))
    assert profiles.bind(chosen, ["day", "x"]) is not None
    assert profiles.bind(chosen, ["day", "XY"]) is None


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("*amorti*", "a/AmortizedCost/b.csv", True),
        ("*amorti*", "a/actual/b.csv", False),
        ("bills/*.csv", "bills/2026/a.csv", True),
        ("a?c", "abc", True),
        ("[a]", "a", True),
        ("", "a", False),
    ],
)
def test_keys_are_patterns_of_the_objects_key(pattern: str, key: str, *, fits: bool) -> None:
    assert bool(profiles.bind(matching(needs=("charge_period_start",), keys=(pattern,)), ["day"], key)) is fits


def test_a_profile_that_names_the_key_is_preferred_and_remembered_for_that_key_alone() -> None:
    plain, keyed = profile("a_plain", billed_cost={"from": ["cost"]}), matching("z", one_of=(("day",),), keys=("*x*",))
    registry = ProfileRegistry([], [plain, keyed])
    chosen = [registry.bind(["day", "cost"], key).profile.name for key in ("b", "axb", "c", "x")]
    assert chosen == ["a_plain", "z", "a_plain", "z"]


def test_a_localised_header_is_found_by_its_english_name_in_brackets() -> None:
    told = {
        "name": "p",
        "title": "p",
        "match": {"needs": ["charge_period_start"]},
        "columns": {"charge_period_start": {"from": ["Date"], "required": True}, "billed_cost": ["Cost"]},
    }
    chosen = Profile.model_validate({**told, "values": {"bracketed_names": True}})
    assert bind(chosen, "Datum (Date)", "Kosten (Cost)") == {
        "charge_period_start": "Datum (Date)",
        "billed_cost": "Kosten (Cost)",
    }
    # The plain name counts before one in brackets, wherever they stand.
    assert bind(chosen, "Kosten (Cost)", "Cost", "Date")["billed_cost"] == "Cost"
    strict = Profile.model_validate(told)
    assert profiles.bind(strict, ["Datum (Date)", "Cost"]) is None


# -- what is rescued ---------------------------------------------------------------------------------------


def rescued(columns: dict[str, Any], *header: str) -> set[str]:
    binding = profiles.bind(profile(**columns), ["day", *header])
    assert binding is not None
    return {header[position - 1] for position in binding.rescued}


def test_a_cell_that_cannot_be_told_from_the_columns_is_rescued() -> None:
    assert rescued({"billed_cost": {"from": ["a"]}}, "a", "z") == {"z"}
    assert rescued({"billed_cost": {"sum": ["a", "b"]}}, "a", "b") == {"a", "b"}
    assert rescued({"billed_cost": {"sum": ["a", "b"]}, "list_cost": {"from": ["b"]}}, "a", "b") == {"a"}
    assert rescued({"billed_cost": {"product": ["a", "b"]}}, "a", "b") == {"a", "b"}
    assert rescued({"billed_cost": {"by": "k", "cases": {"x": ["a"]}}}, "a", "k") == {"a", "k"}
    assert rescued({"charge_category": {"from": ["a"], "map": {"x": "y"}}}, "a") == {"a"}
    assert rescued({"service_name": {"first": ["a", "b"]}}, "a", "b") == {"a", "b"}
    assert rescued({"tags": {"prefixed": ["t/"]}}, "t/a", "t/b") == set()
    assert rescued({"tags": {"from": ["all"], "prefixed": ["t/"]}}, "all", "t/b") == {"all"}


# -- what is written about them ----------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]


def test_the_documentation_explains_every_built_in_profile(built_in: ProfileRegistry) -> None:
    text = (ROOT / "docs" / "files-and-profiles.md").read_text()
    assert [name for name in built_in.names if f"`{name}`" not in text] == []


def test_the_words_of_the_language_are_all_explained() -> None:
    text = (ROOT / "consumer" / "profiles" / "README.md").read_text()
    words = {"extends", "refuse", "scope", "known", "not_told", "only_rescued", "[not_mapped"} | {
        field.alias or name
        for model in (Match, Values, Source, Operand)
        for name, field in model.model_fields.items()
    }  # fmt: skip
    assert sorted(word for word in words if f"`{word}" not in text) == []


def test_the_example_of_a_profile_is_one(tmp_path: Path, charges: dict[str, str]) -> None:
    text = (ROOT / "consumer" / "profiles" / "README.md").read_text()
    write(tmp_path, text.split("```toml\n", 1)[1].split("```", 1)[0])
    binding = ProfileRegistry.load(tmp_path, columns=charges).bind(["Datum", "Rechnungsnummer", "Netto", "Etikett/a"])
    assert binding.profile.name == "reseller"
    assert set(binding.values) == {
        "charge_period_start", "invoice_id", "billed_cost", "tags",
    }  # fmt: skip
