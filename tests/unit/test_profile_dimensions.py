"""Every built-in profile says of each dimension, and of each column that its vendor documents, what becomes of it."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from billstream.consumer.profiles import Profile
from billstream.consumer.profiles.dimensions import DIMENSIONS, Telling, left_unmapped, telling
from tests.docs.profiles import built_in_profiles

PROFILES = built_in_profiles()
OF_NO_VENDOR = {"plain", "credits"}  # files of anybody: their columns are documented nowhere


def written(profile: Profile) -> dict[str, Any]:
    """The profile's own file, without what it extends."""
    texts = (path.read_text("utf-8") for path in (files("billstream.consumer.profiles") / "builtin").iterdir())
    return next(told for told in map(tomllib.loads, texts) if told["name"] == profile.name)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_each_dimension_is_mapped_or_accounted_for(profile: Profile) -> None:
    unsaid = [column for column in DIMENSIONS if telling(profile, column) is Telling.UNSAID]
    assert unsaid == [], f"map these in {profile.name}.toml, or list them as `not_told` or `only_rescued`"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_each_known_column_of_the_vendor_is_mapped_or_has_a_reason(profile: Profile) -> None:
    assert bool(profile.known) or profile.name in OF_NO_VENDOR
    unnamed = [name for name in left_unmapped(profile) if name not in profile.not_mapped]
    assert unnamed == [], f"map these in {profile.name}.toml, or give a reason in its [not_mapped]"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_nothing_is_said_to_be_missing_that_is_there(profile: Profile) -> None:
    told = written(profile)
    mapped = set(told.get("columns", {}))
    assert mapped & {*told.get("not_told", []), *told.get("only_rescued", [])} == set()
    assert set(told.get("not_mapped", {})) - set(left_unmapped(profile)) == set(), "mapped, or not in `known`"


def test_a_known_column_is_found_in_whatever_part_of_a_source_it_stands() -> None:
    columns = {
        "charge_period_start": {"from": ["Day"], "required": True},
        "billed_cost": {"by": "Kind", "cases": {"a": ["Net"]}, "otherwise": [{"from": ["Fee"], "unless": ["Free"]}]},
        "list_cost": {"product": ["Amount", "Price"]},
        "service_name": {"first": ["Service", "Product"]},
        "effective_cost": {"sum": ["Part", "cost_{currency}"]},
        "tags": {"prefixed": ["tag/"]},
    }
    known = ["day", "Kind", "net", "Fee", "Free", "Amount", "Price", "Service", "Product", "Part", "Cost(EUR)", "tag/a"]
    profile = Profile.model_validate(
        {"name": "p", "title": "p", "match": {"needs": ["billed_cost"]}, "columns": columns,
         "known": [*known, "Other", "tag/", "currency"]}
    )  # fmt: skip
    assert left_unmapped(profile) == ["Other", "tag/", "currency"]
