"""What an event gets, for everything that may be known; and that any order of delivery ends the same."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.common.lake import ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.policies import RemovalPolicy
from billstream.common.settings import Settings
from billstream.consumer.commit.ledger import STATE_OF, EntryBuilder, LedgerEntry
from billstream.consumer.decide.decision import Answer, Order, Verdict, decide, meant, order, same_version
from billstream.consumer.decide.states import ENDED, PROCESSED, State
from billstream.consumer.decide.step import Step
from billstream.consumer.decode import PlainText, Staged, StagedLoad, Tabular
from billstream.consumer.events import GONE, EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS, Prepared

CREATED, REMOVED, EXPIRED = EventKind.CREATED, EventKind.REMOVED, EventKind.EXPIRED
NEWER, OLDER, EQUAL, NONE = "3", "1", "2", None  # sequencers, as compared with that of what is held: "2"


def event(
    kind: EventKind = CREATED,
    *,
    etag: str | None = "a",
    version: str | None = None,
    sequencer: str | None = EQUAL,
    name: str | None = None,
) -> ObjectEvent:
    names = {CREATED: "ObjectCreated:Put", EXPIRED: "LifecycleExpiration:Delete"}
    name = name or names.get(kind, "ObjectRemoved:Delete")
    return ObjectEvent(
        kind=kind, bucket="b", key="k", event_name=name, etag=etag, version_id=version, sequencer=sequencer
    )


def held(
    state: str = "loaded", *, etag: str | None = "a", version: str | None = None, sequencer: str | None = "2"
) -> ProcessedKey:
    return ProcessedKey(
        scope_id="s", entry_id="e", state=state, load_id="l", etag=etag, version_id=version, sequencer=sequencer
    )


def stored(etag: str | None = "a", version: str | None = None) -> ObjectVersion:
    return ObjectVersion(version, etag, 1)


# -- what is created ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequencer", [NEWER, NONE])
def test_the_first_event_of_a_key_is_loaded(sequencer: str | None) -> None:
    assert decide(event(sequencer=sequencer), None) is Verdict.LOAD


@pytest.mark.parametrize("state", sorted(PROCESSED))
def test_an_older_event_of_the_version_that_is_held_is_stale(state: State) -> None:
    assert decide(event(sequencer=OLDER), held(state.value)) is Verdict.STALE


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("etag", ["b", None])
def test_an_older_sequencer_holds_no_other_version_back(state: State, etag: str | None) -> None:
    """Whoever can send to the queue may have made up the sequencer of what is held."""
    late, known = event(sequencer=OLDER, etag=etag), held(state.value)
    assert decide(late, known) is Verdict.ASK
    assert decide(late, known, GONE) is Verdict.STALE
    assert decide(late, known, stored("c")) is Verdict.LOAD
    if etag:
        assert decide(late, known, stored(etag)) is Verdict.LOAD
    assert decide(late, known, stored("a")) is (Verdict.STALE if state in PROCESSED else Verdict.LOAD)


@pytest.mark.parametrize(
    ("state", "etag", "verdict"),
    [
        ("loaded", "a", Verdict.UNCHANGED),
        ("unchanged", "a", Verdict.UNCHANGED),
        ("kept", "a", Verdict.UNCHANGED),
        ("quarantined", "a", Verdict.LOAD),
        ("missing", "a", Verdict.LOAD),
        ("removed", "a", Verdict.LOAD),
        ("loaded", "b", Verdict.LOAD),
        ("removed", "b", Verdict.LOAD),
        ("loaded", None, Verdict.LOAD),
        ("expired", "a", Verdict.ASK),
        ("expired", "b", Verdict.ASK),
    ],
)
def test_a_newer_event_is_loaded_unless_its_content_is_in_force(state: str, etag: str | None, verdict: Verdict) -> None:
    assert decide(event(sequencer=NEWER, etag=etag), held(state)) is verdict


@pytest.mark.parametrize("sequencer", [EQUAL, NONE])
@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("loaded", Verdict.DUPLICATE),
        ("unchanged", Verdict.DUPLICATE),
        ("kept", Verdict.DUPLICATE),
        ("quarantined", Verdict.DUPLICATE),
        ("missing", Verdict.ASK),
        ("removed", Verdict.ASK),
        ("expired", Verdict.ASK),
    ],
)
def test_the_same_version_again_is_a_duplicate_once_it_is_settled(
    state: str, verdict: Verdict, sequencer: str | None
) -> None:
    assert decide(event(sequencer=sequencer), held(state)) is verdict


@pytest.mark.parametrize("sequencer", [EQUAL, NONE])
@pytest.mark.parametrize(
    ("current", "verdict"),
    [
        (None, Verdict.ASK),
        (GONE, Verdict.STALE),
        (stored("b"), Verdict.LOAD),  # the event's own version is current
        (stored("a"), Verdict.STALE),  # what is held is current
        (stored("c"), Verdict.LOAD),  # neither is: what is fetched will be
    ],
)
def test_where_no_order_can_be_told_the_store_decides(current: Answer, verdict: Verdict, sequencer: str | None) -> None:
    assert decide(event(etag="b", sequencer=sequencer), held(etag="a"), current) is verdict


@pytest.mark.parametrize("current", [None, GONE, stored("a")])
def test_an_event_without_identity_is_loaded_and_its_content_decides(current: Answer) -> None:
    assert decide(event(etag=None, sequencer=None), held(etag=None), current) is Verdict.LOAD


def test_what_is_held_may_have_no_sequencer_either() -> None:
    assert decide(event(etag="b", sequencer=NEWER), held(sequencer=None)) is Verdict.ASK


# -- what is removed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequencer", [NEWER, NONE])
def test_the_removal_of_an_unknown_key_leaves_a_tombstone(sequencer: str | None) -> None:
    removal = event(REMOVED, etag=None, sequencer=sequencer)
    assert decide(removal, None) is Verdict.ASK
    assert decide(removal, None, GONE) is Verdict.REMOVE
    assert decide(removal, None, stored()) is Verdict.LOAD, "the removal of what is there"


def test_a_late_create_does_not_pass_a_tombstone_unless_the_object_is_there() -> None:
    late, tombstone = event(sequencer=OLDER), held("removed", etag=None)
    assert decide(late, tombstone) is Verdict.ASK
    assert decide(late, tombstone, GONE) is Verdict.STALE
    assert decide(late, tombstone, stored("a")) is Verdict.LOAD


@pytest.mark.parametrize("state", sorted(set(State) - ENDED))
@pytest.mark.parametrize("sequencer", [NEWER, OLDER, EQUAL, NONE])
def test_a_removal_removes_what_the_store_has_no_more_and_nothing_else(state: State, sequencer: str | None) -> None:
    removal, known = event(REMOVED, etag=None, sequencer=sequencer), held(state.value)
    assert decide(removal, known) is Verdict.ASK
    assert decide(removal, known, GONE) is Verdict.REMOVE
    assert decide(removal, known, stored("a")) is (Verdict.STALE if state in PROCESSED else Verdict.LOAD)
    assert decide(removal, known, stored("b")) is Verdict.LOAD


def test_what_was_removed_already_is_removed_once_more_only_by_newer_news() -> None:
    for state in (State.REMOVED, State.KEPT):
        removal = event(REMOVED, etag=None, sequencer=NEWER)
        assert decide(removal, held(state.value)) is Verdict.ASK
        assert decide(removal, held(state.value), GONE) is Verdict.REMOVE
        assert decide(event(REMOVED, etag=None, sequencer=OLDER), held(state.value)) is Verdict.STALE


def test_a_person_may_have_rows_retracted_whatever_the_store_has() -> None:
    assert decide(replace(event(REMOVED, etag=None), force=True), held()) is Verdict.REMOVE


# -- what a lifecycle rule expires ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(set(State) - ENDED))
@pytest.mark.parametrize("sequencer", [NEWER, OLDER, EQUAL, NONE])
def test_an_expiry_is_recorded_when_the_store_has_nothing(state: State, sequencer: str | None) -> None:
    expiry, known = event(EXPIRED, etag=None, sequencer=sequencer), held(state.value)
    assert decide(expiry, known) is Verdict.ASK
    assert decide(expiry, known, GONE) is Verdict.EXPIRE
    assert decide(expiry, known, stored("a")) is (Verdict.STALE if state in PROCESSED else Verdict.LOAD)
    assert decide(expiry, known, stored("b")) is Verdict.LOAD


@pytest.mark.parametrize("state", sorted(ENDED))
@pytest.mark.parametrize("sequencer", [NEWER, EQUAL, NONE])
def test_an_expiry_after_the_end_changes_nothing(state: State, sequencer: str | None) -> None:
    assert decide(event(EXPIRED, etag=None, sequencer=sequencer), held(state.value), GONE) is Verdict.DUPLICATE


@pytest.mark.parametrize("sequencer", [NEWER, EQUAL, NONE])
@pytest.mark.parametrize("version", ["v1", None])
def test_a_removal_after_an_expiry_retracts_nothing(sequencer: str | None, version: str | None) -> None:
    """The store has nothing in any case, so it cannot tell a removal that was made up."""
    removal = event(REMOVED, etag=None, sequencer=sequencer, version=version)
    assert decide(removal, held("expired"), GONE) is Verdict.DUPLICATE


def test_what_has_expired_and_was_put_again_is_loaded() -> None:
    for sequencer in (NEWER, OLDER, EQUAL, NONE):
        anew = event(etag="b", sequencer=sequencer)
        assert decide(anew, held("expired"), stored("b")) is Verdict.LOAD
        assert decide(anew, held("expired"), GONE) is Verdict.STALE


def test_an_old_version_that_a_rule_clears_away_costs_no_request() -> None:
    expiry = event(EXPIRED, etag=None, version="v1", sequencer=NEWER)
    assert decide(expiry, held(version="v2")) is Verdict.DUPLICATE
    assert decide(expiry, held(version="v1")) is Verdict.ASK
    marker = event(EXPIRED, etag=None, version="v3", sequencer=NEWER, name="LifecycleExpiration:DeleteMarkerCreated")
    assert decide(marker, held(version="v2")) is Verdict.ASK


@pytest.mark.parametrize("sequencer", [EQUAL, NONE])
@pytest.mark.parametrize(
    ("state", "current", "verdict"),
    [
        ("removed", None, Verdict.DUPLICATE),
        ("kept", None, Verdict.DUPLICATE),
        ("loaded", None, Verdict.ASK),
        ("loaded", GONE, Verdict.REMOVE),
        ("loaded", stored("a"), Verdict.STALE),
        ("quarantined", GONE, Verdict.REMOVE),
        ("missing", GONE, Verdict.REMOVE),
    ],
)
def test_a_removal_of_unknown_order_is_believed_when_the_store_has_nothing(
    state: str, current: Answer, verdict: Verdict, sequencer: str | None
) -> None:
    assert decide(event(REMOVED, etag=None, sequencer=sequencer), held(state), current) is verdict


OF_ONE_VERSION = [
    # state, version held, version current (None: nothing is), verdict of a newer event, verdict of one without order
    ("loaded", "v2", "v2", Verdict.UNCHANGED, Verdict.DUPLICATE),  # an old version went
    ("loaded", "v2", "v1", Verdict.LOAD, Verdict.LOAD),  # the current version went: the one before it is back
    ("loaded", "v2", None, Verdict.REMOVE, Verdict.REMOVE),  # the last version went
    ("removed", "marker", "v1", Verdict.LOAD, Verdict.LOAD),  # the delete marker went
    ("removed", "marker", None, Verdict.REMOVE, Verdict.DUPLICATE),
    ("kept", "marker", "v1", Verdict.LOAD, Verdict.LOAD),
    ("quarantined", "v2", "v2", Verdict.LOAD, Verdict.DUPLICATE),
    ("quarantined", "v2", "v1", Verdict.LOAD, Verdict.LOAD),
    ("missing", "v2", "v1", Verdict.LOAD, Verdict.LOAD),
    (None, None, "v1", Verdict.LOAD, Verdict.LOAD),
    (None, None, None, Verdict.REMOVE, Verdict.REMOVE),
]


@pytest.mark.parametrize(("state", "mine", "current", "newer", "unordered"), OF_ONE_VERSION)
def test_the_removal_of_one_version_is_news_of_what_is_current(
    state: str | None, mine: str | None, current: str | None, newer: Verdict, unordered: Verdict
) -> None:
    known = held(state, etag=mine, version=mine) if state else None
    answer = stored(current, current) if current else GONE
    for sequencer, verdict in ((NEWER, newer), (EQUAL, unordered), (NONE, unordered)):
        removal = event(REMOVED, etag=None, version="v9", sequencer=sequencer)
        assert decide(removal, known) is Verdict.ASK
        assert decide(removal, known, answer) is verdict


def test_what_becomes_current_keeps_the_place_of_the_removal_among_the_events() -> None:
    removal = event(REMOVED, etag=None, version="v9", sequencer=NEWER)
    told = meant(removal, stored("a", "v1"))
    assert (told.kind, told.version_id, told.etag, told.sequencer) == (CREATED, "v1", "a", NEWER)
    assert meant(removal, GONE) is removal
    assert meant(removal, None) is removal
    marker = event(REMOVED, version="v9", name="ObjectRemoved:DeleteMarkerCreated")
    assert meant(marker, stored("a", "v1")).kind is CREATED, "it was put again since"
    assert meant(event(), stored("b")).etag == "a", "a creation is what it says"


@pytest.mark.parametrize(
    "removal",
    [
        event(REMOVED, etag=None, version="v3", sequencer=NEWER, name="ObjectRemoved:DeleteMarkerCreated"),
        event(REMOVED, etag=None, version=None, sequencer=NEWER),
    ],
    ids=["by a marker", "without a version"],
)
def test_the_removal_of_the_current_version_removes(removal: ObjectEvent) -> None:
    assert decide(removal, held(version="v2")) is Verdict.ASK
    assert decide(removal, held(version="v2"), GONE) is Verdict.REMOVE


# -- the rest ----------------------------------------------------------------------------------------------


def test_a_body_that_cannot_be_read_is_quarantined_once() -> None:
    unreadable = event(EventKind.UNREADABLE)
    assert decide(unreadable, None) is Verdict.QUARANTINE
    assert decide(unreadable, held("quarantined")) is Verdict.DUPLICATE


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ("1", "2", Order.OLDER),
        ("2", "1", Order.NEWER),
        ("10", "9", Order.NEWER),
        ("9", "10", Order.OLDER),
        ("F", "10", Order.OLDER),
        ("a", "B", Order.OLDER),
        ("0F", "f", Order.UNKNOWN),
        ("00000A", "a", Order.UNKNOWN),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", Order.OLDER),
        ("55AED6DCD90281E6", "0055AED6DCD90281E5", Order.NEWER),
        (None, "1", Order.UNKNOWN),
        ("1", None, Order.UNKNOWN),
        ("", "1", Order.UNKNOWN),
        (None, None, Order.UNKNOWN),
    ],
)
def test_sequencers_compare_as_hexadecimal_numbers_of_equal_length(
    mine: str | None, theirs: str | None, expected: Order
) -> None:
    assert order(event(sequencer=mine), held(sequencer=theirs)) is expected


@given(
    mine=st.integers(0, 2**80),
    theirs=st.integers(0, 2**80),
    upper=st.booleans(),
    pad=st.integers(0, 5),
    other=st.integers(0, 5),
)
def test_sequencers_compare_like_the_numbers_they_are(
    mine: int, theirs: int, *, upper: bool, pad: int, other: int
) -> None:
    texts = [f"{'0' * pad}{mine:x}", f"{'0' * other}{theirs:x}"]
    if upper:
        texts[0] = texts[0].upper()
    expected = Order.UNKNOWN if mine == theirs else Order.OLDER if mine < theirs else Order.NEWER
    assert order(event(sequencer=texts[0]), held(sequencer=texts[1])) is expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (stored("a", "v1"), stored("a", "v1"), True),
        (stored("a", "v1"), stored("a", "v2"), False),
        (stored("b", "v1"), stored("a", "v1"), True),
        (stored("a", None), stored("a", "v2"), True),
        (stored("a"), stored("a"), True),
        (stored("a"), stored("b"), False),
        (stored(None), stored(None), False),
    ],
)
def test_a_version_is_known_by_its_id_where_both_have_one_else_by_its_etag(
    one: ObjectVersion, other: ObjectVersion, *, same: bool
) -> None:
    assert same_version(one, other) is same


# -- any order of delivery ---------------------------------------------------------------------------------


@dataclass
class World:
    """A bucket with one key, and the rows that a consumer deciding with `decide` has in force of it."""

    versioned: bool
    versions: dict[str | None, str | None] = field(default_factory=dict)  # version id to content; None is a marker
    events: list[ObjectEvent] = field(default_factory=list)
    held: ProcessedKey | None = None
    rows: dict[str, str] = field(default_factory=dict)  # load id to content
    lines: list[LedgerEntry] = field(default_factory=list)
    ids: "count[int]" = field(default_factory=count)

    def change(self, content: str | None, sequencer: str | None) -> None:
        """Take one operation of a history: a content is put, None is a removal."""
        if content is None:
            self.delete(sequencer)
        elif content == FOR_GOOD:
            self.delete_newest_for_good(sequencer)
        else:
            self.put(content, sequencer)

    def put(self, content: str, sequencer: str | None) -> None:
        version = f"v{next(self.ids)}" if self.versioned else None
        self.versions[version] = content
        self.events.append(event(etag=content, version=version, sequencer=sequencer))

    def delete(self, sequencer: str | None) -> None:
        version = f"v{next(self.ids)}" if self.versioned else None
        if self.versioned:
            self.versions[version] = None
        else:
            self.versions.clear()
        name = "ObjectRemoved:DeleteMarkerCreated" if self.versioned else "ObjectRemoved:Delete"
        self.events.append(event(REMOVED, etag=None, version=version, sequencer=sequencer, name=name))

    def delete_newest_for_good(self, sequencer: str | None) -> None:
        """A version or a delete marker; where versions are not kept, or none is left, there is nothing to delete."""
        if self.versioned and self.versions:
            version, _ = self.versions.popitem()
            self.events.append(event(REMOVED, etag=None, version=version, sequencer=sequencer))

    @property
    def newest(self) -> ObjectVersion | None:
        version, content = next(reversed(self.versions.items()), (None, None))
        return stored(content, version) if content else None

    def deliver(self, number: int) -> None:
        """Settle one event, as often as it takes."""
        self.settle(self.events[number])

    def settle(self, arrived: ObjectEvent) -> None:
        verdict = decide(arrived, self.held)
        if verdict is Verdict.ASK:
            verdict = decide(arrived, self.held, self.newest or GONE)
            arrived = arrived if verdict is Verdict.STALE else meant(arrived, self.newest or GONE)
        assert verdict is not Verdict.ASK
        step = Step(arrived, self.held, verdict)
        if verdict is Verdict.LOAD:
            step = step.with_content(self.prepared())
        staged = Staged(loads={step.load_id: StagedLoad(rows_loaded=1)} if step.load_id else {})
        builder = EntryBuilder("me", RemovalPolicy.RETRACT, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        entry = builder.of_step(step, staged)
        if entry:
            self.commit(entry)

    def prepared(self) -> Prepared:
        load_id = f"load {next(self.ids)}"
        version = self.newest
        if version is None:
            return Prepared(load_id, missing="there is no such object")
        content = str(version.etag)
        text = PlainText(Path(content), content, 1)
        return Prepared(load_id, version, content, Tabular(load_id, text, ",", None))

    def commit(self, entry: LedgerEntry) -> None:
        claim = entry.claim(self.held)
        assert claim.prev == (self.held.entry_id if self.held else None)
        self.held = claim.new
        self.lines.append(entry)
        if entry.previous_load_id and entry.previous_load_id != entry.load_id:
            del self.rows[entry.previous_load_id]
        if entry.state is State.LOADED:
            assert entry.content_sha256
            self.rows[str(entry.load_id)] = entry.content_sha256

    @property
    def in_force(self) -> list[str]:
        return list(self.rows.values())


contents = st.sampled_from(["a", "b", "c"])
FOR_GOOD = "the newest version, for good"
operations = st.lists(contents | st.none() | st.just(FOR_GOOD), min_size=1, max_size=6)  # None removes
sequencers: dict[str, Callable[[int], str | None]] = {
    "growing": lambda number: format(number * 7 + 1, "x"),
    "growing and padded": lambda number: format(number * 7 + 1, "018X"),
    "constant": lambda _: "0055AED6DCD90281E5",
    "absent": lambda _: None,
}


@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize("kind", sequencers)
@given(history=operations, data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_order_of_delivery_ends_with_what_the_bucket_holds(
    kind: str, history: list[str | None], data: st.DataObject, *, versioned: bool
) -> None:
    world = World(versioned)
    for number, content in enumerate(history):
        world.change(content, sequencers[kind](number))
        if not world.events:
            continue
        for early in data.draw(st.lists(st.integers(0, len(world.events) - 1), max_size=2), label="meanwhile"):
            world.deliver(early)
    everything = data.draw(st.permutations(range(len(world.events))), label="delivered at the end")
    for late in everything:
        world.deliver(late)
    assert world.in_force == ([world.newest.etag] if world.newest else [])
    before = dict(world.rows)
    for again in everything:
        world.deliver(again)
    assert world.rows == before, "a redelivery changed rows"


FORGED = st.builds(
    event,
    st.sampled_from([CREATED, REMOVED]),
    etag=st.sampled_from(["a", "b", "c", "never", None]),
    version=st.sampled_from(["v0", "v1", "v2", "v99", None]),
    sequencer=st.sampled_from(["0", "F" * 32, "8", None]),
    name=st.sampled_from([None, "ObjectRemoved:DeleteMarkerCreated"]),
)


@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize("kind", sequencers)
@given(history=operations, data=st.data())
@settings(max_examples=60, deadline=None)
def test_made_up_events_change_nothing_that_lasts(
    kind: str, history: list[str | None], data: st.DataObject, *, versioned: bool
) -> None:
    """After each of them the rows are those of a version that was current, and in the end those of the current one."""
    world = World(versioned)
    for number, content in enumerate(history):
        world.change(content, sequencers[kind](number))
        for forged in data.draw(st.lists(FORGED, max_size=2), label="made up"):
            before = set(world.rows)
            world.settle(forged)
            gone, new = before - set(world.rows), set(world.rows) - before
            assert not gone or new or world.newest is None, "rows of an object that is there were retracted"
            assert {world.rows[load] for load in new} <= {world.newest.etag if world.newest else None}
        at_once: bool = data.draw(st.booleans(), label="told at once")
        if world.events and at_once:
            world.deliver(len(world.events) - 1)
    for late in data.draw(st.permutations(range(len(world.events))), label="delivered at the end"):
        world.deliver(late)
    assert world.in_force == ([world.newest.etag] if world.newest else [])


def test_a_missing_object_is_given_up_before_the_queue_gives_it_up() -> None:
    assert Settings.model_fields["max_receives"].default > MISSING_ATTEMPTS


def test_an_unchanged_version_keeps_the_digest_of_its_content() -> None:
    world = World(versioned=False)
    world.put("a", "1")
    world.deliver(0)
    world.put("a", "2")
    world.deliver(1)
    assert [line.state for line in world.lines] == [State.LOADED, State.UNCHANGED]
    assert world.held is not None
    assert (world.held.content_sha256, world.held.scope_id) == ("a", scope_id("s3://b/k"))


def test_each_verdict_has_its_state_or_writes_no_entry() -> None:
    silent = {Verdict.DUPLICATE, Verdict.ASK, Verdict.RELEASE}
    assert STATE_OF.keys() | silent == set(Verdict)
    assert not STATE_OF.keys() & silent
