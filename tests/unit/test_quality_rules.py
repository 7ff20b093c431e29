"""Rules of quality: what each built-in one takes and refuses, and which files are rules at all."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billstream.common.errors import Misconfigured
from billstream.consumer.quality import About, Quality, Rule, Severity, read_rules
from billstream.consumer.quality.rule import MOST_RULES

COST, TIME = "DECIMAL(38,18)", "TIMESTAMP WITH TIME ZONE"
COLUMNS = {
    "charge_period_start": TIME,
    "charge_period_end": TIME,
    "billing_period_start": TIME,
    "billing_period_end": TIME,
    "charge_category": "VARCHAR",
    "charge_class": "VARCHAR",
    "billing_currency": "VARCHAR",
    "billed_cost": COST,
    "effective_cost": COST,
    "list_cost": COST,
    "consumed_quantity": COST,
    "consumed_unit": "VARCHAR",
    "service_name": "VARCHAR",
    "commitment_discount_id": "VARCHAR",
    "commitment_discount_status": "VARCHAR",
}
SOUND = {
    "charge_period_start": "2026-03-01T00:00:00Z",
    "charge_period_end": "2026-03-01T01:00:00Z",
    "billing_period_start": "2026-03-01T00:00:00Z",
    "billing_period_end": "2026-04-01T00:00:00Z",
    "charge_category": "Usage",
    "charge_class": None,
    "billing_currency": "EUR",
    "billed_cost": "1.000000000000000001",
    "effective_cost": "0.9",
    "list_cost": "1.2",
    "consumed_quantity": "3",
    "consumed_unit": "Hours",
    "service_name": "Compute",
    "commitment_discount_id": "sp-1",
    "commitment_discount_status": "Used",
}
Values = Mapping[str, str | None]
PURCHASE: Values = {"charge_category": "Purchase", "commitment_discount_status": None, "effective_cost": "0"}
CREDIT: Values = {"charge_category": "Credit", "billed_cost": "-1", "commitment_discount_id": None}
# Rule → changes of a sound row that break it, and changes that do not.
CASES: dict[str, tuple[list[Values], list[Values]]] = {
    "billed_cost_is_there": ([{"billed_cost": None}], [{"billed_cost": "0"}, {"billed_cost": "-3"}]),
    "currency_is_known": (
        [{"billing_currency": text} for text in ("usd", "US", "USDX", "Credits", "€", "")],
        [{"billing_currency": text} for text in ("USD", "AED", "ZWG", "XXX", None)],
    ),
    "charge_category_is_known": (
        [{"charge_category": "usage"}, {"charge_category": "Refund"}],
        [*({"charge_category": text} for text in ("Tax", "Adjustment", None)), PURCHASE, CREDIT],
    ),
    "charge_period_goes_forward": (
        [{"charge_period_end": "2026-03-01T00:00:00Z"}, {"charge_period_end": "2026-02-28T23:59:59Z"}],
        [{"charge_period_end": None}, {"charge_period_end": "2026-03-01T00:00:00.000001Z"}],
    ),
    "billing_period_goes_forward": (
        [{"billing_period_end": "2026-03-01T00:00:00Z"}],
        [{"billing_period_end": None}],
    ),
    "usage_is_within_its_billing_period": (
        [{"charge_period_start": "2026-04-01T00:00:00Z"}, {"charge_period_start": "2026-02-28T23:00:00Z"}],
        [
            {"charge_period_start": "2026-02-01T00:00:00Z", "charge_class": "Correction"},
            {"charge_period_start": "2026-02-01T00:00:00Z", "charge_category": "Tax"},
            {"billing_period_start": None},
            {"charge_period_start": "2026-03-31T23:00:00Z"},
        ],
    ),
    "credit_lowers_the_bill": (
        [{**CREDIT, "billed_cost": "0.01"}],
        [CREDIT, {**CREDIT, "billed_cost": "0"}, {**CREDIT, "billed_cost": "1", "charge_class": "Correction"}],
    ),
    "usage_costs_at_most_its_list_price": (
        [{"effective_cost": "1.200000000000000001"}],
        [{"effective_cost": "1.2"}, {"list_cost": "0", "effective_cost": "1"}, {"list_cost": None}, PURCHASE],
    ),
    "usage_has_a_service": ([{"service_name": None}], [{**PURCHASE, "service_name": None}]),
    "quantity_has_a_unit": ([{"consumed_unit": None}], [{"consumed_unit": None, "consumed_quantity": None}]),
    "commitment_has_a_status": (
        [{"commitment_discount_status": None}],
        [PURCHASE, {"commitment_discount_status": None, "commitment_discount_id": None}],
    ),
    "commitment_purchase_is_spread": ([{**PURCHASE, "effective_cost": "12"}], [PURCHASE]),
}


@pytest.fixture(scope="module")
def builtin() -> dict[str, Rule]:
    return {rule.name: rule for rule in read_rules(None, COLUMNS)}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE TABLE charges ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        yield con


def breaks(con: duckdb.DuckDBPyConnection, rule: Rule, changes: Values) -> bool:
    con.execute("DELETE FROM charges")
    row: dict[str, Any] = {**SOUND, **changes}
    con.execute(f"INSERT INTO charges VALUES ({', '.join('?' for _ in COLUMNS)})", [row[name] for name in COLUMNS])
    return con.execute(f"SELECT count_if({rule.broken}) FROM charges").fetchall() == [(1,)]


def test_every_built_in_rule_has_cases(builtin: dict[str, Rule]) -> None:
    assert {name for name, rule in builtin.items() if rule.about is About.ROWS} == CASES.keys()
    assert builtin.keys() - CASES.keys() == {
        "version_keeps_its_rows",
        "version_keeps_its_cost",
        "part_has_the_rows_of_its_manifest",
    }
    assert all(rule.says.endswith(".") and rule.source for rule in builtin.values())
    errors = {name for name, rule in builtin.items() if rule.severity is Severity.ERROR}
    assert errors == {
        "billed_cost_is_there",
        "charge_period_goes_forward",
        "billing_period_goes_forward",
        "part_has_the_rows_of_its_manifest",
    }


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(
    name: str, builtin: dict[str, Rule], con: duckdb.DuckDBPyConnection
) -> None:
    broken, kept = CASES[name]
    assert not breaks(con, builtin[name], {})
    for changes in broken:
        assert breaks(con, builtin[name], changes), changes
    for changes in kept:
        assert not breaks(con, builtin[name], changes), changes


def rule_file(condition: str, **fields: str | None) -> str:
    given = {"says": "It is.", "severity": "warning", "columns": "billed_cost", "source": "us", **fields}
    return "".join(f"-- {name}: {value}\n" for name, value in given.items() if value) + condition + "\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (rule_file("billed_cost > 1", says=None), "lacks the line `-- says: …`"),
        (rule_file("billed_cost > 1", severity="fatal"), "severity is 'fatal'"),
        (rule_file("rows_loaded > 1", columns="rows_loaded"), "no column 'rows_loaded'"),
        (rule_file("rows_loaded > 1", columns="rows_loaded", about="versions", severity="error"), "is a warning"),
        (rule_file("billed_cost > 1", about="files"), "write one of rows, versions, parts"),
        (rule_file("billed_cost > 1", columns="billed_cost, prize"), "no column 'prize'"),
        (rule_file("list_cost > 1"), "list_cost"),
        (rule_file(""), "cannot be"),
        (rule_file("billed_cost >"), "cannot be"),
        (rule_file("sum(billed_cost) > 1"), "aggregate"),
        (rule_file("billed_cost > (SELECT 1)"), "subquery"),
        (rule_file("row_number() OVER () > 1"), "window"),
        (rule_file("true) FROM read_csv('/etc/passwd') WHERE (true"), "not one condition"),
        (rule_file("true), (false"), "not one condition"),
        (rule_file("true; DROP TABLE charges"), "cannot be"),
        (rule_file("getenv('HOME') = 'x'"), "getenv"),
        (rule_file("'x' || billed_cost"), "gives VARCHAR, and not BOOLEAN"),
        (rule_file("billed_cost > 1" + " " * 20_000), "more than 20,000 characters"),
    ],
)
def test_a_file_that_is_no_rule_is_refused_by_its_name(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "ours.sql").write_text(text)
    with pytest.raises(Misconfigured) as refused:
        read_rules(tmp_path, COLUMNS)
    assert f"The quality rule {tmp_path / 'ours.sql'} cannot be used: " in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", ["Ours", "a-b", "1a", "a" * 64, "a b"])
def test_a_rule_has_a_plain_name(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.sql").write_text(rule_file("billed_cost > 1"))
    with pytest.raises(Misconfigured, match="is no name"):
        read_rules(tmp_path, COLUMNS)


def test_a_folder_adds_rules_and_replaces_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "ours.sql").write_text(rule_file("billed_cost > 1 -- a lot"))
    (tmp_path / "currency_is_known.sql").write_text(rule_file("false", severity="error"))
    (tmp_path / "notes.txt").write_text("no rule")
    found = {rule.name: rule for rule in read_rules(tmp_path, COLUMNS)}
    assert found.keys() > {*CASES, "ours"}
    assert found["currency_is_known"].severity is Severity.ERROR
    assert found["ours"].columns == ("billed_cost",)


def test_a_folder_that_is_none_and_too_many_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is no folder"):
        read_rules(tmp_path / "away", COLUMNS)
    for number in range(MOST_RULES):
        (tmp_path / f"rule_{number}.sql").write_text(rule_file("billed_cost > 1"))
    with pytest.raises(Misconfigured, match="more than 100"):
        read_rules(tmp_path, COLUMNS)


def test_a_rule_that_fails_for_a_value_counts_it_as_sound(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "ours.sql").write_text(rule_file("service_name::INTEGER > 5", columns="service_name"))
    (rule,) = (rule for rule in read_rules(tmp_path, COLUMNS) if rule.name == "ours")
    assert not breaks(con, rule, {"service_name": "Compute"})
    assert breaks(con, rule, {"service_name": "6"})


def test_only_errors_refuse_a_load_and_only_where_they_are_enforced(builtin: dict[str, Rule]) -> None:
    class Load:
        rows_loaded = records = 3
        billed_totals: Mapping[str, Decimal] = {}

        def __init__(self, **failing: int) -> None:
            self.failing: Mapping[str, int] = failing

    loads = {"a": Load(billed_cost_is_there=2, currency_is_known=1), "b": Load(currency_is_known=3), "c": Load()}
    assert Quality(tuple(builtin.values())).refused(loads) == {}
    refused = Quality(tuple(builtin.values()), enforced=True).refused(loads)
    assert refused.keys() == {"a"}
    assert refused["a"].startswith(
        "The file has 3 rows: 2 rows against billed_cost_is_there (A charge has a billed cost.)."
    )
    broken = Quality(tuple(builtin.values())).broken(loads)
    assert {load: {one.rule: one.rows for one in rules} for load, rules in broken.items()} == {
        "a": {"billed_cost_is_there": 2, "currency_is_known": 1},
        "b": {"currency_is_known": 3},
    }
