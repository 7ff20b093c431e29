"""The currency of a file, from a cell, a name of the header, or the lines above it; nobody guesses one."""

from pathlib import Path
from typing import Any

import pytest

from billstream.common.errors import Poison
from billstream.consumer.decode.plain.plaintext import plain_text
from billstream.consumer.decode.tabular import open_tabular
from billstream.consumer.profiles import Binding, Profile, ProfileRegistry, bind
from billstream.consumer.profiles.binding import Cell, Constant
from billstream.consumer.profiles.currencies import currency_of, is_currency
from billstream.consumer.profiles.names import Header

NAMES = ("cost", "cost_{currency}", "{currency}")
CURRENCY = {"from": ["currency"], "preamble": ["Currency", "Billing currency"], "of_name": NAMES}


def profile(**columns: Any) -> Profile:  # noqa: ANN401
    told = {"charge_period_start": {"from": ["day"], "required": True}, "billed_cost": {"from": NAMES}, **columns}
    match = {"needs": ["charge_period_start", "billed_cost"]}
    return Profile.model_validate({"name": "p", "title": "p", "match": match, "columns": told})


def bound(*header: str, **currency: Any) -> Binding:  # noqa: ANN401
    found = bind(profile(billing_currency={**CURRENCY, **currency}), ["day", *header])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "currency"),
    [
        *[(name, "USD") for name in ("cost_usd", "Cost (USD)", "cost USD", "CostUSD", "Cost ($)", "cost_$", "USD")],
        ("Cost (US$)", "USD"),
        *[("Cost (€)", "EUR"), ("cost_eur", "EUR"), ("COST (£)", "GBP"), ("Cost (CA$)", "CAD"), ("Cost (R$)", "BRL")],
        *[("Cost (ALL)", "ALL"), ("cost_try", "TRY"), ("Cost (RMB)", "CNY"), ("cost", None), ("Cost (¥)", None)],
    ],
)  # fmt: skip
def test_the_name_of_a_cost_tells_its_currency(name: str, currency: str | None) -> None:
    binding = bound(name)
    assert binding.positions["billed_cost"] == 1
    assert binding.values.get("billing_currency") == (Constant(currency) if currency else None)


@pytest.mark.parametrize(
    "name", ["cost_max", "cost_all", "COST_TOP", "cost_currency", "costs", "usdcost", "cost_us", "cost per usd"]
)
def test_a_name_without_a_currency_is_no_cost_in_one(name: str) -> None:
    assert Header([name]).position(("cost_{currency}", "{currency}")) is None
    assert bind(profile(), ["day", name]) is None


def test_a_pattern_has_text_on_both_sides_of_the_currency() -> None:
    header = Header(["Total cost USD net", "total cost net", "Total cost (€) net", "Kosten in EUR"])
    assert header.currency(["total_cost_{currency}_net"]) == (0, "USD")
    assert header.rivals(["total_cost_{currency}_net"]) == ("Total cost USD net", "Total cost (€) net")
    assert header.currency(["Kosten in {currency}"]) == (3, "EUR")


def test_the_cell_comes_first_then_the_preamble_then_the_name_then_the_default() -> None:
    binding = bound("cost (usd)", "currency", default="EUR")
    assert (binding.values["billing_currency"], binding.default("billing_currency")) == (Cell(2), "USD")
    assert bound("cost", "currency", default="EUR").default("billing_currency") == "EUR"
    assert bound("cost", default="EUR").values["billing_currency"] == Constant("EUR")
    below = bound("cost ($)", default="EUR").below(["Currency,CAD,,"], ",")
    assert below.values["billing_currency"] == Constant("CAD")
    assert bound("cost", "currency").below(["Currency,CAD"], ",").default("billing_currency") == "CAD"


def test_a_name_tells_the_currency_of_its_own_cost_only() -> None:
    assert "billing_currency" not in bound("cost", "cost_usd", of_name=["cost_{currency}"]).values


