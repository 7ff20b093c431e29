"""Whatever happens in a bucket, and in whatever order it is told, the lake ends with what the bucket holds."""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.lake import Lake
from common.settings import Settings
from consumer.events import ObjectEvent
from consumer.intake import Intake
from consumer.outcome import Result
from tests.fakes.objects import FakeBucket, Sequencer, absent, constant, growing
from tests.integration.intake_support import House, again, bill

EXAMPLES = int(os.environ.get("INTAKE_EXAMPLES", "20"))
KEYS = ("a.csv", "b/ü.csv", "c.csv")
CONTENTS = (
    bill("0.10 USD"),
    bill("0.10 USD", "0.10 USD", "-3 EUR"),
    bill("12345678901234567890.123456789012345678 USD"),
    bill("7 EUR", "x,1,1,USD,misfit"),
    bill(),
)
EMULATORS: dict[str, Sequencer] = {"growing": growing, "constant": constant, "absent": absent}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    chosen = Settings(home=tmp_path_factory.mktemp("lake"), threads=2)
    with Lake.open(chosen, create=True) as lake:
        yield House(lake, chosen)


@dataclass
class World:
    """A bucket, everything it ever told, and a consumer that hears of it late, twice, or in another order."""

    house: House
    bucket: FakeBucket
    told: list[ObjectEvent] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.intake = self.house.intake(self.bucket)

    def deliver(self, numbers: list[int]) -> None:
        """Settle these events as one batch; what is given back comes again at once."""
        waiting = numbers
        while waiting:
            self.attempts.update(waiting)
            batch = [again(self.told[number], self.attempts[number]) for number in waiting]
            outcomes = self.intake.settle(batch)
            pairs = zip(waiting, outcomes, strict=True)
            waiting = [number for number, outcome in pairs if outcome.result is Result.RELEASED]

    def in_force(self) -> dict[str, tuple[dict[str, Decimal], int]]:
        """Key to its totals and its number of rows, from the charges themselves."""
        sql = (
            "SELECT l.key, c.billing_currency, sum(c.billed_cost), count(*) FROM charges c "
            "JOIN ledger l ON l.entry_id = c.load_id WHERE l.bucket = ? GROUP BY ALL"
        )
        found: dict[str, tuple[dict[str, Decimal], int]] = {}
        for key, currency, total, rows in self.house.lake.rows(sql, [self.bucket.name]):
            totals, before = found.get(key, ({}, 0))
            found[key] = ({**totals, currency: total}, before + rows)
        return found

    def expected(self) -> dict[str, tuple[dict[str, Decimal], int]]:
        held = {key: self.bucket.content(key) for key in KEYS}
        truths = {key: truth(content) for key, content in held.items() if content is not None}
        return {key: found for key, found in truths.items() if found[1]}


def truth(content: bytes) -> tuple[dict[str, Decimal], int]:
    totals: dict[str, Decimal] = {}
    rows = 0
    with localcontext(prec=80):
        for record in csv.DictReader(io.StringIO(content.decode())):
            if record["date"] != "x":
                totals[record["currency"]] = totals.get(record["currency"], Decimal(0)) + Decimal(record["cost"])
                rows += 1
    return totals, rows


puts = st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(CONTENTS))
removes = st.tuples(st.just("remove"), st.sampled_from(KEYS), st.none())
told_of = st.tuples(
    st.sampled_from(["deliver", "deliver and lose the reply"]), st.integers(0, 10**6), st.integers(1, 4)
)
histories = st.lists(puts | puts | removes | told_of, min_size=4, max_size=20)


@pytest.mark.slow
@given(
    history=histories,
    emulator=st.sampled_from(sorted(EMULATORS)),
    versioned=st.booleans(),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_history_told_in_any_order_ends_with_what_the_bucket_holds(
    house: House, history: list[tuple[str, object, object]], emulator: str, order: object, *, versioned: bool
) -> None:
    world = World(house, house.bucket(versioned=versioned, sequencer=EMULATORS[emulator]))
    for act, what, more in history:
        if act == "put":
            world.told.append(world.bucket.put(str(what), str(more)))
        elif act == "remove":
            world.told.append(world.bucket.remove(str(what)))
        elif world.told:
            assert isinstance(what, int)
            assert isinstance(more, int)
            chosen = [(what + step * 7) % len(world.told) for step in range(more)]
            for _ in range(2 if "lose" in act else 1):
                world.deliver(chosen)
    everything = list(range(len(world.told)))
    lines = []
    for _ in range(3):
        order.shuffle(everything)  # type: ignore[attr-defined]
        world.deliver(everything)
        assert world.in_force() == world.expected()
        lines.append(len(house.ledger(world.bucket)))
    # Of an object that was overwritten before it was fetched, the ledger knows the version it got instead: the first
    # redelivery of such an event is written down as stale.
    assert emulator != "growing" or lines[1] == lines[2], "a redelivery wrote a line"
    loads = {load["key"]: load["rows_loaded"] for load in house.view("current_loads", world.bucket)}
    assert {key: rows for key, rows in loads.items() if rows} == {
        key: rows for key, (_, rows) in world.expected().items()
    }
    assert house.staged_files_left() == set()
