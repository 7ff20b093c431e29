"""A batch in which something goes wrong: the others are processed, the culprit alone is named, or everything waits."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from billstream.common.errors import Denied, Fatal, Held, Poison, Retryable
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.commit.breaker import Breaker
from billstream.consumer.commit.outcome import hindrance
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.quarantine import quarantined, reload_objects
from tests.fakes.objects import FakeBucket
from tests.integration.exports_support import VENDORS, Site
from tests.integration.intake_support import House, bill, entry_of, labels

Raised = Callable[[], Exception]

BUGS: dict[str, Raised] = {
    "key": lambda: KeyError("no such thing"),
    "recursion": lambda: RecursionError("too deep"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "memory": lambda: MemoryError("no more"),
    "fatal": lambda: Fatal("GET s3://b/k: ANewOne (HTTP 418)."),
    "os": lambda: PermissionError(13, "denied"),
}


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(house: House) -> Iterator[None]:
    yield
    assert house.staged_files_left() == set()


def failing(bucket: FakeBucket, errors: dict[str, Raised], call: str = "fetch") -> list[str]:
    """Let the calls for keys fail, those that begin so; returns the keys for which it happened."""
    raised: list[str] = []

    def before(name: str, event: ObjectEvent) -> None:
        for prefix, error in errors.items():
            if name == call and event.key.startswith(prefix):
                raised.append(event.key)
                raise error()

    bucket.before = before
    return raised


def denied() -> Exception:
    return Denied("GET: AccessDenied (HTTP 403). Grant kms:Decrypt, then `billstream quarantine reload`.")


def put(bucket: FakeBucket, *keys: str) -> list[ObjectEvent]:
    return [bucket.put(key, bill(f"{number} USD")) for number, key in enumerate(keys, start=1)]


# -- one object is at fault --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", BUGS.values(), ids=BUGS)
def test_what_befalls_one_object_ends_with_that_object(house: House, error: Raised) -> None:
    bucket = house.bucket()
    keys = [f"good/{number}.csv" for number in range(9)]
    keys.insert(4, "culprit.csv")
    raised = failing(bucket, {"culprit": error})
    outcomes = house.intake(bucket).process(put(bucket, *keys))
    assert set(raised) == {"culprit.csv"}
    assert labels(outcomes) == ["failed" if key == "culprit.csv" else "loaded" for key in keys]
    assert all(outcome.acknowledge for outcome in outcomes)
    reason = entry_of(outcomes[4]).reason or ""
    assert str(error()).strip(".") in reason
    assert "quarantine reload" in reason


def test_several_culprits_in_one_batch_are_all_named_and_all_others_are_loaded(house: House) -> None:
    bucket = house.bucket()
    keys = [f"{'bad' if number % 5 == 0 else 'good'}-{number}.csv" for number in range(20)]
    failing(bucket, {"bad": BUGS["key"]})
    outcomes = house.intake(bucket).process(put(bucket, *keys))
    assert labels(outcomes) == ["failed" if key.startswith("bad") else "loaded" for key in keys]


def test_an_object_that_fails_alone_has_failed_and_leaves_older_rows_active(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake.process(put(bucket, "a.csv"))
    before = house.totals(bucket)
    failing(bucket, {"a": BUGS["key"]})
    newer = bucket.put("a.csv", bill("50 USD"))
    assert labels(intake.process([newer])) == ["failed"]
    assert house.totals(bucket) == before
    assert labels(intake.process([newer])) == ["duplicate"], "a redelivery tries it once more"


@pytest.mark.parametrize("state", ["denied", "failed"])
def test_what_is_denied_or_has_failed_is_listed_and_reloaded(house: House, state: str) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    failing(bucket, {"bad": denied if state == "denied" else BUGS["key"]})
    intake.process(put(bucket, "good.csv", "bad.csv"))
    (item,) = [item for item in quarantined(house.lake) if item.bucket == bucket.name]
    assert (item.key, item.state) == ("bad.csv", state)
    backfill = Backfill(intake, house.settings, Stop())
    (still,) = reload_objects([item], backfill)
    assert (still.label, still.complete) == (state, False)
    failing(bucket, {})
    (reloaded,) = reload_objects([item], backfill)
    assert (reloaded.label, reloaded.complete) == ("loaded", True)
    assert [item for item in quarantined(house.lake) if item.bucket == bucket.name] == []


def test_a_removal_and_a_message_nobody_can_read_pass_beside_a_culprit(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake.process(put(bucket, "a.csv", "b.csv"))
    failing(bucket, {"bad": BUGS["key"]})
    unreadable = ObjectEvent(
        kind=EventKind.UNREADABLE,
        bucket="message:",
        key="digest",
        event_name="unreadable",
        body="x",
        problem="not JSON",
    )
    events = [bucket.remove("a.csv"), *put(bucket, "bad.csv"), unreadable, bucket.put("b.csv", bill("9 EUR"))]
    assert labels(intake.process(events)) == ["removed", "failed", "quarantined", "loaded"]


def test_a_manifest_that_fails_stops_no_other_delivery_and_no_object(house: House) -> None:
    site = Site(house, VENDORS["cur_new"])
    parts, manifest = site.deliver({"1": "10"})
    intake = site.intake
    intake.process(parts)
    failing(site.bucket, {manifest.key: BUGS["key"]})
    good = site.bucket.put("plain.csv", bill("3 USD"))
    assert labels(intake.process([manifest, good])) == ["failed", "loaded"]
    failing(site.bucket, {})
    assert labels(intake.process([manifest.forced()])) == ["delivered"]


# -- one object is denied ----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fetch", "current"])
def test_an_object_that_is_denied_beside_good_ones_is_written_down_as_denied(house: House, call: str) -> None:
    bucket = house.bucket(sequencer=lambda _number: None)  # no order can be told, so the store is asked
    intake = house.intake(bucket)
    intake.process(put(bucket, "denied.csv"))
    keys = [f"good-{number}.csv" for number in range(12)]
    raised = failing(bucket, {"denied": denied}, call)
    outcomes = intake.process([*put(bucket, *keys), bucket.put("denied.csv", bill("9 USD"))])
    assert raised
    assert labels(outcomes) == ["loaded"] * 12 + ["denied"]
    assert "Grant kms:Decrypt" in (outcomes[-1].reason or "")
    assert house.totals(bucket, "denied.csv") == {"USD": 1}, "the rows of an older version stay active"


def test_an_object_that_is_denied_alone_is_compared_with_what_the_ledger_knows(house: House) -> None:
    bucket = house.bucket()
    house.intake(bucket).process(put(bucket, "good.csv"))
    failing(bucket, {"denied": denied})
    assert labels(house.intake(bucket).process(put(bucket, "denied.csv"))) == ["denied"]


@pytest.mark.parametrize("known", [5, 0])
def test_where_everything_is_denied_nothing_is_written_down(house: House, known: int) -> None:
    """Also where the permission is lost in the middle: what could be read before proves nothing."""
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake.process(put(bucket, *(f"before-{number}.csv" for number in range(known))))
    lines = len(house.ledger(bucket))
    failing(bucket, {"": denied})
    outcomes = intake.process(put(bucket, *(f"{number}.csv" for number in range(30))))
    assert labels(outcomes) == ["released"] * 30
    assert len(house.ledger(bucket)) == lines
    error = hindrance(outcomes)
    assert isinstance(error, Fatal)
    assert f"No other object of the bucket {bucket.name}" in str(error)
    failing(bucket, {})


def test_a_permission_that_goes_while_a_batch_is_fetched_denies_no_object(house: House) -> None:
    bucket = house.bucket()
    fetched: list[str] = []

    def before(call: str, event: ObjectEvent) -> None:
        if call == "fetch":
            fetched.append(event.key)
            if len(fetched) > 5:
                raise denied()

    bucket.before = before
    outcomes = house.intake(bucket).process(put(bucket, *(f"{number}.csv" for number in range(20))))
    assert sorted(set(labels(outcomes))) == ["loaded", "released"]
    assert isinstance(hindrance(outcomes), Fatal)
    assert "denied" not in house.states(bucket)


@pytest.mark.parametrize("what", ["part", "manifest"])
def test_a_delivery_that_is_denied_leaves_the_one_before_active(house: House, what: str) -> None:
    site = Site(house, VENDORS["cur_new"])
    parts, manifest = site.deliver({"1": "10"}, "d0")
    site.intake.process([*parts, manifest])
    parts, manifest = site.deliver({"1": "20", "2": "30"}, "d1")
    failing(site.bucket, {manifest.key if what == "manifest" else parts[1].key: denied})
    outcomes = site.intake.process([*parts, manifest])
    assert labels(outcomes)[-1] == "denied"
    assert site.total() == 10
    failing(site.bucket, {})
    assert labels(site.intake.process([manifest.forced()])) == ["delivered"]
    assert site.total() == 50


# -- everything fails --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 12])
def test_where_every_object_fails_none_is_marked_and_all_wait(house: House, count: int) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    raised = failing(bucket, {"": BUGS["key"]})
    events = put(bucket, *(f"{number}.csv" for number in range(count)))
    outcomes = intake.process(events)
    assert raised
    assert {(outcome.label, outcome.holding) for outcome in outcomes} == {("released", True)}
    assert isinstance(hindrance(outcomes), Held)
    assert house.ledger(bucket) == []
    failing(bucket, {})
    assert labels(intake.process(events)) == ["loaded"] * count


def test_objects_that_fail_one_by_one_wait_until_something_was_loaded(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    failing(bucket, {"bad": BUGS["key"]})
    first, second, good = put(bucket, "bad-1.csv", "bad-2.csv", "good.csv")
    assert labels(intake.process([first])) == ["failed"], "it may be the only one"
    (outcome,) = intake.process([second])
    assert outcome.holding, "a second one, and nothing was loaded since"
    assert labels(intake.process([good])) == ["loaded"]
    assert labels(intake.process([second])) == ["failed"], "others can be loaded, and it still fails"


@pytest.mark.parametrize("error", [MemoryError, lambda: Fatal("no credentials")])
def test_where_memory_or_a_service_fails_everything_the_process_ends(house: House, error: Raised) -> None:
    bucket = house.bucket()
    failing(bucket, {"": error})
    outcomes = house.intake(bucket).process(put(bucket, *(f"{number}.csv" for number in range(20))))
    assert isinstance(hindrance(outcomes), type(error()))
    assert house.ledger(bucket) == []


def test_a_catalog_that_fails_while_it_is_written_down_ends_the_process_after_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    failing(bucket, {"bad": BUGS["key"]})
    commit = house.lake.commit
    made: list[int] = []

    def once(*args: object, **kwargs: object) -> int:
        if made:
            raise Fatal("the catalog is damaged")
        made.append(1)
        return commit(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(house.lake, "commit", once)
    # The one that fails is found first; then the good one is committed, and then nothing can be.
    outcomes = intake.process(put(bucket, "good.csv", "bad.csv"))
    assert labels(outcomes) == ["loaded", "released"]
    assert isinstance(hindrance(outcomes), Fatal)


def test_what_may_be_retried_is_not_taken_apart(house: House) -> None:
    bucket = house.bucket()
    raised = failing(bucket, {"2": lambda: Retryable("later")})
    with pytest.raises(Retryable):
        house.intake(bucket).process(put(bucket, *(f"{number}.csv" for number in range(4))))
    assert raised == ["2.csv"]
    assert house.ledger(bucket) == []


# -- the breaker -------------------------------------------------------------------------------------------


def guarded(house: House, bucket: FakeBucket, consecutive: int = 25, share: float = 0.5) -> Intake:
    intake = house.intake(bucket)
    return Intake(replace(intake.context, breaker=Breaker(consecutive=consecutive, share=share)))


def junk(bucket: FakeBucket, *keys: str) -> list[ObjectEvent]:
    return [bucket.put(key, f"nonsense,{key}\n1,2\n") for key in keys]


def test_good_objects_are_loaded_however_many_cannot_be(house: House) -> None:
    bucket = house.bucket()
    bad = junk(bucket, *(f"{'ab'[number % 2]}/{number}.csv" for number in range(40)))
    good = put(bucket, *(f"good/{number}.csv" for number in range(5)))
    outcomes = guarded(house, bucket).process([*bad, *good])
    assert labels(outcomes) == ["quarantined"] * 40 + ["loaded"] * 5


def test_bad_files_of_one_prefix_are_quarantined_one_by_one(house: House) -> None:
    bucket = house.bucket()
    intake = guarded(house, bucket)
    for month in (1, 2):
        keys = (f"junk/month={month}/{number}.csv" for number in range(30))
        assert labels(intake.process(junk(bucket, *keys))) == ["quarantined"] * 30


def test_bad_files_of_several_prefixes_wait_and_all_else_of_the_batch_is_processed(house: House) -> None:
    bucket = house.bucket()
    intake = guarded(house, bucket)
    intake.process(put(bucket, "old.csv"))
    keys = [f"{'ab'[number % 2]}/{number}.csv" for number in range(30)]
    events = [*junk(bucket, *keys), bucket.remove("old.csv")]
    outcomes = intake.process(events)
    assert labels(outcomes) == ["released"] * 30 + ["removed"]
    assert {outcome.holding for outcome in outcomes[:-1]} == {True}
    assert "a/ (no profile)" in (outcomes[0].reason or "")
    for key in keys:  # the release is corrected, so to speak
        bucket.keys[key] = bucket.keys[key][:0]
        bucket.put(key, bill("1 USD"))
    assert labels(intake.process(events)) == ["loaded"] * 30 + ["duplicate"]


def test_settings_turn_the_breaker_off(house: House) -> None:
    bucket = house.bucket()
    settings = Settings(breaker_consecutive=0, breaker_share=1)
    intake = guarded(house, bucket, settings.breaker_consecutive, settings.breaker_share)
    events = junk(bucket, *(f"{'ab'[number % 2]}/{number}.csv" for number in range(120)))
    assert labels(intake.process(events)) == ["quarantined"] * 120


def test_poison_is_not_taken_apart(house: House) -> None:
    bucket = house.bucket()
    raised = failing(bucket, {"2": lambda: Poison("archived")})
    outcomes = house.intake(bucket).process(put(bucket, *(f"{number}.csv" for number in range(4))))
    assert (labels(outcomes), raised) == (["loaded", "loaded", "quarantined", "loaded"], ["2.csv"])
