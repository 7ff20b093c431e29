"""Billing periods and invoice details come and go with their loads as charges do, exactly once, on both catalogs."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from billstream.aggregator.refresh import refresh_once
from billstream.cli import wiring
from billstream.cli.status import read_refresh
from billstream.common.lake import Lake
from billstream.common.lake.datafiles import data_files
from billstream.common.lake.tables import NEVER_NULL
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent
from billstream.consumer.verify import Proof, Repairs, prove, repair
from tests.integration.intake_support import House, again, labels

if TYPE_CHECKING:
    import duckdb

PERIODS = (
    "BillingPeriodStart,BillingPeriodEnd,BillingPeriodStatus,BillingPeriodCreated,BillingPeriodLastUpdated,"
    "InvoiceIssuerName\n"
    "2026-08-01T00:00:00Z,2026-09-01T00:00:00Z,Closed,2026-08-01T00:00:00Z,2026-09-05T00:00:00Z,Acme\n"
    "2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,{status},2026-09-01T00:00:00Z,2026-09-15T00:00:00Z,Acme\n"
)
INVOICES = (
    "InvoiceId,InvoiceDetailId,InvoiceDetailGrain,BilledCost,BillingCurrency,ChargeCategory,InvoiceIssuerName,"
    "InvoiceIssueStatus,PaymentDueDate,x_Note\n"
    'equal,1,"{""ServiceName"":""Compute""}",10.10,USD,Usage,Acme,Issued,2026-09-30T00:00:00Z,\n'
    "equal,2,,2.00,USD,Tax,Acme,Issued,2026-09-30T00:00:00Z,\n"
    "rounded,1,,7.56,USD,Usage,Acme,Issued,,\n"
    "taxed,1,,5.00,USD,Usage,Acme,Issued,,\n"
    "taxed,2,,0.95,USD,Tax,Acme,Issued,,\n"
    "provisional,1,,1.00,EUR,Usage,Acme,Open,,\n"
    "wrong,1,,4.50,USD,Usage,Acme,Issued,,note\n"
    "void,1,,99.00,USD,Usage,Acme,Voided,,\n"
    "elsewhere,1,,3.00,USD,Usage,Acme,Issued,,\n"
)
CHARGES = (
    "ChargePeriodStart,BilledCost,EffectiveCost,BillingCurrency,InvoiceId,ChargeCategory\n"
    "2026-08-02T00:00:00Z,10.10,10,USD,equal,Usage\n"
    "2026-08-02T00:00:00Z,2,2,USD,equal,Tax\n"
    "2026-08-03T00:00:00Z,7.555001,7.5,USD,rounded,Usage\n"
    "2026-08-03T00:00:00Z,5,5,USD,taxed,Usage\n"
    "2026-08-03T00:00:00Z,0.5,0.5,EUR,provisional,Usage\n"
    "2026-08-03T00:00:00Z,4,4,USD,wrong,Usage\n"
    "2026-08-03T00:00:00Z,4,4,USD,void,Usage\n"
    "2026-08-03T00:00:00Z,4,4,USD,,Usage\n"
)


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    settings = Settings(home=tmp_path, catalog=catalog, threads=1)
    with Lake.open(settings, create=True) as lake:
        house = House(lake, settings)
        with house.stack:
            yield house


def values(house: House, table: str, column: str) -> list[Any]:
    return [value for (value,) in house.lake.rows(f"SELECT {column} FROM {table} ORDER BY ALL")]


def proven(house: House) -> Proof:
    return prove(house.lake, wiring.interest(house.settings))


def test_events_about_files_of_other_tables(house: House) -> None:
    """Loaded, delivered again, restated, retracted, and read for another table than before."""
    never = house.lake.rows("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT is_nullable")
    assert set(NEVER_NULL.items()) <= set(never)

    bucket = house.bucket()
    intake = house.intake(bucket)
    first = bucket.put("periods.csv", PERIODS.format(status="Open"))
    events = [first, bucket.put("invoices.csv", INVOICES), bucket.put("charges.csv", CHARGES)]
    assert labels(intake.process(events)) == ["loaded"] * 3
    assert values(house, "billing_periods", "billing_period_status") == ["Closed", "Open"]
    entries = {line["key"]: line for line in house.ledger(bucket)}
    assert {line["table_name"]: line["rows_loaded"] for line in entries.values()} == {
        "billing_periods": 2,
        "invoice_details": 9,
        "charges": 8,
    }
    assert entries["invoices.csv"]["billed_totals"] == {}, "they are the costs of charges once more"
    assert entries["periods.csv"]["first_charge_day"] is None
    assert house.lake.rows("SELECT count(*), sum(billed_cost) FROM invoice_details") == [(9, Decimal("133.11"))]
    assert house.lake.rows("SELECT rescued FROM invoice_details WHERE rescued IS NOT NULL") == [('{"x_Note":"note"}',)]

    aggregated = house.settings.catalog is None  # once is enough, as it takes longer than all the rest
    if aggregated:
        refresh_once(house.lake)
    assert labels(intake.process([again(first)])) == ["duplicate"]
    assert labels(intake.process([bucket.put("periods.csv", PERIODS.format(status="Closed"))])) == ["loaded"]
    assert values(house, "billing_periods", "billing_period_status") == ["Closed", "Closed"]
    behind = read_refresh(house.lake)
    assert (behind.lag_loads if behind else None) == (0 if aggregated else None), "the aggregates contain charges only"

    assert labels(intake.process([bucket.remove("invoices.csv")])) == ["removed"]
    assert values(house, "invoice_details", "invoice_id") == []
    assert labels(intake.process([bucket.put("periods.csv", CHARGES)])) == ["loaded"]
    assert values(house, "billing_periods", "load_id") == []
    assert house.lake.rows("SELECT count(*) FROM charges") == [(16,)]
    assert house.staged_files_left() == set()
    assert proven(house).findings == ()


def deliver(house: House, path: Path) -> None:
    event = ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(path), event_name="load")
    backfill = wiring.operator_backfill(house.settings, house.lake, Stop(), role="test")
    assert [outcome.label for batch in backfill.run([event]) for outcome in batch] == ["loaded"]


def meddle(house: House, sql: str) -> None:
    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute(sql)

    house.lake.commit(write, claims=[], author="test", message="meddle")


def test_the_proof_covers_other_tables_and_compares_invoices(house: House, tmp_path: Path) -> None:
    files = {"periods": PERIODS.format(status="Open"), "invoices": INVOICES, "charges": CHARGES}
    for name, text in files.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        deliver(house, path)
    sound = proven(house)
    assert (sound.findings, sound.unhashed, sound.rows) == ((), 0, 19), "differences of invoices are none of the lake"
    told = sound.invoices
    # Of nine lines, one is of a retracted invoice and one of an invoice without charges here: five invoices are left.
    assert (told.compared, told.matched, told.rounded, told.differing) == (5, 1, 1, 3)
    assert {d.invoice_id: (d.invoiced, d.charged, d.open, d.only_tax) for d in told.differences} == {
        "taxed": (Decimal("5.95"), Decimal(5), False, True),
        "provisional": (Decimal(1), Decimal("0.5"), True, False),
        "wrong": (Decimal("4.5"), Decimal(4), False, False),
    }
    assert "invoice wrong of Acme bills 4.5 USD, its charges (1) add up to 4 USD." in [d.text for d in told.differences]

    (file,) = data_files(house.lake, "billing_periods")
    if house.settings.catalog is None:
        Path(file.path).unlink()
        expected = ["its 2 rows cannot be read", f"the data file {file.path.partition('.')[0]}"]
    else:
        unknown = "SELECT * REPLACE ('unknown' AS load_id) FROM billing_periods LIMIT 1"
        meddle(house, f"INSERT INTO billing_periods {unknown}")
        meddle(house, "DELETE FROM billing_periods WHERE billing_period_status = 'Open'")
        meddle(house, "UPDATE invoice_details SET billed_cost = 1 WHERE invoice_id = 'wrong'")
        expected = [
            "billing_periods holds 1 row of a load that the ledger does not know (unknown)",
            "billing_periods holds 1 row, the ledger says 2",
            "the values of its rows are not those that were loaded",
        ]
    damaged = proven(house).findings
    assert sorted(finding.problem.partition(".")[0] for finding in damaged) == expected
    backfill = wiring.operator_backfill(house.settings, house.lake, Stop(), role="verify")
    repairs = Repairs(house.lake, backfill, "verify@test", lambda _: None)
    assert repair(damaged, repairs, lambda: proven(house).findings) == ()
    assert values(house, "billing_periods", "billing_period_status") == ["Closed", "Open"]
    assert house.lake.rows("SELECT sum(billed_cost) FROM invoice_details") == [(Decimal("133.11"),)]
