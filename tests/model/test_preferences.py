"""Whatever is loaded, removed, preferred and undone, and whoever dies, what counts is what the model says.

Three exports of one account write a file for each day. The model: of the exports that have a file in the month, the one
that was preferred last counts on each of its days, and all others on the other days.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.cli.verify.proof import prove
from billstream.common import failpoints
from billstream.common.ids import new_id
from billstream.common.settings import Settings
from billstream.consumer.events import ObjectEvent
from billstream.consumer.exports.deciding import prefer, undo
from billstream.consumer.exports.preferences import OPERATOR, Preference
from tests.fakes.objects import FakeBucket
from tests.integration.intake_support import House
from tests.integration.overlap_support import focus
from tests.model.fleet import Killed, ShakyLake
from tests.model.histories import Point

EXPORTS = ("a", "b", "c")
DAYS = (1, 2)
DEATHS = (Point.COMMIT_ASKED, Point.AFTER_WRITE, Point.BEFORE_COMMIT, Point.AFTER_COMMIT)
WORST = (Point.AFTER_WRITE, Point.AFTER_COMMIT)


@dataclass(frozen=True)
class Act:
    """A file comes or goes, or an export is preferred or not any more.

    `dies` is where the process is killed; it does the same again. `meanwhile` happens just before the commit is made.
    """

    what: str
    export: str = "a"
    day: int = 1
    cost: int = 1
    dies: str | None = None
    meanwhile: "Act | None" = None


def put(export: str, day: int, cost: int, dies: str | None = None, meanwhile: Act | None = None) -> Act:
    return Act("put", export, day, cost, dies, meanwhile)


def remove(export: str, day: int, dies: str | None = None, meanwhile: Act | None = None) -> Act:
    return Act("remove", export, day, 1, dies, meanwhile)


def choose(export: str, dies: str | None = None, meanwhile: Act | None = None) -> Act:
    return Act("prefer", export, 1, 1, dies, meanwhile)


def take_back(dies: str | None = None, meanwhile: Act | None = None) -> Act:
    return Act("undo", "a", 1, 1, dies, meanwhile)


BOTH = (put("a", 1, 10), put("a", 2, 20), put("b", 1, 100))


def drills() -> list[tuple[Act, ...]]:
    """Each act killed at each step, and each with another in the moment before its commit."""
    late = (put("b", 2, 200), remove("a", 1), choose("b"), take_back())
    found: list[tuple[Act, ...]] = [
        (*BOTH, choose("a"), Act(act.what, act.export, act.day, act.cost, dies=death))
        for act in late
        for death in WORST
    ]
    races = [(put("b", 2, 200), choose("b")), (choose("a"), put("b", 2, 200)), (put("a", 2, 21), put("b", 2, 200))]
    races += [(remove("a", 1), put("b", 2, 200)), (take_back(), put("b", 2, 200)), (choose("b"), remove("b", 1))]
    races += [(take_back(), choose("b")), (choose("b"), take_back())]
    cases = [((choose("a"),), race) for race in races] + [((), race) for race in races[:2]]
    for first, (act, other) in cases:
        raced = Act(act.what, act.export, act.day, act.cost, meanwhile=other)
        found.append((*BOTH, *first, raced, put("c", 1, 1000)))
    return found


@dataclass(eq=False)
class Choice:
    """An export that was preferred; `open` until the decision has been committed, or its process has died."""

    export: str
    open: bool = True


@dataclass
class World:
    """One history: a bucket, two consumers, an operator, and the model."""

    house: House
    lakes: list[ShakyLake]
    number: int
    files: dict[tuple[str, int], int] = field(default_factory=dict)
    preferred: list[Choice] = field(default_factory=list)  # the newest last
    bucket: FakeBucket = field(init=False)
    _acts: list[Act] = field(default_factory=list)
    _reached: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bucket = self.house.bucket()
        self.intakes = [
            self.house.intake(self.bucket, lake=lake, name=f"consumer {n}") for n, lake in enumerate(self.lakes)
        ]

    @property
    def account(self) -> str:
        return f"9{self.number}"

    def take(self, act: Act) -> None:
        """Do it, and once more if the process has died in it."""
        depth = len(self._acts)
        self._acts.append(act)
        try:
            event = self._change(act)
            try:
                self._do(act, depth, event)
            except Killed:
                self.intakes[depth] = self.house.intake(self.bucket, lake=self.lakes[depth], name=f"consumer {depth}")
                self._do(act, depth, event)
        finally:
            self._acts.pop()
            self._reached.discard(depth)

    def reach(self, point: str) -> None:
        depth = len(self._acts) - 1
        if depth < 0 or depth in self._reached:
            return
        act = self._acts[depth]
        if act.dies == point:
            self._reached.add(depth)
            raise Killed(point)
        if act.meanwhile and point == Point.COMMIT_ASKED:
            self._reached.add(depth)
            self.take(act.meanwhile)

    def _change(self, act: Act) -> ObjectEvent | None:
        key = f"{act.export}/{act.day}.csv"
        if act.what == "put":
            self.files[act.export, act.day] = act.cost
            return self.bucket.put(key, focus((str(act.cost), act.day), payer=self.account, account=self.account))
        if act.what == "remove":
            self.files.pop((act.export, act.day), None)
            return self.bucket.remove(key)
        return None

    def _do(self, act: Act, depth: int, event: ObjectEvent | None) -> None:
        if event:
            self.intakes[depth].process([event])
        elif act.what == "prefer":
            choice = Choice(act.export)
            self.preferred.append(choice)
            try:
                prefer(self.lakes[depth], self._preference(act.export), author="operator")
            finally:
                choice.open = False
        else:
            ours = (
                f"SELECT preference_id FROM export_preferences WHERE undone_at IS NULL AND account = '{self.account}'"
            )
            # What is decided while the undo is on its way is not undone by it.
            undone = [choice for choice in self.preferred if not choice.open]
            undo(self.lakes[depth], [row[0] for row in self.lakes[depth].rows(ours)], author="operator")
            self.preferred = [choice for choice in self.preferred if choice not in undone]

    def _preference(self, export: str) -> Preference:
        return Preference(
            preference_id=new_id(),
            source=OPERATOR,
            priority=0,
            preferred=(f"s3://{self.bucket.name}/{export}/#focus",),
            account=self.account,
            decided_at=datetime.now(UTC),
            decided_by="operator",
        )

    def expected(self) -> Decimal:
        """What counts, by the model."""
        there = {export for export, _ in self.files}
        best = next((choice.export for choice in reversed(self.preferred) if choice.export in there), None)
        return Decimal(
            sum(
                cost
                for (export, day), cost in self.files.items()
                if best in {None, export} or (best, day) not in self.files
            )
        )

    def check(self) -> None:
        counts, rows = self.lakes[0].rows(
            "SELECT coalesce((SELECT sum(billed_cost) FROM charges WHERE billing_account_id = $1), 0), "
            "(SELECT count(*) FROM charges WHERE billing_account_id = $1) "
            "+ (SELECT count(*) FROM set_aside_charges WHERE billing_account_id = $1)",
            [self.account],
        )[0]
        assert (counts, rows) == (self.expected(), len(self.files)), (self.files, self.preferred)


@dataclass
class Estate:
    """The lake that all histories share."""

    house: House
    lakes: list[ShakyLake]
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    world: World | None = None

    def reach(self, point: str) -> None:
        if self.world:
            self.world.reach(point)

    def play(self, acts: tuple[Act, ...]) -> None:
        self.world = world = World(self.house, self.lakes, next(self.numbers))
        for act in acts:
            world.take(act)
        world.check()
        self.world = None

    def check_whole(self) -> None:
        lake = self.lakes[0]
        for compute in (refresh_once, rebuild):
            compute(lake)
            assert prove(lake, self.house.settings).findings == ()
        assert lake.rows("SELECT sum(billed_cost) FROM daily_costs") == lake.rows(
            "SELECT sum(billed_cost) FROM charges"
        )


@pytest.fixture
def estate(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    catalog = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    chosen = Settings(home=tmp_path, catalog=catalog, threads=1, log_level="error")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    first = ShakyLake.open(chosen, create=True)
    house = House(first, chosen)
    with house.stack:
        lakes = [house.stack.enter_context(lake) for lake in (first, ShakyLake.open(chosen))]
        made = Estate(house, lakes)
        for lake in lakes:
            lake.reach = made.reach
        monkeypatch.setattr(failpoints, "_pass", made.reach)
        yield made


@pytest.mark.parametrize("estate", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)
def test_every_death_and_every_race_ends_with_what_the_model_says(
    estate: Estate, request: pytest.FixtureRequest
) -> None:
    chosen = drills() if "sqlite" in request.node.name else drills()[-8:]
    for acts in chosen:
        estate.play(acts)
    estate.check_whole()


_exports, _days, _costs = st.sampled_from(EXPORTS), st.sampled_from(DAYS), st.integers(1, 9)
_deaths = st.none() | st.sampled_from(DEATHS)


def _acts(meanwhile: st.SearchStrategy[Act | None]) -> st.SearchStrategy[Act]:
    kinds = st.sampled_from(("put", "put", "put", "remove", "prefer", "undo"))
    return st.builds(Act, kinds, _exports, _days, _costs, _deaths, meanwhile)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("estate", ["sqlite"], indirect=True)
def test_any_history_ends_with_what_the_model_says(estate: Estate) -> None:
    @settings(max_examples=60, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
    @given(acts=st.lists(_acts(st.none() | _acts(st.none())), min_size=2, max_size=6).map(tuple))
    def play(acts: tuple[Act, ...]) -> None:
        estate.play(acts)

    play()
    estate.check_whole()
