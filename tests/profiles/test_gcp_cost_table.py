"""Google Cloud: the cost table of an invoice, with lines about the invoice above, rounding and total below."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, money, same, subset

HEADER = ["Billing account name", "Billing account ID", "Project name", "Project ID", "Project hierarchy",
          "Service description", "Service ID", "SKU description", "SKU ID", "Consumption model description",
          "Credit type", "Cost type", "Usage start date", "Usage end date", "Usage amount", "Usage unit",
          "Unrounded Cost", "Cost"]  # fmt: skip
UNTOLD = {"Project hierarchy", "Service ID", "Cost"}
LAST = datetime(2026, 9, 30, tzinfo=UTC)


def charge(choose: Random) -> Charge:
    kind = choose.choice(["Usage", "Usage", "Credit", "Tax"])
    model = {"commitment_discount_name": "Compute Flexible CUD - 1 Year"} if choose.random() < 0.3 else {}
    quantity = Decimal() if kind == "Credit" else money(choose, decimals=3)
    return {
        "charge_period_start": datetime(2026, choose.choice([8, 9]), choose.randint(1, 28), tzinfo=UTC),
        "charge_period_end": LAST,
        "provider_name": "Google Cloud",
        "billing_account_id": "AAAAAA-BBBBBB-CCCCCC",
        "billing_account_name": "Toy, Ltd",
        "sub_account_id": choose.choice(["toy-web", "toy-db"]),
        "sub_account_name": "Toy “web”",
        "invoice_id": "5550001111",
        "charge_category": kind,
        "charge_description": "Toy core",
        "consumed_quantity": quantity,
        "consumed_unit": "hour",
        "service_name": choose.choice(["Compute Engine", "Cloud SQL"]),
        "sku_id": choose.choice(["K-1", "K-2"]),
        "billed_cost": money(choose) * (-1 if kind == "Credit" else 1),
        **model,
    }


def written(charge: Charge, choose: Random) -> dict[str, object]:
    credit = charge["charge_category"] == "Credit"
    return {
        "Billing account name": charge["billing_account_name"],
        "Billing account ID": charge["billing_account_id"],
        "Project name": charge["sub_account_name"],
        "Project ID": charge["sub_account_id"],
        "Service description": charge["service_name"],
        "SKU description": charge["charge_description"],
        "SKU ID": charge["sku_id"],
        "Consumption model description": charge.get("commitment_discount_name", "Default"),
        "Credit type": choose.choice(["Promotion", "Free tier", "Sustained usage discount"]) if credit else "",
        "Cost type": "Usage" if credit else charge["charge_category"],
        "Usage start date": f"{charge['charge_period_start']:%Y-%m-%d}",
        "Usage end date": f"{charge['charge_period_end']:%Y-%m-%d}",
        "Usage amount": "1,234.5" if credit else f"{charge['consumed_quantity']:,}",
        "Usage unit": charge["consumed_unit"],
        "Unrounded Cost": f"{charge['billed_cost']:,}",
        "Cost": f"{charge['billed_cost']:.2f}",
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    sign, currency = choose.choice([("$", "USD"), ("€", "EUR"), ("₹", "INR"), ("GBP", "GBP")])
    known = [{**charge(choose), "billing_currency": currency} for _ in range(9)]
    known[0]["charge_period_start"] = datetime(2026, 9, 29, tzinfo=UTC)  # the latest of the file
    names = subset(choose, HEADER, {*HEADER} - UNTOLD)
    lines = [[written(one, choose).get(name) for name in names] for one in known]
    total = sum(one["billed_cost"] for one in known)
    rounding = {
        "charge_period_start": datetime(2026, 9, 29, tzinfo=UTC),
        "provider_name": "Google Cloud",
        "billing_account_id": "AAAAAA-BBBBBB-CCCCCC",
        "invoice_id": "5550001111",
        "charge_category": "Adjustment",
        "billing_currency": currency,
        "billed_cost": round(total, 2) - total,
    }
    below = [
        {"Cost type": "Rounding error", "Unrounded Cost": rounding["billed_cost"]},
        {"Cost type": "Total", "Unrounded Cost": f"{round(total, 2):,}"},
    ]
    preamble = [
        ["Invoice number", "5550001111", ""], ["Invoice date", "2026-09-30", ""],
        ["Billing account ID", "AAAAAA-BBBBBB-CCCCCC", ""], ["Currency", currency, ""],
        ["Currency exchange rate", "1", ""],
        ["Total amount due", f"{sign}{round(total, 2):,}", ""],
    ]  # fmt: skip
    lines += [[line.get(name) for name in names] for line in below]
    header = [f"{name} ({sign})" if "Cost" in name and name != "Cost type" else name for name in names]
    text = csv_text(header, lines, preamble=preamble[: choose.choice([4, 6])])
    same(read(text), "gcp_cost_table", [*known, rounding])


def test_the_currency_is_that_of_the_cost_s_name_where_no_line_above_tells_it(read: Reader) -> None:
    found = read("Project ID,SKU ID,Cost type,Usage start date,Cost (€)\np,s,Usage,2026-09-01,1.00\np,s,Total,,1.00\n")
    assert (found.profile, found.total()) == ("gcp_cost_table", {"EUR": Decimal(1)})


TABLE = "Project ID,SKU ID,Cost type,Usage start date,Unrounded cost ($)"


def test_a_record_without_a_day_has_that_of_the_last_charge_whatever_else_is_wrong(read: Reader) -> None:
    rows = ["p,s,Usage,2026-09-02,1.5", "p,s,Usage,someday,2", "p,s,Usage,99999-01-01,4", ",,Rounding error,,-0.5"]
    rows += [f"p,s,Usage,2026-08-{number:02},1" for number in range(1, 29)]
    found = read("\n".join([TABLE, *rows, ",,Total,,29"]) + "\n")
    assert (found.load.rows_loaded, found.load.rows_rejected) == (30, 2)
    assert {row.raw_value for row in found.load.rejected} == {"someday", "99999-01-01"}
    [rounding] = [one for one in found.charges if one["billed_cost"] == Decimal("-0.5")]
    assert rounding["charge_period_start"] == datetime(2026, 9, 2, tzinfo=UTC)


def test_where_no_record_has_a_day_none_is_loaded(read: Reader) -> None:
    found = read(f"{TABLE}\np,s,Usage,,1.5\n,,Rounding error,,-0.5\n")
    assert (found.load.rows_loaded, found.load.rows_rejected) == (0, 2)
