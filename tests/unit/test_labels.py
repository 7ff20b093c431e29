"""Texts that call a record a sum, in many languages, and names that only sound like one."""

from collections.abc import Iterator

import duckdb
import pytest

from billstream.consumer.decode.labels import HINT, IN_JSON, LABEL, NAMED, NAMED_BEFORE

LABELS = [
    "Total", "total", " TOTAL: ", "** Total **", "= Total", "Totals", "Subtotal", "sub-total", "Sub Total",
    "Grand total",
    "Grand Total (USD):", "Total USD", "Total ($)", "Total costs", "Total costs($)", "Total amount due",
    "Overall total",
    "Service total", "Invoice total", "InvoiceTotal", "Total for all services", "Total: 120.00", "Total 2026-09", "Sum",
    "SUM:", "Sum of all", "Total excl. VAT", "Monthly Total", "Total charges", "Summe", "Zwischensumme", "Gesamt",
    "Gesamtsumme", "Gesamtbetrag EUR", "Total général", "Sous-total", "Total TTC", "Total HT", "Montant total", "Somme",
    "Totale", "Subtotale", "Totale generale", "Total geral", "Suma", "Suma total", "Importe total", "Soma", "Totaal",
    "Subtotaal", "Totalt", "Summa", "Delsumma", "Razem", "Łącznie", "Celkem", "Összesen", "Toplam", "Ara toplam",
    "Итого",
    "合计", "总计:", "小计", "費用合計", "合計", "小計", "합계", "총계",
]  # fmt: skip
NAMED_AFTER = [
    "Total for Example Inc.",
    "Subtotal: Compute",
    "Total - Storage",
    "Summe für Rechner",
    "Sous-total pour X",
]
NAMED_FIRST = ["Example Inc. subtotal", "Compute Engine total", "Storage - Total", "某某公司合计"]
NAMES = [
    "Total Defense", "TotalEnergies", "Total Wine & More", "Sumo Logic", "SumUp", "Sum Up Ltd.", "Summit", "Summary",
    "Summer school", "Gesamtschule Nord", "Totally Tools", "Subtotal Software Inc.", "Total Security 360", "Total War",
    "Total API calls", "resume", "i", "Toto", "Somalia", "Consumption", "total of 3 hours used", "Somme River Data", "",
    "-", "Total usage metered", "Some", "Assumed role", "123.45", "Support",
]  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def matching(con: duckdb.DuckDBPyConnection, texts: list[str], pattern: str) -> list[str]:
    sql = "SELECT text FROM (SELECT unnest(?::VARCHAR[]) AS text) WHERE regexp_full_match(text, ?)"
    return [text for (text,) in con.execute(sql, [texts, pattern]).fetchall()]


@pytest.mark.parametrize(
    ("pattern", "texts"), [(LABEL, LABELS), (NAMED, NAMED_AFTER), (NAMED_BEFORE, NAMED_FIRST), (HINT, LABELS)]
)
def test_a_text_that_calls_its_record_a_sum_is_known(
    con: duckdb.DuckDBPyConnection, pattern: str, texts: list[str]
) -> None:
    assert sorted(matching(con, texts, pattern)) == sorted(texts)


@pytest.mark.parametrize("pattern", [LABEL, NAMED, NAMED_BEFORE])
def test_a_name_is_no_label(con: duckdb.DuckDBPyConnection, pattern: str) -> None:
    assert [text for text in matching(con, NAMES, pattern) if text != "total of 3 hours used"] == []


def test_what_is_a_label_is_one_of_the_whole_cell(con: duckdb.DuckDBPyConnection) -> None:
    assert matching(con, [*NAMED_AFTER, *NAMED_FIRST], LABEL) == []


def test_the_quick_looks_miss_no_label(con: duckdb.DuckDBPyConnection) -> None:
    every = [*LABELS, *NAMED_AFTER, *NAMED_FIRST]
    assert sorted(matching(con, every, HINT)) == sorted(every)
    objects = [f'{{"a":"b","kind":"{text}","z":"1"}}' for text in every]
    assert sorted(matching(con, objects, IN_JSON)) == sorted(objects)
    assert matching(con, ['{"total":"1","note":"a total of 3","sum":"x"}'], IN_JSON) == []
