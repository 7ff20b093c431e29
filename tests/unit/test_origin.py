"""The own name of a file's export, and the profile that name and manifest choose where two kinds have one header."""

import duckdb
import pytest

from billstream.common.errors import Poison
from billstream.common.lake.migrations import apply_migrations
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.model import Match, Profile
from billstream.consumer.profiles.names import Header
from billstream.consumer.profiles.origin import Origin

HEADER = ("SubscriptionId", "Date", "MeterCategory", "MeterId", "ChargeType", "CostInBillingCurrency")
DAYS = "20260901-20260930"


@pytest.fixture(scope="module")
def built_in() -> ProfileRegistry:
    with duckdb.connect() as con:
        apply_migrations(con, 0)
        types = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE charges)").fetchall())
    return ProfileRegistry.load(None, columns=types)


@pytest.mark.parametrize(
    ("key", "export", "file"),
    [
        ("a/b/c.csv", "b", "c.csv"),
        ("c.csv", "", "c.csv"),
        ("a/b/year=2026/month=09/c.csv", "b", "c.csv"),
        (f"a/b/{DAYS}/202609130500/8a1b2c3d-1111-2222-3333-444444444444/c.csv", "b", "c.csv"),
        ("a/b/2026-09-13T05:00:00Z//c.csv", "b", "c.csv"),
        ("2026/09/c.csv", "", "c.csv"),
        ("", "", ""),
    ],
)
def test_the_own_name_is_that_of_the_nearest_folder_that_is_no_division(key: str, export: str, file: str) -> None:
    assert (Origin.of(key).export, Origin.of(key).file) == (export, file)


@pytest.mark.parametrize(
    ("key", "profile"),
    [
        ("actual-and-amortised/actual/part.csv", "azure_actual"),
        ("amortised/actual/part.csv", "azure_actual"),
        (f"amortized/daily/{DAYS}/daily_8a1b2c3d.csv", "azure_actual"),
        ("exports/daily/part.csv", "azure_actual"),
        ("part.csv", "azure_actual"),
        ("actual/amortized/part.csv", "azure_amortized"),
        ("exports/AmortizedCost/2026/09/part.csv", "azure_amortized"),
        (f"exports/daily/{DAYS}/daily-amortised.csv", "azure_amortized"),
        ("exports/actual-and-amortised/part.csv", None),
        ("exports/actual/amortised.csv", None),
        ("exports/amortised/EA_ActualCost.csv", None),
    ],
)
def test_the_own_name_tells_amortised_azure_costs_from_actual_ones(
    built_in: ProfileRegistry, key: str, profile: str | None
) -> None:
    if profile:
        assert built_in.bind(HEADER, key).profile.name == profile
        return
    with pytest.raises(Poison, match=r'(?s)says both.*extends = "azure_actual".*match\.keys = \["[a-z-]+"\].*reload'):
        built_in.bind(HEADER, key)


@pytest.mark.parametrize(
    ("dataset", "profile"),
    [
        ("ActualCost", "azure_actual"),
        ("actualcost", "azure_actual"),
        ("Usage", "azure_actual"),
        ("AmortizedCost", "azure_amortized"),
        (None, None),
        ("PriceSheet", "an export of other data, not a list of charges"),
        ("ReservationDetails", "an export of other data, not a list of charges"),
        ("Surprise", r"No profile fits .* The manifest tells the dataset 'Surprise', version '2'\."),
    ],
)
@pytest.mark.parametrize("export", ["daily", "amortised", "actual", "actual-and-amortised"])
def test_the_manifest_decides_whatever_the_name_says(
    built_in: ProfileRegistry, export: str, dataset: str | None, profile: str | None
) -> None:
    origin = Origin.of(f"x/{export}/part.csv", export, dataset, "2")
    if profile is None:
        return
    if profile.startswith("azure"):
        assert built_in.bind(HEADER, origin).profile.name == profile
    else:
        with pytest.raises(Poison, match=profile):
            built_in.bind(HEADER, origin)


@pytest.mark.parametrize(
    ("datasets", "keys", "origin", "fits"),
    [
        (("FocusCost 1.0*",), (), Origin(dataset="FocusCost", data_version="1.0r2"), True),
        (("FocusCost 1.0*",), (), Origin(dataset="FocusCost", data_version="1.2"), False),
        (("FocusCost",), (), Origin(dataset="focuscost", data_version="1.2"), True),
        (("FocusCost",), (), Origin(), False),
        (("FocusCost", ""), (), Origin(), True),
        (("FocusCost",), ("*f*",), Origin.of("f/x.csv"), True),
        (("FocusCost",), ("*f*",), Origin.of("f/x.csv", dataset="Usage"), False),
        ((), ("*f*",), Origin.of("f/x.csv", dataset="Usage"), True),
        ((), ("a/*",), Origin.of("a/b/c/x.csv"), True),
        ((), ("*a*",), Origin.of("a/b/c/x.csv"), False),
    ],
)
def test_datasets_and_keys_are_conditions_on_the_origin(
    datasets: tuple[str, ...], keys: tuple[str, ...], origin: Origin, *, fits: bool
) -> None:
    assert Match(one_of=(("a",),), datasets=datasets, keys=keys).fits(Header(("a",)), origin) is fits


def test_no_built_in_profile_looks_at_a_folder_above_the_export(built_in: ProfileRegistry) -> None:
    assert [pattern for profile in built_in.profiles for pattern in profile.match.keys if "/" in pattern] == []


def test_the_name_in_a_reason_is_a_pattern_that_fits_it_alone() -> None:
    for name in ("plain", "a*b", "a[1]", "q?", 'say "x"'):
        told = Origin.of("k", name).filled_in("{export}")
        pattern = told.removeprefix('"').removesuffix('"').replace('\\"', '"')
        assert Origin.of("k", name).is_like([pattern])
        assert not Origin.of("k", f"{name}b").is_like([pattern])


TABLE = {"where": {"charge_category": "Usage"}, "not_zero": "billed_cost", "reason": "no"}
PROFILE = {
    "name": "p",
    "title": "p",
    "match": {"needs": ["billed_cost"]},
    "columns": {"billed_cost": "cost", "charge_category": "kind"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"where": {}},
        {"where": {"region_id": "x"}},
        {"where": {"charge_category' OR 'a": "x"}},
        {"not_zero": "charge_category"},
        {"not_zero": "list_cost"},
        {"reason": ""},
        {"sql": "true"},
    ],
)
def test_a_contradiction_is_about_columns_that_the_profile_fills(change: dict[str, object]) -> None:
    assert Profile.model_validate(PROFILE | {"contradictions": [TABLE]}).contradictions
    with pytest.raises(ValueError, match="contradictions"):
        Profile.model_validate(PROFILE | {"contradictions": [TABLE | change]})
