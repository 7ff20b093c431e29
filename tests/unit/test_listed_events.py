"""Events without a notification: of a listing, a sweep or a replay. They have no sequencer."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.common.lake import ProcessedKey
from billstream.consumer.decide.decision import Answer, Verdict, decide
from billstream.consumer.events import GONE, EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.s3.listing import ListedObject
from billstream.consumer.sqs.envelope import read_body
from billstream.consumer.sqs.notifications import body
from tests.unit.test_decision import World

TIME = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
LISTED = ListedObject("bucket", "k", "a", 1, TIME)
CREATED = LISTED.created("ObjectCreated:Sweep")
REMOVED = ObjectEvent(kind=EventKind.REMOVED, bucket="bucket", key="k", event_name="ObjectRemoved:Sweep")


def held(state: str, etag: str | None, *, version: str | None = None, sequencer: str | None = "5") -> ProcessedKey:
    return ProcessedKey(
        scope_id="s", entry_id="e", state=state, load_id="l", etag=etag, version_id=version, sequencer=sequencer
    )


@pytest.mark.parametrize("sequencer", ["5", None])
@pytest.mark.parametrize(
    ("known", "current", "verdict"),
    [
        (held("loaded", "a"), None, Verdict.DUPLICATE),
        (held("loaded", "a", version="v1"), None, Verdict.DUPLICATE),  # a listing names no version ids
        (held("unchanged", "a"), None, Verdict.DUPLICATE),
        (held("quarantined", "a"), None, Verdict.DUPLICATE),
        (held("missing", "a"), LISTED.version, Verdict.LOAD),
        (held("removed", None), None, Verdict.ASK),
        (held("removed", None), LISTED.version, Verdict.LOAD),
        (held("removed", None), GONE, Verdict.STALE),
        (held("loaded", "b"), None, Verdict.ASK),
        (held("loaded", "b"), LISTED.version, Verdict.LOAD),
        (held("loaded", "b"), ObjectVersion("v2", "b", 1), Verdict.STALE),  # the listing is older than the load
        (held("loaded", "b"), GONE, Verdict.STALE),  # the event of its removal is yet to arrive
    ],
)
def test_a_listed_object_is_loaded_only_if_the_store_still_has_it_and_the_ledger_has_not(
    known: ProcessedKey, current: Answer, verdict: Verdict, sequencer: str | None
) -> None:
    known = ProcessedKey(**{**known.__dict__, "sequencer": sequencer})
    assert decide(CREATED, known, current) is verdict


def test_an_object_that_the_ledger_does_not_know_is_loaded() -> None:
    assert decide(CREATED, None) is Verdict.LOAD


@pytest.mark.parametrize(
    ("current", "verdict"),
    [(None, Verdict.ASK), (GONE, Verdict.REMOVE), (ObjectVersion(None, "b", 1), Verdict.STALE)],
)
def test_an_object_missing_in_a_sweep_is_removed_only_if_the_store_confirms_it(
    current: Answer, verdict: Verdict
) -> None:
    assert decide(REMOVED, held("loaded", "b"), current) is verdict


@pytest.mark.parametrize("state", ["loaded", "removed", "quarantined", "missing"])
def test_a_forced_event_names_no_version_and_loads_in_every_state(state: str) -> None:
    forced = CREATED.forced()
    assert not forced.has_identity
    assert decide(forced, held(state, "a")) is Verdict.LOAD


class ListedWorld(World):
    """A bucket that is also listed now and then, while its notifications arrive in any order."""

    def sweep(self) -> None:
        """Add the event that a sweep of the current bucket would make."""
        if self.newest:
            self.events.append(ListedObject("b", "k", str(self.newest.etag), 1, TIME).created("ObjectCreated:Sweep"))
        else:
            self.events.append(
                ObjectEvent(kind=EventKind.REMOVED, bucket="b", key="k", event_name="ObjectRemoved:Sweep")
            )


operations = st.lists(st.sampled_from(["a", "b", "remove", "sweep"]), min_size=1, max_size=7)


@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@given(history=operations, data=st.data())
@settings(max_examples=200, deadline=None)
def test_listings_between_notifications_in_any_order_end_with_what_the_bucket_holds(
    history: list[str], data: st.DataObject, *, versioned: bool
) -> None:
    world = ListedWorld(versioned)
    for number, what in enumerate(history):
        sequencer = format(number + 1, "x")
        if what == "sweep":
            world.sweep()
        elif what == "remove":
            world.delete(sequencer)
        else:
            world.put(what, sequencer)
        for early in data.draw(st.lists(st.integers(0, number), max_size=2), label="delivered meanwhile"):
            world.deliver(early)
    for late in data.draw(st.permutations(range(len(history))), label="delivered at the end"):
        world.deliver(late)
    assert world.in_force == ([str(world.newest.etag)] if world.newest else [])


# -- our own notifications ---------------------------------------------------------------------------------

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(key=keys, force=st.booleans(), size=st.integers(0, 2**40) | st.none())
def test_our_own_notification_is_read_back_as_the_same_event(key: str, size: int | None, *, force: bool) -> None:
    event = ObjectEvent(
        kind=EventKind.CREATED,
        bucket="billing",
        key=key,
        event_name="ObjectCreated:Replay",
        etag="abc",
        size_bytes=size,
        event_time=TIME,
    )
    if force:
        event = event.forced()
    assert read_body(body(event)).events == (event,)


@pytest.mark.parametrize("mark", [None, True, "force", {}, {"force": False}, {"force": 1}, {"force": "true"}, []])
def test_only_the_exact_mark_forces(mark: object) -> None:
    record = json.loads(body(CREATED))
    record["Records"][0]["billstream"] = mark
    [event] = read_body(json.dumps(record)).events
    assert not event.force
    assert event.etag == "a"


def test_a_forced_record_loads_the_current_version_whatever_it_names() -> None:
    record = json.loads(body(CREATED.forced()))
    record["Records"][0]["s3"]["object"] |= {"eTag": "x", "versionId": "v", "sequencer": "1"}
    [event] = read_body(json.dumps(record)).events
    assert event == CREATED.forced()
