"""A message is a claim: whoever can send to the queue can make one up. The store is the evidence, on both catalogs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.s3.errors import Ownership
from billstream.consumer.sqs.envelope import read_body
from billstream.consumer.worker import Worker
from tests.fakes.clock import FakeClock, FakeStop
from tests.fakes.objects import FakeBucket
from tests.fakes.queue import FakeQueue
from tests.integration.intake_support import House, bill, labels

HIGHEST = "F" * 32
LOWEST = "0"
KEY = "bill.csv"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def catalog(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, catalog: str) -> Iterator[House]:
    """A lake on each catalog, and consumers that share it."""
    url: dict[str, Any] = {}
    if catalog == "postgres":
        server = request.getfixturevalue("postgres")
        server.start()
        url["catalog"] = server.create_database()
    settings = Settings(home=tmp_path_factory.mktemp("lake"), threads=1, **url)
    with Lake.open(settings, create=True) as lake:
        made = House(lake, settings)
        with made.stack:
            yield made


def forged(bucket: FakeBucket, name: str, key: str = KEY, **claims: Any) -> ObjectEvent:  # noqa: ANN401 - as it likes
    """An event as somebody makes it up who knows how S3 writes them."""
    details = {"key": key, "sequencer": HIGHEST} | claims
    record = {
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": bucket.name}, "object": details},
        "billstream": {"force": True} if claims.pop("forced", False) else None,
    }
    (event,) = read_body(json.dumps({"Records": [record]})).events
    return event


@dataclass
class Scene:
    """One object whose bill is loaded, and the consumer of its bucket."""

    house: House
    bucket: FakeBucket
    intake: Intake
    told: list[ObjectEvent] = field(default_factory=list)

    def put(self, cost: int, key: str = KEY) -> list[str]:
        event = self.bucket.put(key, bill(f"{cost} USD"))
        self.told.append(event)
        return labels(self.intake.process([event]))

    def claims(self, *events: ObjectEvent) -> list[Outcome]:
        return self.intake.process(events)

    @property
    def total(self) -> Decimal:
        return self.house.totals(self.bucket).get("USD", Decimal(0))

    @property
    def etag(self) -> str:
        return str(self.bucket.keys[KEY][-1].version.etag)


@pytest.fixture
def scene(house: House, catalog: str) -> Scene:
    """The bucket has versions on one of the catalogs: all four pairs would tell nothing more."""
    bucket = house.bucket(versioned=catalog == "postgres")
    made = Scene(house, bucket, house.intake(bucket))
    assert made.put(100) == ["loaded"]
    return made


# -- a sequencer -------------------------------------------------------------------------------------------

CREATIONS: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "of the version that is active": lambda scene: {"eTag": scene.etag},
    "of a version that never was": lambda _: {"eTag": "f" * 32},
    "of no version": lambda _: {},
    "of an id that never was": lambda _: {"versionId": "never", "eTag": "f" * 32},
    "with the id of the active version and another ETag": lambda scene: {
        "versionId": scene.bucket.keys[KEY][-1].version_id or "x",
        "eTag": "f" * 32,
    },
    "forced": lambda _: {"forced": True},
}


@pytest.mark.parametrize("name", CREATIONS)
def test_a_made_up_sequencer_holds_no_real_version_back(scene: Scene, name: str) -> None:
    claim = forged(scene.bucket, "ObjectCreated:Put", **CREATIONS[name](scene))
    (outcome,) = scene.claims(claim)
    assert outcome.acknowledge
    assert scene.total == 100
    assert scene.put(250) == ["loaded"]
    assert scene.total == 250
    scene.claims(claim)
    assert scene.put(300) == ["loaded"]
    assert scene.total == 300, "the claim came between the two"
    scene.claims(scene.bucket.remove(KEY))
    assert scene.total == 0, "the claim held the removal back"


def test_a_made_up_sequencer_in_front_of_an_object_that_is_not_known_yet_holds_nothing_back(scene: Scene) -> None:
    claims = [forged(scene.bucket, name, "new.csv") for name in ("ObjectCreated:Put", "ObjectRemoved:Delete")]
    scene.claims(*(replace(claim, attempt=3) for claim in claims))
    assert scene.put(5, "new.csv") == ["loaded"]
    assert scene.total == 105


def test_a_version_id_brings_no_old_version_back(house: House) -> None:
    bucket = house.bucket(versioned=True)
    scene = Scene(house, bucket, house.intake(bucket))
    scene.put(1)
    scene.put(2)
    old = bucket.keys[KEY][0]
    claim = forged(bucket, "ObjectCreated:Put", versionId=old.version_id, eTag=old.version.etag)
    scene.claims(claim)
    assert scene.total == 2
    scene.claims(bucket.remove(KEY))
    scene.claims(replace(claim, attempt=3))
    assert scene.total == 0, "the rows of a deleted object came back"


# -- a removal ---------------------------------------------------------------------------------------------

REMOVALS = ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"]


@pytest.mark.parametrize("claims", [{}, {"versionId": "v1"}, {"sequencer": LOWEST}, {"sequencer": None}], ids=str)
@pytest.mark.parametrize("name", REMOVALS)
def test_a_made_up_removal_retracts_nothing(scene: Scene, name: str, claims: dict[str, Any]) -> None:
    (outcome,) = scene.claims(forged(scene.bucket, name, **claims))
    assert outcome.acknowledge
    assert outcome.label in {"stale", "unchanged", "duplicate"}
    assert scene.total == 100
    assert scene.put(9) == ["loaded"]
    assert scene.total == 9


def test_a_made_up_removal_of_an_object_that_changed_loads_what_is_there(scene: Scene) -> None:
    scene.bucket.put(KEY, bill("7 USD"))  # its notification is lost
    assert labels(scene.claims(forged(scene.bucket, "ObjectRemoved:Delete"))) == ["loaded"]
    assert scene.total == 7


def test_a_removal_is_not_forced_by_a_message(scene: Scene) -> None:
    scene.claims(forged(scene.bucket, "ObjectRemoved:Delete", forced=True))
    assert scene.total == 100


def test_the_reason_is_in_the_ledger(scene: Scene) -> None:
    (outcome,) = scene.claims(forged(scene.bucket, "ObjectRemoved:Delete"))
    assert outcome.label == "stale"
    assert outcome.reason == "The bucket still has the object, in the version that is known."


# -- an expiry ---------------------------------------------------------------------------------------------

EXPIRIES = ["LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated"]


@pytest.mark.parametrize("name", EXPIRIES)
def test_a_made_up_expiry_changes_nothing_while_the_object_is_there(scene: Scene, name: str) -> None:
    assert labels(scene.claims(forged(scene.bucket, name))) == ["stale"]
    assert scene.total == 100
    scene.claims(scene.bucket.remove(KEY))
    assert scene.total == 0, "the removal is believed"


@pytest.mark.parametrize("name", EXPIRIES)
def test_what_a_rule_has_taken_is_kept_whatever_is_claimed_of_it(scene: Scene, name: str) -> None:
    scene.bucket.remove(KEY)
    assert labels(scene.claims(forged(scene.bucket, name))) == ["expired"]
    for claim in [*REMOVALS, *EXPIRIES, "ObjectCreated:Put"]:
        for more in ({}, {"versionId": "v1", "sequencer": "1"}, {"eTag": "f" * 32, "forced": True}):
            scene.claims(replace(forged(scene.bucket, claim, **more), attempt=3))
            assert scene.total == 100, f"{claim} {more}"
    (line,) = scene.house.view("latest_entries", scene.bucket)
    assert line["state"] == "expired"
    assert len(scene.house.view("active_loads", scene.bucket)) == 1
    assert scene.put(3) == ["loaded"]
    assert scene.total == 3


# -- a bucket ----------------------------------------------------------------------------------------------


def of_ours_alone(scene: Scene, more: str = "ours-too") -> Intake:
    context = scene.intake.context
    return Intake(replace(context, ownership=Ownership(scene.bucket.name, (more,))))


@pytest.mark.parametrize("name", ["ObjectCreated:Put", *REMOVALS, *EXPIRIES])
@pytest.mark.parametrize("key", ["fake.csv", KEY])
def test_a_foreign_bucket_is_refused_unread(scene: Scene, name: str, key: str) -> None:
    attacker = FakeBucket(name=f"{scene.bucket.name}-attacker")
    attacker.put(key, bill("1000000 USD"))
    intake = of_ours_alone(scene)
    calls = len(scene.bucket.calls)
    with capture_logs() as logs:
        (outcome,) = intake.process([forged(attacker, name, key, forced=True)])
        outcome.log()
    assert (outcome.label, outcome.acknowledge, outcome.entries) == ("refused", True, ())
    assert len(scene.bucket.calls) == calls, "S3 was asked"
    assert scene.house.ledger(attacker) == []
    (line,) = logs
    assert (line["event"], line["log_level"], line["bucket"]) == ("object_refused", "warning", attacker.name)
    assert line["key"] == repr(key)
    assert "BILLSTREAM_BUCKETS" in line["reason"]


def test_good_objects_beside_refused_ones_are_loaded_and_a_flood_leaves_nothing(scene: Scene) -> None:
    attacker = FakeBucket(name=f"{scene.bucket.name}-flood")
    flood = [forged(attacker, "ObjectCreated:Put", f"{number}\x1b[31m.csv") for number in range(2000)]
    lines = scene.house.lake.rows("SELECT count(*) FROM ledger")[0][0]
    good = scene.bucket.put("good.csv", bill("1 USD"))
    outcomes = of_ours_alone(scene).process([*flood[:1000], good, *flood[1000:]])
    assert {outcome.label for outcome in outcomes if outcome.event is not good} == {"refused"}
    assert outcomes[1000].label == "loaded"
    assert scene.total == 101
    assert scene.house.lake.rows("SELECT count(*) FROM ledger") == [(lines + 1,)]


def test_the_worker_acknowledges_what_is_refused_and_counts_it(scene: Scene) -> None:
    attacker = FakeBucket(name=f"{scene.bucket.name}-worker")
    clock = FakeClock()
    queue = FakeQueue(clock)
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    for number in range(20):
        claim = {"bucket": {"name": attacker.name}, "object": {"key": f"{number}.csv"}}
        queue.send(json.dumps({"Records": [record | {"s3": claim}]}))
    settings = scene.house.settings
    interest = BillingFiles(settings, Layouts())
    worker = Worker(queue, of_ours_alone(scene), settings, FakeStop(clock), interest=interest, clock=clock)
    summary = worker.run(drain=True)
    assert summary.outcomes["refused"] == 20
    assert (queue.ids(), queue.dead) == ([], [])
    assert scene.house.ledger(attacker) == []


def test_a_person_may_retract_what_was_loaded_from_a_bucket_that_is_not_configured_any_more(scene: Scene) -> None:
    removal = ObjectEvent(
        kind=EventKind.REMOVED, bucket=scene.bucket.name, key=KEY, event_name="ObjectRemoved:Sweep", force=True
    )
    intake = Intake(replace(scene.intake.context, ownership=Ownership("another")))
    assert labels(intake.process([replace(removal, force=False)])) == ["refused"]
    assert labels(intake.process([removal])) == ["removed"]
    assert scene.total == 0


def test_the_configured_buckets() -> None:
    assert Settings().our_buckets == ("billing",)
    assert Settings(bucket="a").our_buckets == ("a",)
    assert Settings(bucket="a", buckets=("b", "a", "c")).our_buckets == ("a", "b", "c")
    assert Settings(buckets=("b", "c")).our_buckets == ("b", "c"), "the default name may be anybody's"


def test_a_manifest_reads_no_part_of_a_foreign_bucket(house: House) -> None:
    """Names of buckets in a manifest are passed over: an export that was copied still names the bucket it came from."""
    bucket, attacker = house.bucket(), FakeBucket(name="attacker")
    layouts = Layouts.load(None, ("aws_cur",))
    folder = "cur/report/20260301-20260401/3e1f6b9a-0000-4000-8000-000000000001"
    part = f"{folder}/report-00001.csv.gz"
    attacker.put(part, bill("1000000 USD"))
    content = {"billingPeriod": {}, "bucket": attacker.name, "reportKeys": [f"s3://{attacker.name}/{part}"]}
    manifest = bucket.put(f"{folder}/report-Manifest.json", json.dumps(content))
    (outcome,) = house.intake(bucket, layouts=layouts).process([replace(manifest, attempt=3)])
    assert outcome.label == "quarantined"
    assert part in str(outcome.reason)
    assert attacker.calls == []
    assert house.totals(bucket) == {}
