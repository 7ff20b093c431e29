"""Why a header has the profile that it has, and what a profile says, in words."""

from typing import Any

import pytest

from billstream.consumer.profiles import Profile, ProfileRegistry, Source
from billstream.consumer.profiles.model import Match, Values
from billstream.consumer.trial.fitting import Fit, fits_of, lacks
from billstream.consumer.trial.words import conditions, manner, origin

HEADER = ("day", "cost", "note")


def profile(name: str, match: dict[str, Any] | None = None, depth: int = 0, **columns: Any) -> Profile:  # noqa: ANN401
    told = {"charge_period_start": {"from": ["day"], "required": True}, **columns}
    match = match or {"needs": ["charge_period_start"]}
    return Profile.model_validate({"name": name, "title": name, "match": match, "columns": told, "depth": depth})


def refusing(name: str) -> Profile:
    match = {"one_of": [["day"]]}
    return Profile.model_validate({"name": name, "title": name, "match": match, "refuse": "it is no list of charges"})


def found(own: list[Profile], built_in: list[Profile], key: str = "") -> dict[str, Fit]:
    return {fit.profile: fit for fit in fits_of(ProfileRegistry(own, built_in), HEADER, key)}


def test_the_profile_that_is_taken_says_how_much_of_the_header_it_uses() -> None:
    fit = found([], [profile("a", billed_cost=["cost"])])["a"]
    assert fit.taken
    assert fit.why == "built in; 2 of 3 header columns are used; there is a source for charge_period_start"


@pytest.mark.parametrize(
    ("own", "built_in", "why"),
    [
        ([profile("taken")], [profile("other", billed_cost=["cost"])], "built in, and taken is a profile of your own"),
        ([], [refusing("taken"), profile("other")], "taken refuses such files: they are not charges"),
        (
            [],
            [profile("taken", {"one_of": [["day"]], "keys": ["*.csv"]}), profile("other", billed_cost=["cost"])],
            "taken also asks for a key such as this one",
        ),
        (
            [],
            [profile("taken", billed_cost=["cost"]), profile("other")],
            "taken uses more header columns (2, this one 1)",
        ),
        ([], [profile("taken", depth=1), profile("other")], "taken extends more profiles"),
        ([], [profile("taken"), profile("z")], "both fit equally well, and taken is first by name"),
    ],
    ids=["own", "refusing", "key", "more", "deeper", "name"],
)
def test_a_profile_that_fits_as_well_says_why_it_is_not_taken(
    own: list[Profile], built_in: list[Profile], why: str
) -> None:
    fits = found(own, built_in, "bills/march.csv")
    assert [fit.profile for fit in fits.values() if fit.taken] == ["taken"]
    [other] = [fit for fit in fits.values() if not fit.taken]
    assert other.fits
    assert why in other.why


@pytest.mark.parametrize(
    ("match", "columns", "reason"),
    [
        ({"needs": ["list_cost"]}, {"list_cost": ["rate", "list"]}, "no source for list_cost (from rate or list)"),
        ({"one_of": [["x", "y"], ["day", "z"]]}, {}, "the header has no 'z'"),
        ({"one_of": [["x"], ["y"], ["z", "w"]]}, {}, "the header has no 'x' or 'y'"),
        ({"one_of": [["a"], ["b"], ["c"], ["d"]]}, {}, "the header has no 'a' or 'b' or 'c' or …"),
        ({"one_of": [["day"]], "none": ["Note"]}, {}, "it is not for headers with 'Note'"),
        ({"one_of": [["day"]], "keys": ["*/cur/*"]}, {}, "the key 'bills/march.csv' is not like '*/cur/*'"),
        (
            {"needs": ["list_cost"]},
            {"list_cost": {"product": ["cost", "rate"]}},
            "a part only of what it computes with",
        ),
    ],
    ids=["needs", "one_of", "two", "four", "none", "keys", "product"],
)
def test_a_profile_that_does_not_fit_says_what_it_lacks(
    match: dict[str, Any], columns: dict[str, Any], reason: str
) -> None:
    lacking = lacks(profile("p", match, **columns), HEADER, "bills/march.csv")
    assert len(lacking) == 1
    assert reason in lacking[0]


def test_a_profile_that_fits_lacks_nothing() -> None:
    assert lacks(profile("p", {"one_of": [["day"]], "keys": ["bills/*"]}), HEADER, "bills/march.csv") == []


def test_of_those_that_do_not_fit_the_nearest_and_all_of_ones_own_are_named() -> None:
    far = {f"far{n}": profile(f"far{n}", {"needs": ["list_cost"]}, list_cost=["rate"]) for n in range(9)}
    near = profile("near", {"needs": ["list_cost"]}, list_cost=["rate"], billed_cost=["cost"])
    stranger = Profile.model_validate(
        {
            "name": "mine",
            "title": "mine",
            "match": {"needs": ["charge_period_start"]},
            "columns": {"charge_period_start": {"from": ["when"], "required": True}},
        }
    )
    fits = list(found([stranger], [*far.values(), near]))
    assert fits[:2] == ["mine", "near"]
    assert len(fits) == 4


# -- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"from": ["a", "b"], "required": True}, "a or b; required"),
        ({"constant": "Credits"}, "always 'Credits'"),
        ({"from": ["a"], "default": "x"}, "a; 'x' where it is empty"),
        ({"first": ["a", ["b", "c"]]}, "the first of a, b or c that has a value"),
        ({"sum": ["a", {"from": ["b"], "negative": True}]}, "a + (-b)"),
        ({"sum": [{"from": ["credits"], "amounts": "amount"}]}, "the 'amount' in credits"),
        ({"product": ["a", "b"]}, "a times b"),
        ({"by": "t", "cases": {"Tax": ["a"], "Fee": []}, "otherwise": ["b"]}, "by t: 'Tax': a; 'Fee': 0; any other: b"),
        ({"from": ["a"], "map": {"x": "Usage"}, "otherwise": "Tax"}, "a; 'x' as 'Usage', any other as 'Tax'"),
        ({"from": ["a"], "prefixed": ["tag:"]}, "a; each column that begins with 'tag:' is one tag"),
        ({"prefixed": ["tag:"]}, "each column that begins with 'tag:' is one tag"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_source_is_told_in_words(source: dict[str, Any], words: str) -> None:
    assert origin(Source.model_validate(source)) == words


def test_conditions_and_manner_leave_out_what_is_not_asked_for() -> None:
    assert list(conditions(Match())) == []
    match = Match(needs=("billed_cost",), one_of=(("a", "b"), ("c",)), none=("d",), keys=("*.csv",))
    assert list(conditions(match)) == [
        "the header has a source for billed_cost",
        "the header has 'a' and 'b', or 'c'",
        "the header has no 'd'",
        "the key is like '*.csv'",
    ]
    assert list(manner(Values())) == [
        "times as iso; in UTC where they name no offset",
        "numbers with '.' before the decimals",
        "no value: the empty cell",
    ]
    told = " / ".join(
        manner(Values(nulls=("-",), symbols=("$",), thousands=",", footers=("Total",), bracketed_names=True))
    )
    assert "grouped by ',', with '$'" in told
    assert "the empty cell, '-'" in told
    assert "begins with 'Total'" in told
    assert "Kosten (Cost)" in told