@pytest.mark.parametrize(
    ("header", "columns", "reason"),
    [
        (["cost_usd", "cost_eur"], {}, "'cost_usd' and 'cost_eur' are columns of different currencies"),
        (["Cost ($)", "Cost (¥)"], {}, ""),  # the first is named cost, and the first of equal names counts
        (["cost_usd", "list_eur"], {"list_cost": {"from": ["list_{currency}"]}}, "The costs 'cost_usd' and 'list_eur'"),
        (["Cost (¥)"], {"billing_currency": {**CURRENCY, "default": "USD"}}, "has the sign of several currencies"),
    ],
)
def test_names_of_several_currencies_are_a_doubt(header: list[str], columns: dict[str, Any], reason: str) -> None:
    found = bind(profile(**columns), ["day", *header])
    assert found is not None
    assert (found.doubt or "").startswith(reason) or reason in (found.doubt or "")
    assert bool(found.doubt) == bool(reason)
    if reason:
        with pytest.raises(Poison, match="in a wrong currency"):
            ProfileRegistry([profile(**columns)], []).bind(["day", *header])


def test_a_plain_name_comes_before_names_with_a_currency() -> None:
    assert bound("cost_usd", "cost_eur", "cost").positions["billed_cost"] == 3


@pytest.mark.parametrize(
    ("line", "currency"),
    [
        *[(line, "USD") for line in ("Currency,USD,", "Currency: USD", "currency : usd", '"Currency: USD",,,')],
        *[("Currency:,USD", "USD"), (",Currency,,USD", "USD"), ("Currency,US Dollar (USD),", "USD")],
        *[("Billing currency = EUR", "EUR"), ("Currency,€", "EUR"), ("Currency,", None)],
        *[("Currency exchange rate,1,", None), ("USD", None), ("Report: Currency,", None), ('"Currency,USD', None)],
    ],
)  # fmt: skip
def test_a_label_above_the_header_tells_the_currency(tmp_path: Path, line: str, currency: str | None) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(f"A title, with a comma\n\n{line}\nday,cost\n2026-01-01,1\n")
    registry = ProfileRegistry([profile(billing_currency=CURRENCY)], [])
    (tmp_path / "spool").mkdir()
    tabular = open_tabular("l", plain_text(path, tmp_path / "spool"), registry)
    assert tabular.header_binding.values.get("billing_currency") == (Constant(currency) if currency else None)


def test_a_label_of_no_currency_or_of_two_is_a_doubt() -> None:
    for lines in (["Currency,Dollars of some kind"], ["Currency,USD", "Currency,EUR"], ["Currency,¥"]):
        with pytest.raises(Poison, match="not one currency of ISO 4217"):
            bound("cost", default="USD").below(lines, ",")
    with pytest.raises(Poison, match="or not that of the cost's name"):
        bound("cost_usd").below(["Currency,EUR"], ",")


def test_other_texts_stand_beside_their_labels_too() -> None:
    found = bind(profile(invoice_id={"preamble": "Invoice number"}), ["day", "cost"])
    assert found is not None
    assert "invoice_id" not in found.values
    assert found.below(["Invoice number,5550001111,,"], ",").values["invoice_id"] == Constant("5550001111")


def test_currencies_are_those_of_iso_4217() -> None:
    assert is_currency("usd")
    assert not any(map(is_currency, ("MAX", "XXX", "XTS", "XAU", "US", "USDT", "")))
    assert [currency_of(text) for text in ("USD or EUR", "Tax", "EUR - Euro", "US$")] == [None, None, "EUR", "USD"]


@pytest.mark.parametrize("origin", [{"sum": ["a"]}, {"constant": "EUR"}, {"product": ["a", "b"]}])
def test_only_a_cell_has_something_told_in_its_place(origin: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="`preamble` and `of_name` go with"):
        profile(billing_currency={**origin, "preamble": ["Currency"]})
