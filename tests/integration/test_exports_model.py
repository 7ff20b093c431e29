"""Whatever a vendor delivers, and in whatever order it is told, each month is one whole delivery at each commit."""

import os
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.cli.verify.proof import prove
from billstream.consumer.events import ObjectEvent
from tests.fakes.objects import Sequencer, absent, constant, growing
from tests.integration.exports_support import RUNS, VENDORS, Site
from tests.integration.intake_support import House, again

EXAMPLES = int(os.environ.get("EXPORT_EXAMPLES", "10"))
PERIODS = ("2026-02", "2026-03")
EMULATORS: dict[str, Sequencer] = {"growing": growing, "constant": constant, "absent": absent}
SUMS = """
SELECT regexp_extract(l.key, '(2026-?[01][0-9])', 1) AS period, sum(c.billed_cost)
FROM charges c JOIN ledger l ON l.entry_id = c.load_id
WHERE l.bucket = ?
GROUP BY ALL
"""


@dataclass
class Model:
    """What each month comes to: by each delivery that there has been, and by the newest one."""

    deliveries: dict[str, list[Decimal]] = field(default_factory=dict)

    def deliver(self, period: str, costs: dict[str, str]) -> None:
        self.deliveries.setdefault(period, []).append(sum(map(Decimal, costs.values()), Decimal(0)))

    def newest(self) -> dict[str, Decimal]:
        return {period: found[-1] for period, found in self.deliveries.items()}


@dataclass
class World:
    """A vendor, its deliveries, and a consumer that is told of them late, twice, or in another order."""

    site: Site
    model: Model = field(default_factory=Model)
    told: list[ObjectEvent] = field(default_factory=list)
    seen: dict[str, set[Decimal]] = field(default_factory=dict)

    def deliver(self, period: str, costs: dict[str, str]) -> None:
        parts, manifest = self.site.deliver(costs, f"d{len(self.told)}", period)
        self.told += [*parts, manifest]
        self.model.deliver(period, costs)

    def tell(self, events: list[ObjectEvent]) -> None:
        """Settle these events as one batch; what is given back comes again, until it is settled."""
        attempt = 1
        while events:
            outcomes = self.site.intake.process([again(event, attempt) for event in events])
            self.look()
            pairs = zip(events, outcomes, strict=True)
            events = [event for event, outcome in pairs if outcome.later]
            attempt += 1

    def sums(self) -> dict[str, Decimal]:
        rows = self.site.house.lake.rows(SUMS, [self.site.bucket.name])
        return {f"{period[:4]}-{period[-2:]}": total for period, total in rows}

    def look(self) -> None:
        """A reader's view: of each month one delivery that there has been, whole, or none yet."""
        for period, total in self.sums().items():
            assert total in self.model.deliveries[period], "a reader sees what was never delivered"


costs = st.dictionaries(st.sampled_from("123"), st.sampled_from(["1", "20", "300", "0.000000000000000001"]), min_size=1)
deliveries = st.tuples(st.just("deliver"), st.sampled_from(PERIODS), costs)
tellings = st.tuples(st.sampled_from(["tell", "tell twice"]), st.integers(0, 10**6), st.integers(1, 5))


@pytest.mark.slow
@given(
    history=st.lists(deliveries | deliveries | tellings, min_size=2, max_size=10),
    vendor=st.sampled_from(sorted(VENDORS | RUNS)),
    emulator=st.sampled_from(sorted(EMULATORS)),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_history_of_deliveries_ends_with_the_newest_one_of_each_month(
    house: House,
    history: list[tuple[str, Any, Any]],
    vendor: str,
    emulator: str,
    order: Any,  # noqa: ANN401
) -> None:
    world = World(Site(house, (VENDORS | RUNS)[vendor]))
    world.site.bucket.sequencer = EMULATORS[emulator]
    for act, what, more in history:
        if act == "deliver":
            world.deliver(what, more)
        elif world.told:
            chosen = [world.told[(what + step * 7) % len(world.told)] for step in range(more)]
            for _ in range(2 if act == "tell twice" else 1):
                world.tell(list(chosen))
    everything = list(world.told)
    for _ in range(2):
        order.shuffle(everything)
        world.tell(list(everything))
        assert world.sums() == world.model.newest()
        assert {d["billed_totals"]["USD"] for d in world.site.deliveries()} == set(world.model.newest().values())
    assert house.staged_files_left() == set()
    assert prove(house.lake, house.settings).findings == ()
