"""`billstream explain`: what it says to people and to programs, and how it refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.aggregator.refresh import refresh_once
from tests.integration.aggregator_support import Row, commit_load
from tests.integration.operator_support import Commands, commands

DAY = datetime(2026, 10, 1, 12, tzinfo=UTC)
PERIODS = ("--from", "2026-10-01..2026-10-02", "--to", "2026-10-03..2026-10-04")
SERVICE = "[red]db\x1b[0m"


def row(day: int, cost: str, **others: str) -> Row:
    values = {"billing_currency": "USD", "provider_name": "Acme", "sub_account_id": "prod", "service_name": SERVICE}
    return Row(DAY + timedelta(day), billed_cost=Decimal(cost), **{**values, **others})  # type: ignore[arg-type]


@pytest.fixture
def billstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """Two days before and two after: a new resource, a service that costs less, tax and a purchase."""
    rows = [row(day, "10", resource_id="db-1") for day in range(4)]
    rows += [row(day, "40", resource_id="db-7") for day in (2, 3)]
    rows += [row(day, "8.5" if day < 2 else "8", service_name="vm") for day in range(4)]
    rows += [row(3, "500", charge_category="Purchase"), row(2, "3", charge_category="Tax", billing_currency="EUR")]
    with commands(tmp_path, monkeypatch) as made:
        commit_load(made.lake, "a1", rows, scope="s3://billing/\x1b[31ma.csv")
        yield made


def test_people_see_movers_with_causes_and_other_lines_apart(billstream: Commands) -> None:
    said = billstream.run("explain", *PERIODS)
    assert "\x1b" not in said
    assert said.index("EUR") < said.index("USD")
    assert said.index("+80  Acme, prod") < said.index("-1  Acme, prod")
    assert "[red]db [0m rose from 20.00 to 100 USD (+400 %): all of it is resource db-7, new on 3 Oct." in said
    assert "vm fell from 17.00 to 16.00 USD (-6 %)" in said
    assert "Purchase" in said
    assert "SELECT" not in said
    assert "4 charges of s3://billing/\\x1b[31ma.csv" in said


def test_the_sql_that_is_shown_runs_as_it_is(billstream: Commands) -> None:
    said = billstream.run("explain", *PERIODS, "--currency", "USD", "--limit", "1", "--rows")
    assert "1 more; --limit shows them." in said
    query = said[said.index("SELECT") : said.index(";\n")]
    total = billstream.run(
        "sql", f"SELECT sum(amount) AS total, any_value(key) AS key FROM ({query})", "--format", "csv"
    )
    assert total.startswith("total,key\n100.000000000000000000,")


def test_programs_get_exact_amounts(billstream: Commands) -> None:
    found = billstream.json("explain", *PERIODS, "--service", "vm", "--cost", "billed_cost")
    (dollars,) = found["currencies"]
    assert [line["line"] for line in dollars["lines"]] == ["Usage"]
    assert (dollars["usage"]["before"], dollars["usage"]["change"], dollars["mover_count"]) == ("17", "-1", 1)
    assert dollars["movers"][0]["rows"]["count"] == 2
    assert found["after"] == {"first_day": "2026-10-03", "last_day": "2026-10-04", "days": 2}


def test_what_cannot_be_read_is_refused_and_no_charges_are_no_error(billstream: Commands) -> None:
    for before, after, said in (
        ("yesterday", "2026-10-03", "--from 'yesterday' cannot be read"),
        ("2026-10-01", "2026-10-03..2026-10-02", "--to must not end before it begins"),
        ("2026-10-01", "1890-01-01", "--to must have at most 3,660 days between 1900 and 2999"),
        ("0001-01-01..9999-12-31", "2026-10-01", "--from must have at most 3,660 days"),
    ):
        assert said in billstream.run("explain", "--from", before, "--to", after, expect=1)
    said = billstream.run("explain", "--from", "2020-10-01", "--to", "2020-10-03..2020-10-04")
    assert "No charges of these in either period." in said


def test_a_source_that_has_not_completed_the_days_is_named(billstream: Commands) -> None:
    refresh_once(billstream.lake, now=DAY + timedelta(4))
    said = billstream.run("explain", *PERIODS)
    assert "Acme is complete up to 3 Oct 2026: later days may grow, or have not come yet." in said
    found = billstream.json("explain", *PERIODS, "--provider", "Acme", "--currency", "USD")
    assert found["unfinished"] == [{"provider": "Acme", "currency": "USD", "complete_to": "2026-10-03"}]
    assert billstream.json("explain", *PERIODS, "--provider", "Other")["unfinished"] == []
