"""Aggregates as data: rollups that share columns, and what stands between a broken fold and the numbers.

`NEW` are rollups that no release has. Their tables are made here as a migration would make them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from billstream.aggregator import refresh
from billstream.aggregator.fold import changes, groups
from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.rollups import ROLLUPS, Rollup, Rollups
from billstream.aggregator.verify import Difference, verify
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.statements import statement
from tests.integration.aggregator_support import (
    GRAINS,
    NOW,
    Line,
    Row,
    commit_load,
    meddle,
    modelled,
    new_lake,
    remove_load,
    settle,
    stored,
)

REGION_SERVICES = Rollup("region_services", ("region_id", "service_name"))
NEW = (
    REGION_SERVICES,
    Rollup("service_regions", ("service_name", "region_id")),
    Rollup("regions_again", ("region_id",)),
    Rollup("days_again"),
    Rollup("account_costs", ("sub_account_id", "x_user_id", "service_name", "region_id")),
    Rollup("unit_costs", ("consumed_unit",)),
)
ALL = (*ROLLUPS, *NEW)
GRAINS_OF_ALL = {**GRAINS, **{rollup.table: rollup.dimensions for rollup in NEW}}

DAY = datetime(2025, 6, 30, 12, tzinfo=UTC)
CHARGE = Row(
    DAY,
    billing_currency="USD",
    x_user_id="ada",
    service_name="chat",
    x_service_tier="batch",
    resource_type="model",
    region_id="eu-1",
    sub_account_id="prod",
    billed_cost=Decimal(11),
    effective_cost=Decimal(9),
    list_cost=Decimal(13),
    contracted_cost=Decimal(12),
    provider_name="Contoso",
    charge_category="Usage",
    consumed_quantity=Decimal("3.5"),
    consumed_unit="Tokens",
)
BARE = Row(DAY, service_provider_name="Fabrikam", publisher_name="Northwind")
NO_UNITS = "MAP([], [])::MAP(VARCHAR, {})"
ROWS = [
    CHARGE,
    CHARGE,
    replace(CHARGE, region_id=None),
    replace(CHARGE, service_name=None, consumed_unit="Credits"),
    replace(CHARGE, region_id=None, service_name=None, billing_currency=None, billed_cost=None),
    replace(CHARGE, sub_account_id=None, region_id="us-1", consumed_unit=None, list_cost=None),
    BARE,
]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as opened:
        yield opened


def make_tables(lake: Lake, rollups: Sequence[Rollup]) -> None:
    """Make the tables of rollups, empty."""
    for rollup in rollups:
        dimensions = "".join(f"NULL::VARCHAR AS {name}, " for name in rollup.dimensions)
        measures = "* EXCLUDE (charge_day, billing_currency)"
        meddle(
            lake,
            f"CREATE TABLE {rollup.table} AS "
            f"SELECT charge_day, billing_currency, {dimensions}{measures} FROM daily_costs LIMIT 0",
        )


def holds(lake: Lake, rows: Sequence[Row], rollups: Sequence[Rollup] = ALL) -> bool:
    return all(
        stored(lake, rollup.table, GRAINS_OF_ALL) == modelled(rows, rollup.table, GRAINS_OF_ALL) for rollup in rollups
    )


# -- a new rollup ------------------------------------------------------------------------------------------


def test_a_rollup_of_columns_that_others_have_changes_none_of_them(lake: Lake) -> None:
    """Once, the rows of one grouping set were taken for those of another: service_costs had 44.00 instead of 22.00."""
    rollups = (*ROLLUPS, REGION_SERVICES)
    make_tables(lake, [REGION_SERVICES])
    commit_load(lake, "a", [CHARGE, CHARGE])

    refresh_once(lake, rollups=rollups)

    for rollup in rollups:
        assert lake.rows(f"SELECT billed_cost, charge_rows FROM {rollup.table}") == [(Decimal(22), 2)]
    assert verify(lake, rollups=rollups) == []


def test_shared_repeated_and_nullable_dimensions_add_up(lake: Lake) -> None:
    make_tables(lake, NEW)
    commit_load(lake, "a", ROWS)
    assert refresh_once(lake, rollups=ALL).watermark.kind == "rebuild"
    assert holds(lake, ROWS)

    commit_load(lake, "b", ROWS[2:5])
    assert refresh_once(lake, rollups=ALL).watermark.kind == "refresh"
    assert holds(lake, ROWS + ROWS[2:5])

    commit_load(lake, "a2", ROWS[:3], replaces="a")
    refresh_once(lake, rollups=ALL)
    assert holds(lake, ROWS[:3] + ROWS[2:5])

    remove_load(lake, "a2")
    assert refresh_once(lake, rollups=ALL).watermark.kind == "refresh"
    assert holds(lake, ROWS[2:5])
    assert verify(lake, rollups=ALL) == []

    rebuild(lake, rollups=ALL)
    assert holds(lake, ROWS[2:5])
    assert verify(lake, rollups=ALL) == []


def test_the_load_can_be_a_dimension(lake: Lake) -> None:
    by_load = Rollup("load_costs", ("load_id",))
    make_tables(lake, [by_load])
    commit_load(lake, "a", [CHARGE, BARE])
    commit_load(lake, "b", [CHARGE])
    refresh_once(lake, rollups=(*ROLLUPS, by_load))
    found = lake.rows("SELECT load_id, billed_cost FROM load_costs ORDER BY ALL")
    assert found == [("a", Decimal(11)), ("a", None), ("b", Decimal(11))]
    assert verify(lake, rollups=(*ROLLUPS, by_load)) == []


@pytest.mark.parametrize("dimensions", [("region_id", "region_id"), ("charge_day",), ("x_user_id", "billing_currency")])
def test_a_rollup_with_a_column_twice_is_refused(dimensions: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="wrong_costs names a key column twice"):
        Rollup("wrong_costs", dimensions)


def test_every_rollup_has_a_grouping_set_of_its_own_or_the_same_keys() -> None:
    numbers: dict[int, set[frozenset[str]]] = {}
    for rollup in ALL:
        numbers.setdefault(changes.grouping_set_of(rollup, ALL), set()).add(frozenset(rollup.keys))
    assert all(len(keys) == 1 for keys in numbers.values())
    assert changes.loads_grouping_set(ALL) not in numbers


def test_a_table_that_a_migration_added_is_filled_by_the_next_refresh(lake: Lake) -> None:
    commit_load(lake, "a", ROWS)
    refresh_once(lake)
    make_tables(lake, [REGION_SERVICES])
    rollups = (*ROLLUPS, REGION_SERVICES)

    mark = refresh_once(lake, rollups=rollups).watermark

    assert mark.reason == refresh.NEW_TABLE
    assert holds(lake, ROWS, rollups)
    assert not refresh_once(lake, rollups=rollups).changed


def test_a_table_of_others_is_no_reason_to_rebuild(lake: Lake) -> None:
    commit_load(lake, "a", ROWS)
    refresh_once(lake)
    meddle(lake, "CREATE TABLE notes (text VARCHAR)")
    assert not refresh_once(lake).changed
    settle(lake, Line("s3://billing/a.csv", "unchanged"))
    assert not refresh_once(lake).changed


# -- a broken fold -----------------------------------------------------------------------------------------


def swap(right: str, wrong: str) -> Callable[[str], str]:
    """A mistake: `wrong` where the text has `right`."""

    def mistaken(text: str) -> str:
        assert right in text
        return text.replace(right, wrong)

    return mistaken


@dataclass(frozen=True)
class Break:
    """One mistake in one SQL text of the fold; `refused` when the row counts show it."""

    sql: str
    mistake: Callable[[str], str]
    refused: bool = False

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(module: str, name: str, /, **identifiers: str | int) -> str:
            text = statement(module, name, **identifiers)
            return self.mistake(text) if name == self.sql else text

        monkeypatch.setattr(groups, "statement", broken)
        monkeypatch.setattr(changes, "statement", broken)


BREAKS = {
    "a key that is NULL is lost": Break("current_touched", swap("IS NOT DISTINCT FROM", "="), refused=True),
    "deletions are forgotten": Break("changes_feed", lambda text: text.partition("UNION ALL")[0], refused=True),
    "charges are counted wrong": Break(
        "folded", swap("sum(charge_rows)::BIGINT", "count(charge_rows)::BIGINT"), refused=True
    ),
    "charges without a quantity are lost": Break("moved", swap("WHERE", "WHERE unit IS NOT NULL AND"), refused=True),
    "one cost column is summed twice": Break(
        "folded", swap("sum(effective_cost) AS effective_cost", "sum(billed_cost) AS effective_cost")
    ),
    "contracted costs have the wrong sign": Break(
        "delta", swap("THEN contracted_cost ELSE -", "THEN -contracted_cost ELSE ")
    ),
    "quantities are counts": Break(
        "folded", swap("(unit, quantity + 0::DECIMAL(38, 18))", "(unit, quantity_rows::DECIMAL(38, 18))")
    ),
}
EVERY = {rollup.table for rollup in ROLLUPS}


def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be committed, whatever the tables count."""

    def write_folded(con: duckdb.DuckDBPyConnection, folded: groups.Fold, *, loads_known: bool) -> None:
        try:
            groups.write_folded(con, folded, loads_known=loads_known)
        except groups.MiscountedError:
            return

    monkeypatch.setattr(refresh, "write_folded", write_folded)


