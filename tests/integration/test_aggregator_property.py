"""Whatever comes, goes and is replaced: refresh equals rebuild equals plain Python, to the last decimal."""

import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.verify import verify
from billstream.common.lake import Lake
from billstream.common.tag_keys import TagKeys
from tests.integration.aggregator_support import GRAINS, NOW, Row, commit_load, modelled, new_lake, remove_load, stored

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("AGGREGATOR_EXAMPLES", "8"))
LOADS = ("load-1", "load-2", "load-3")

TAG_KEYS = {
    "": {},
    "team": {"team": ["team"]},
    "team=cost-centre,team,env": {"team": ["cost-centre", "team"], "env": ["env"]},
    "o:key=ärger,Team=TEAM": {"o:key": ["ärger"], "Team": ["TEAM"]},
}

few = st.sampled_from
money = st.none() | st.decimals(-(10**12), 10**12, places=18) | few([Decimal(0), Decimal("1e-18"), Decimal(-1)])
moments = st.builds(
    lambda day, hour, offset: datetime(2025, 3, day, hour, tzinfo=timezone(timedelta(hours=offset))),
    st.integers(1, 3),
    st.integers(0, 23),
    few([-8, 0, 9]),
)
rows = st.builds(
    Row,
    charge_period_start=moments,
    billing_currency=few([None, "USD", "EUR"]),
    x_user_id=few([None, "", "ada"]),
    service_name=few([None, "chat"]),
    x_service_tier=few([None, "batch"]),
    resource_type=few([None, "model"]),
    region_id=few([None, "eu-1"]),
    billed_cost=money,
    effective_cost=money,
    list_cost=money,
    contracted_cost=money,
    provider_name=few([None, "Contoso"]),
    service_provider_name=few([None, "Fabrikam"]),
    charge_category=few([None, "Usage"]),
    commitment_discount_status=few([None, "Unused"]),
    consumed_quantity=money,
    consumed_unit=few([None, "", "Credits", "it's {a=1}"]),
    tags=st.none()
    | st.dictionaries(
        few(["team", "Team", "TEAM", "cost-centre", "ENV", "Ärger", "other"]),
        few(["", "a", "b", "it's \"\\\x01\n{a}%", "é" * 300, "null"]),
        max_size=4,
    ),
)


@dataclass(frozen=True)
class Step:
    action: Literal["load", "remove", "refresh", "tags"]
    load: str = LOADS[0]
    rows: list[Row] = field(default_factory=list)
    tags: str = ""


steps = st.one_of(
    st.builds(Step, st.just("load"), few(LOADS), st.lists(rows, max_size=6)),
    st.builds(Step, st.just("remove"), few(LOADS)),
    st.just(Step("refresh")),
    st.builds(Step, st.just("tags"), tags=few(list(TAG_KEYS))),
)


class History:
    """A lake, and what must be in it: by scope, the load in force and its rows."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.in_force: dict[str, tuple[str, list[Row]]] = {}
        self.loads = 0
        self.tags = ""

    def take(self, step: Step) -> None:
        if step.action == "tags":
            self.tags = step.tags
            return
        if step.action == "refresh":
            refresh_once(self.lake, now=NOW, tag_keys=TagKeys.parse(self.tags))
            self.check()
            return
        held = self.in_force.pop(step.load, None)
        if step.action == "load":
            self.loads += 1
            load_id = f"{step.load}-{self.loads}"
            commit_load(self.lake, load_id, step.rows, replaces=held[0] if held else None)
            self.in_force[step.load] = (load_id, step.rows)
        elif held:
            remove_load(self.lake, held[0])

    def check(self) -> None:
        charges = [row for _, members in self.in_force.values() for row in members]
        for table in GRAINS:
            assert stored(self.lake, table) == modelled(charges, table, keys=TAG_KEYS[self.tags])
        assert verify(self.lake) == []


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=1, max_size=10))
def test_refresh_equals_rebuild_equals_python(history: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder, new_lake(Path(folder)) as lake:
        told = History(lake)
        for step in history:
            told.take(step)
        told.take(Step("refresh"))
        rebuild(lake, now=datetime.now(UTC))
        told.check()
