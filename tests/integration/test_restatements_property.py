"""Whatever was loaded, restated, removed and rewritten: the differences told are those of the two ends."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.aggregator.restatements.comparison import read_restatements
from billstream.aggregator.restatements.intervals import Interval
from billstream.aggregator.restatements.values import Restatement
from billstream.common.lake import Lake
from tests.integration.aggregator_support import Row, commit_load, new_lake, remove_load

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("AGGREGATOR_EXAMPLES", "8"))
KEYS = ("s3://billing/a.csv", "s3://billing/b'.csv", "s3://billing/c.csv")

few = st.sampled_from
money = few([None, Decimal(0), Decimal(1), Decimal("-2.5"), Decimal("1e-18"), Decimal(10**12)])
rows = st.builds(
    Row,
    charge_period_start=few([datetime(2025, 3, day, 23, tzinfo=UTC) for day in (1, 2)]),
    billing_currency=few([None, "USD", "EUR"]),
    service_name=few([None, "chat", "it's"]),
    sub_account_id=few([None, "prod"]),
    billing_account_id=few([None, "payer"]),
    billed_cost=money,
    effective_cost=money,
    consumed_quantity=money,
    consumed_unit=few([None, "Credits"]),
)

Group = tuple[Any, ...]
Totals = Mapping[tuple[Group, str], Decimal | int]


@dataclass(frozen=True)
class Step:
    action: Literal["load", "remove", "maintain"]
    key: str = KEYS[0]
    rows: list[Row] = field(default_factory=list)


steps = st.one_of(
    st.builds(Step, st.just("load"), few(KEYS), st.lists(rows, max_size=5)),
    st.builds(Step, st.just("load"), few(KEYS), st.lists(rows, max_size=5)),
    st.builds(Step, st.just("remove"), few(KEYS)),
    st.just(Step("maintain")),
)


class History:
    """A lake, and the charges at each of its snapshots."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.in_force: dict[str, tuple[str, list[Row]]] = {}
        self.charges: dict[int, list[Row]] = {lake.snapshot_id(): []}
        self.loads = 0

    def take(self, step: Step) -> None:
        if step.action == "maintain":
            self.lake.rows("CALL ducklake_merge_adjacent_files('lake')")
            self.lake.rows("CALL ducklake_rewrite_data_files('lake', 'charges', delete_threshold => 0)")
            self.lake.rows("CALL ducklake_flush_inlined_data('lake')")
        else:
            self._move(step)
        self.charges[self.lake.snapshot_id()] = [row for _, members in self.in_force.values() for row in members]

    def _move(self, step: Step) -> None:
        held = self.in_force.pop(step.key, None)
        if step.action == "load":
            self.loads += 1
            load_id = f"load-{self.loads}"
            commit_load(self.lake, load_id, step.rows, replaces=held[0] if held else None, scope=step.key)
            self.in_force[step.key] = (load_id, step.rows)
        elif held:
            remove_load(self.lake, held[0], scope=step.key)


def totals(charges: Iterable[Row]) -> Counter[tuple[Group, str]]:
    """Rows and costs by day, currency, service and account."""
    found: Counter[tuple[Group, str]] = Counter()
    for row in charges:
        account = row.sub_account_id if row.sub_account_id is not None else row.billing_account_id
        group = (row.charge_period_start.date(), row.billing_currency, row.service_name, account)
        found[group, "rows"] += 1
        _add(found, group, "billed", row.billed_cost)
        _add(found, group, "effective", row.effective_cost)
        _add(found, group, f"unit {row.consumed_unit or ''}", row.consumed_quantity)
    return found


def told(entries: Iterable[Restatement]) -> Counter[tuple[Group, str]]:
    """The differences, summed over files and kinds."""
    found: Counter[tuple[Group, str]] = Counter()
    for entry in entries:
        group = (entry.day, entry.currency, entry.service, entry.account)
        found[group, "rows"] += entry.rows_after - entry.rows_before
        _add(found, group, "billed", entry.billed_difference)
        _add(found, group, "effective", entry.effective_difference)
        for quantity in entry.quantities:
            _add(found, group, f"unit {quantity.unit}", quantity.difference)
    return found


def differences(before: Counter[tuple[Group, str]], after: Counter[tuple[Group, str]]) -> Totals:
    """What is not zero; rows are left out, as groups with equal sums are not told one by one."""
    keys = before.keys() | after.keys()
    return {key: after[key] - before[key] for key in keys if key[1] != "rows" and after[key] != before[key]}


def _add(to: Counter[tuple[Group, str]], group: Group, measure: str, amount: Decimal | None) -> None:
    to[group, measure] += amount or 0  # type: ignore[assignment]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=1, max_size=9), st.data())
def test_the_differences_are_those_of_the_two_ends(history: list[Step], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, new_lake(Path(folder)) as lake:
        past = History(lake)
        for step in history:
            past.take(step)
        one, other = (data.draw(few(sorted(past.charges))) for _ in range(2))
        interval = Interval(min(one, other), max(one, other))
        before, after = past.charges[interval.after], past.charges[interval.upto]

        everything = read_restatements(lake, interval, most=None, restated_only=False)
        restated = read_restatements(lake, interval, most=None, restated_only=True)

        assert differences(Counter(), told(everything.largest)) == differences(totals(before), totals(after))
        moved = sum(total.rows_after - total.rows_before for total in everything.totals)
        assert moved == len(after) - len(before)
        assert restated.largest == tuple(entry for entry in everything.largest if entry.kind == "restated")
        assert restated.totals == tuple(total for total in everything.totals if total.kind == "restated")