def play(lake: Lake) -> None:
    """A change in every group of the lake, and a removal."""
    commit_load(lake, "more", [*ROWS, replace(CHARGE, consumed_unit="Credits", consumed_quantity=Decimal(7))])
    remove_load(lake, "gone")


BEFORE = ROWS + ROWS[:2]


@pytest.fixture
def filled(lake: Lake) -> Lake:
    commit_load(lake, "first", ROWS)
    commit_load(lake, "gone", ROWS[:2])
    refresh_once(lake, now=NOW)
    return lake


@pytest.mark.parametrize("name", BREAKS)
def test_verify_names_each_table_that_a_broken_fold_wrote(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    play(filled)
    with monkeypatch.context() as broken:
        BREAKS[name].apply(broken)
        unchecked(broken)
        assert refresh_once(filled).watermark.kind == "refresh"
        # The proof is made while the fold is still broken: it shares nothing with it.
        assert tables_of(verify(filled)) == EVERY
    rebuild(filled)
    assert verify(filled) == []


@pytest.mark.parametrize("name", [name for name, mistake in BREAKS.items() if mistake.refused])
def test_a_refresh_that_counts_wrong_is_not_committed(filled: Lake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    play(filled)
    newest = filled.snapshot_id()
    BREAKS[name].apply(monkeypatch)
    if BREAKS[name].sql in {"current_touched", "changes_feed"}:  # a rebuild runs neither: it heals
        assert refresh_once(filled).watermark.reason == refresh.DIVERGED
        assert verify(filled) == []
        return
    with pytest.raises(Fatal, match="rebuilt aggregates do not count every charge once") as refusal:
        refresh_once(filled)
    assert {table for table in EVERY if f"{table} counts" in str(refusal.value)} == EVERY
    assert filled.snapshot_id() == newest
    assert holds(filled, BEFORE, ROLLUPS)


@pytest.mark.parametrize("table", sorted(EVERY))
def test_a_mask_of_no_grouping_set_is_refused_with_the_name_of_the_table(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """So it was with the first new rollup: its table stayed empty, and nothing said so."""
    play(filled)
    newest = filled.snapshot_id()
    mistake(monkeypatch, table, lambda _: -1)
    with pytest.raises(Fatal, match=rf"once: {table} counts 0 of 15\. Nothing was written"):
        refresh_once(filled)
    assert filled.snapshot_id() == newest
    assert holds(filled, BEFORE, ROLLUPS)
    unchecked(monkeypatch)
    refresh_once(filled)
    assert tables_of(verify(filled)) == {table}


@pytest.mark.parametrize(("table", "other"), [("region_costs", 0), ("service_costs", 3), ("user_costs", 3)])
def test_verify_names_a_table_with_the_mask_of_another(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, table: str, other: int
) -> None:
    """The counts are right then, and only the keys are wrong."""
    mistake(monkeypatch, table, lambda rollups: changes.grouping_set_of(rollups[other], rollups))
    rebuild(filled)
    assert tables_of(verify(filled)) == {table}


def mistake(monkeypatch: pytest.MonkeyPatch, table: str, mask: Callable[[Rollups], int]) -> None:
    """Give one table the wrong grouping set."""

    def mistaken(rollup: Rollup, rollups: Rollups) -> int:
        return mask(rollups) if rollup.table == table else changes.grouping_set_of(rollup, rollups)

    monkeypatch.setattr(groups, "grouping_set_of", mistaken)


def tables_of(differences: Sequence[Difference]) -> set[str]:
    return {difference.table for difference in differences}


def test_a_group_that_a_table_has_twice_is_found(filled: Lake) -> None:
    meddle(filled, "INSERT INTO region_costs SELECT * FROM region_costs WHERE region_id = 'us-1'")
    (found,) = verify(filled)
    assert (found.table, found.key["region_id"], found.recomputed) == ("region_costs", "us-1", None)
    play(filled)
    assert refresh_once(filled).watermark.reason == refresh.DIVERGED
    assert verify(filled) == []


@pytest.mark.parametrize(
    ("meddling", "stored_measures", "recomputed_measures"),
    [
        (
            "consumed_quantity = map_from_entries([('Tokens', 1::DECIMAL(38, 18))])",
            {"consumed_quantity['Tokens']": Decimal(1)},
            {"consumed_quantity['Tokens']": Decimal("3.5")},
        ),
        (
            "consumed_rows = map_from_entries([('Tokens', 9::BIGINT)])",
            {"consumed_rows['Tokens']": 9},
            {"consumed_rows['Tokens']": 1},
        ),
        (
            f"consumed_quantity = {NO_UNITS.format('DECIMAL(38, 18)')}, consumed_rows = {NO_UNITS.format('BIGINT')}",
            {"consumed_quantity['Tokens']": None, "consumed_rows['Tokens']": None},
            {"consumed_quantity['Tokens']": Decimal("3.5"), "consumed_rows['Tokens']": 1},
        ),
    ],
)
def test_a_wrong_quantity_is_named_with_its_unit(
    lake: Lake, meddling: str, stored_measures: dict[str, object], recomputed_measures: dict[str, object]
) -> None:
    commit_load(lake, "a", [CHARGE])
    refresh_once(lake)
    meddle(lake, f"UPDATE user_costs SET {meddling}")
    (found,) = verify(lake)
    assert (found.table, found.stored, found.recomputed) == ("user_costs", stored_measures, recomputed_measures)
