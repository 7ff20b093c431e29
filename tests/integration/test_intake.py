"""What each event does to the lake: rows, ledger and views, with a bucket in memory and a real lake."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.common.errors import Fatal, Poison, Retryable, ServiceUnavailable
from billstream.common.lake import Lake
from billstream.common.policies import DuplicatePolicy, RemovalPolicy
from billstream.common.scratch import own_folder
from billstream.consumer.commit.duplicates import freed
from billstream.consumer.decode import staging
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.process import rounds
from billstream.consumer.s3.objects import LocalObjects
from billstream.consumer.sqs.envelope import read_body
from tests.fakes.objects import FakeBucket, absent, constant, growing
from tests.integration.intake_support import House, again, bill, entry_of, labels

BAD = "no,header,that,fits\n1,2,3,4\n"


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(house: House) -> Iterator[None]:
    """No test leaves a staged file that no commit names, nor a file in the spool."""
    yield
    assert house.staged_files_left() == set()
    rounds_left = [path for path in own_folder(house.settings.spool).glob("round*") if path.is_dir()]
    assert rounds_left == []


# -- created -----------------------------------------------------------------------------------------------


def test_a_new_object_is_loaded_and_the_ledger_says_all_of_it(house: House) -> None:
    bucket = house.bucket()
    content = bill("1.50 USD", "-0.25 USD", "3 EUR", "x,1,1,USD,bob")
    event = bucket.put("2026/bill.csv", content)
    (outcome,) = house.intake(bucket).process([event])
    (line,) = house.ledger(bucket)
    assert outcome.acknowledge
    assert outcome.snapshot_id == house.lake.snapshot_id()
    assert house.totals(bucket) == {"USD": Decimal("1.25"), "EUR": Decimal(3)}
    expected = {
        "state": "loaded",
        "reason": None,
        "load_id": line["entry_id"],
        "previous_load_id": None,
        "scope": f"s3://{bucket.name}/2026/bill.csv",
        "key": "2026/bill.csv",
        "version_id": None,
        "etag": event.etag,
        "sequencer": event.sequencer,
        "size_bytes": len(content),
        "profile": "credits",
        "rows_loaded": 3,
        "rows_rejected": 1,
        "values_rounded": 0,
        "billed_totals": {"USD": Decimal("1.25"), "EUR": Decimal(3)},
        "first_charge_day": date(2026, 3, 14),
        "last_charge_day": date(2026, 3, 14),
        "event_name": "ObjectCreated:Put",
        "event_time": event.event_time,
        "consumer_id": "consumer",
        "duplicate_of": None,
    }
    assert {name: line[name] for name in expected} == expected
    assert len(line["content_sha256"]) == 64
    (rejected,) = house.view("quarantined_rows", bucket)
    assert (rejected["entry_id"], rejected["line"], rejected["column_name"]) == (
        line["load_id"],
        5,
        "charge_period_start",
    )
    assert (rejected["raw_value"], rejected["raw_record"]) == ("x", "x,1,1,USD,bob")


def test_a_file_without_records_is_loaded_with_no_rows(house: House) -> None:
    bucket = house.bucket()
    outcomes = house.intake(bucket).process([bucket.put("empty.csv", b""), bucket.put("header.csv", bill())])
    assert labels(outcomes) == ["loaded", "loaded"]
    assert [line["rows_loaded"] for line in house.ledger(bucket)] == [0, 0]
    assert house.totals(bucket) == {}


@pytest.mark.parametrize("versioned", [False, True])
def test_a_duplicate_changes_nothing_at_all(house: House, *, versioned: bool) -> None:
    bucket = house.bucket(versioned=versioned)
    intake = house.intake(bucket)
    event = bucket.put("k.csv", bill("1 USD"))
    intake.process([event])
    snapshot, calls = house.lake.snapshot_id(), len(bucket.calls)
    (outcome,) = intake.process([again(event)])
    assert (outcome.label, outcome.acknowledge, outcome.entry) == ("duplicate", True, None)
    assert house.lake.snapshot_id() == snapshot
    assert len(bucket.calls) == calls, "a duplicate asked the store"
    assert house.states(bucket) == ["loaded"]


@pytest.mark.parametrize("versioned", [False, True])
def test_a_new_version_replaces_the_rows_of_the_old_one(house: House, *, versioned: bool) -> None:
    bucket = house.bucket(versioned=versioned)
    intake = house.intake(bucket)
    (first,) = intake.process([bucket.put("k.csv", bill("1 USD", "2 EUR"))])
    (second,) = intake.process([bucket.put("k.csv", bill("5 USD"))])
    assert labels([first, second]) == ["loaded", "loaded"]
    assert house.totals(bucket) == {"USD": Decimal(5)}
    assert entry_of(second).previous_load_id == entry_of(first).load_id
    (current,) = house.view("active_loads", bucket)
    assert current["load_id"] == entry_of(second).load_id


def test_a_new_version_that_is_empty_takes_the_rows_away(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    intake.process([bucket.put("k.csv", b"")])
    assert house.totals(bucket) == {}
    assert [line["rows_loaded"] for line in house.view("active_loads", bucket)] == [0]


@pytest.mark.parametrize("versioned", [False, True])
def test_a_new_version_with_the_same_content_changes_no_rows(house: House, *, versioned: bool) -> None:
    bucket = house.bucket(versioned=versioned)
    intake = house.intake(bucket)
    outcomes = [outcome for _ in range(3) for outcome in intake.process([bucket.put("k.csv", bill("1 USD"))])]
    assert labels(outcomes) == ["loaded", "unchanged", "unchanged"]
    loads = {entry_of(outcome).load_id for outcome in outcomes}
    assert loads == {entry_of(outcomes[0]).entry_id}
    assert house.totals(bucket) == {"USD": Decimal(1)}
    assert len(house.view("active_loads", bucket)) == 1


def test_unchanged_content_is_remembered_over_versions_that_were_not_fetched(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    first = bucket.put("k.csv", bill("1 USD"))
    intake.process([first])
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    multipart = replace(bucket.put("k.csv", bill("1 USD")), etag="an etag of another kind-2")
    assert labels(intake.process([multipart])) == ["unchanged"]


@pytest.mark.parametrize("versioned", [False, True])
def test_an_older_version_is_stale_and_remembered_once(house: House, *, versioned: bool) -> None:
    bucket = house.bucket(versioned=versioned)
    intake = house.intake(bucket)
    old, new = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    assert labels(intake.process([new])) == ["loaded"]
    assert labels(intake.process([old])) == ["stale"]
    assert labels(intake.process([old])) == ["duplicate"]
    assert labels(intake.process([new])) == ["duplicate"]
    assert house.totals(bucket) == {"USD": Decimal(2)}
    assert house.states(bucket) == ["loaded", "stale"]
    (current,) = house.view("active_loads", bucket)
    assert current["etag"] == new.etag


def test_an_event_of_an_overwritten_object_loads_what_is_there_and_the_next_event_changes_nothing(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    first, second = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    assert labels(intake.process([first])) == ["loaded"]
    assert house.totals(bucket) == {"USD": Decimal(2)}
    assert labels(intake.process([second])) == ["unchanged"]
    assert [line["etag"] for line in house.ledger(bucket)] == [second.etag, second.etag]


def test_several_events_of_one_key_in_one_batch_are_settled_in_their_order(house: House) -> None:
    bucket = house.bucket(versioned=True)
    events = [bucket.put("a.csv", bill("1 USD")), bucket.put("b.csv", bill("10 USD"))]
    events += [
        bucket.put("a.csv", bill("2 USD")),
        events[0],
        bucket.remove("b.csv"),
        bucket.put("a.csv", bill("3 USD")),
    ]
    outcomes = house.intake(bucket).process(events)
    assert labels(outcomes) == ["loaded", "released", "unchanged", "stale", "removed", "unchanged"]
    assert house.totals(bucket) == {"USD": Decimal(3)}
    assert labels(house.intake(bucket).process(events)) == ["duplicate", "stale", "stale", *["duplicate"] * 3]


def test_many_objects_become_one_commit(house: House) -> None:
    bucket = house.bucket()
    before = house.lake.snapshot_id()
    outcomes = house.intake(bucket).process([bucket.put(f"{n}.csv", bill(f"{n} USD")) for n in range(30)])
    assert labels(outcomes) == ["loaded"] * 30
    assert {outcome.snapshot_id for outcome in outcomes} == {before + 1}
    assert house.totals(bucket) == {"USD": Decimal(sum(range(30)))}


def test_nothing_to_settle_is_no_commit(house: House) -> None:
    before = house.lake.snapshot_id()
    assert house.intake(house.bucket()).process([]) == []
    assert house.lake.snapshot_id() == before


def test_rounds_have_each_scope_once_and_keep_the_order() -> None:
    bucket = FakeBucket()
    events = [bucket.put(key, "") for key in "abacbaa"]
    assert rounds(events) == [[0, 1, 3], [2, 4], [5], [6]]
    assert rounds([]) == []


HOSTILE_KEYS = [
    "'; DROP TABLE charges; --.csv",
    '"q".csv',
    "a\nb\x00c.csv",
    "{x}$1?%s.csv",
    "日本/😀.csv",
    "../../x.csv",
]


def test_hostile_keys_are_nothing_but_text(house: House) -> None:
    bucket = house.bucket()
    outcomes = house.intake(bucket).process([bucket.put(key, bill("1 USD")) for key in HOSTILE_KEYS])
    assert labels(outcomes) == ["loaded"] * len(HOSTILE_KEYS)
    assert {line["key"] for line in house.ledger(bucket)} == set(HOSTILE_KEYS)
    assert house.totals(bucket) == {"USD": Decimal(len(HOSTILE_KEYS))}


AZURE = "Date,MeterId,ChargeType,Cost,BillingCurrency\n01/31/2026,m,Usage,1,USD\n01/31/2026,m,{},2,USD\n"


def test_amortised_costs_are_not_taken_for_billed_ones(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    events = [
        bucket.put("actual/1.csv", AZURE.format("Purchase")),
        bucket.put("actual/2.csv", AZURE.format("unusedreservation ")),
        bucket.put("amortized/1.csv", AZURE.format("UnusedReservation")),
    ]
    outcomes = intake.process(events)
    assert labels(outcomes) == ["loaded", "quarantined", "loaded"]
    reason = str(entry_of(outcomes[1]).reason)
    assert reason.startswith("ChargeType is 'unusedreservation ' in a record: only amortised costs have that."), reason
    assert house.totals(bucket) == {"USD": Decimal(3)}


# -- removed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versioned", [False, True])
def test_a_removed_object_takes_its_rows_along(house: House, *, versioned: bool) -> None:
    bucket = house.bucket(versioned=versioned)
    intake = house.intake(bucket)
    create, remove = bucket.put("k.csv", bill("1 USD")), bucket.remove("k.csv")
    assert labels(intake.process([again(create, 3)])) == ["missing"], "an old version is never loaded"
    (outcome,) = intake.process([remove])
    entry = entry_of(outcome)
    assert (entry.state, entry.load_id) == ("removed", None)
    assert (house.totals(bucket), house.view("active_loads", bucket)) == ({}, [])
    assert labels(intake.process([remove])) == ["duplicate"]
    assert labels(intake.process([create]))[0] in {"stale", "duplicate"}, "a late create came back"
    assert house.totals(bucket) == {}


def test_a_removal_may_keep_the_rows(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket, on_removed=RemovalPolicy.KEEP)
    create = bucket.put("k.csv", bill("1 USD"))
    intake.process([create])
    remove = bucket.remove("k.csv")
    assert labels(intake.process([remove])) == ["kept"]
    assert labels(intake.process([remove])) == ["duplicate"]
    assert house.totals(bucket) == {"USD": Decimal(1)}
    assert len(house.view("active_loads", bucket)) == 1
    assert labels(intake.process([bucket.put("k.csv", bill("1 USD"))])) == ["unchanged"]
    assert labels(intake.process([bucket.put("k.csv", bill("2 USD"))])) == ["loaded"]
    assert house.totals(bucket) == {"USD": Decimal(2)}


def test_a_removal_before_its_create_leaves_a_tombstone(house: House) -> None:
    bucket = house.bucket(versioned=True)
    intake = house.intake(bucket)
    create, remove = bucket.put("k.csv", bill("1 USD")), bucket.remove("k.csv")
    assert labels(intake.process([remove, create])) == ["removed", "stale"]
    assert house.totals(bucket) == {}
    assert labels(intake.process([bucket.put("k.csv", bill("2 USD"))])) == ["loaded"]
    assert house.totals(bucket) == {"USD": Decimal(2)}


@pytest.mark.parametrize("late", [False, True])
def test_a_removal_takes_no_rows_while_the_key_has_an_object_that_cannot_be_loaded(house: House, *, late: bool) -> None:
    """Nothing in the store tells such a removal from one that somebody made up; the ledger shows the object."""
    bucket = house.bucket()
    intake = house.intake(bucket)
    assert labels(intake.process([bucket.put("k.csv", bill("1 USD"))])) == ["loaded"]
    removal, bad = bucket.remove("k.csv"), bucket.put("k.csv", "no,header\n1,2\n")
    told = labels(intake.process([bad, removal] if late else [removal, bad]))
    assert told == ["quarantined", "stale" if late else "quarantined"]
    assert house.totals(bucket) == {"USD": Decimal(1)}
    assert [line["state"] for line in house.view("latest_entries", bucket)] == ["quarantined"]
    assert labels(intake.process([removal]))[0] in {"duplicate", "stale"}
    assert labels(intake.process([bucket.put("k.csv", bill("2 USD"))])) == ["loaded"]
    assert house.totals(bucket) == {"USD": Decimal(2)}
    assert labels(intake.process([bucket.remove("k.csv")])) == ["removed"]
    assert house.totals(bucket) == {}


def test_a_removal_from_before_the_rows_in_force_takes_nothing(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    removal, good = bucket.remove("k.csv"), bucket.put("k.csv", bill("1 USD"))
    assert labels(intake.process([good])) == ["loaded"]
    assert labels(intake.process([bucket.put("k.csv", "no,header\n1,2\n")])) == ["quarantined"]
    assert labels(intake.process([removal])) == ["stale"]
    assert house.totals(bucket) == {"USD": Decimal(1)}


def test_the_removal_of_an_old_version_leaves_the_current_rows(house: House) -> None:
    bucket = house.bucket(versioned=True)
    intake = house.intake(bucket)
    old, new = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    intake.process([old, new])
    removal = bucket.remove_version("k.csv", str(old.version_id))
    assert labels(intake.process([removal])) == ["unchanged"]
    assert labels(intake.process([removal])) == ["duplicate"]
    assert house.totals(bucket) == {"USD": Decimal(2)}
    assert labels(intake.process([bucket.remove_version("k.csv", str(new.version_id))])) == ["removed"]
    assert house.totals(bucket) == {}


@pytest.mark.parametrize("sequencer", [growing, constant, absent])
def test_a_version_that_is_removed_for_good_gives_way_to_the_one_before(house: House, sequencer: object) -> None:
    bucket = house.bucket(versioned=True, sequencer=sequencer)
    intake = house.intake(bucket)
    old, new = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    intake.process([old, new])
    removal = bucket.remove_version("k.csv", str(new.version_id))
    assert labels(intake.process([removal])) == ["loaded"]
    assert house.totals(bucket) == {"USD": Decimal(1)}
    assert labels(intake.process([removal])) == ["duplicate"]
    line = house.ledger(bucket)[-1]
    assert (line["version_id"], line["event_name"]) == (old.version_id, "ObjectRemoved:Delete")


@pytest.mark.parametrize("sequencer", [growing, constant, absent])
def test_a_delete_marker_that_is_removed_brings_the_rows_back(house: House, sequencer: object) -> None:
    bucket = house.bucket(versioned=True, sequencer=sequencer)
    intake = house.intake(bucket)
    create = bucket.put("k.csv", bill("1 USD"))
    assert labels(intake.process([create])) == ["loaded"]
    marker = bucket.remove("k.csv")
    assert labels(intake.process([marker])) == ["removed"]
    restored = bucket.remove_version("k.csv", str(marker.version_id))
    assert labels(intake.process([restored])) == ["loaded"]
    assert house.totals(bucket) == {"USD": Decimal(1)}
    assert labels(intake.process([restored, marker, create]))[0] == "duplicate"
    assert house.totals(bucket) == {"USD": Decimal(1)}, "late news took the rows away"


def test_the_removal_of_a_version_that_nobody_knew_loads_what_is_current(house: House) -> None:
    bucket = house.bucket(versioned=True)
    intake = house.intake(bucket)
    old, new = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    removal = bucket.remove_version("k.csv", str(old.version_id))
    assert labels(intake.process([removal, new, old])) == ["loaded", "stale", "stale"]
    assert house.totals(bucket) == {"USD": Decimal(2)}


@pytest.mark.parametrize("sequencer", [constant, absent])
@pytest.mark.parametrize("versioned", [False, True])
def test_without_an_order_of_events_the_store_decides(house: House, sequencer: object, *, versioned: bool) -> None:
    bucket = house.bucket(versioned=versioned, sequencer=sequencer)
    intake = house.intake(bucket)
    first, second = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    intake.process([second])
    assert labels(intake.process([first])) == ["stale"]
    assert house.totals(bucket) == {"USD": Decimal(2)}
    remove = bucket.remove("k.csv")
    assert labels(intake.process([remove])) == ["removed"]
    assert labels(intake.process([second])) == ["duplicate"]
    third = bucket.put("k.csv", bill("2 USD"))
    assert labels(intake.process([third])) == ["loaded"]
    assert labels(intake.process([remove])) == ["duplicate"]
    assert house.totals(bucket) == {"USD": Decimal(2)}


# -- what cannot be loaded ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BAD, "Line 1: No profile fits the header: 'no', 'header', 'that', 'fits'."),
        (b"\x1f\x8bno gzip", "The gzip stream is damaged"),
        ("date,credits\n2026-01-01,ü".encode() + b"\xff\n", "Line 2, byte 27 of the text, is not UTF-8 text"),
        (b",,\n", "Line 1 is empty"),
        (bill("x,1,1,USD,u", "short"), "No row of 2 fits; the first, line 3: Expected Number of Columns: 5 Found: 1"),
        (bill("99999999999999999999 USD", "99999999999999999999 USD"), "DuckDB cannot read the file"),
        (
            bill("60000000000000000 USD", "60000000000000000 USD"),
            "All billed_cost of the file add up to more than 100,000",
        ),
        (bill("60000000000000000 USD", "-60000000000000000 EUR"), "All billed_cost of the file add up to more than"),
        (bill("2026-03-14,99999999999999999999,1,USD,u"), "All consumed_quantity of the file add up to more than"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_quarantined_whole_and_keeps_the_rows_in_force(
    house: House, content: str | bytes, reason: str
) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    good, bad = bucket.put("other.csv", bill("7 USD")), bucket.put("k.csv", content)
    outcomes = intake.process([good, bad])
    assert labels(outcomes) == ["loaded", "quarantined"]
    assert str(entry_of(outcomes[1]).reason).startswith(reason)
    assert labels(intake.process([bad])) == ["duplicate"]
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    assert house.totals(bucket, "k.csv") == {"USD": Decimal(1)}
    again_bad = bucket.put("k.csv", content)
    assert labels(intake.process([again_bad])) == ["quarantined"]
    line = house.ledger(bucket, "k.csv")[-1]
    assert (line["load_id"], line["rows_loaded"]) == (line["previous_load_id"], 0)
    assert house.totals(bucket) == {"USD": Decimal(8)}
    assert len(house.view("active_loads", bucket)) == 2


def test_the_records_of_a_file_without_a_good_one_are_quarantined_until_it_is_replaced(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake.process([bucket.put("k.csv", bill("x,1,1,USD,u", "y,1,1,USD,u"))])
    assert [row["raw_value"] for row in house.view("quarantined_rows", bucket)] == ["x", "y"]
    intake.process([bucket.put("k.csv", bill("z,1,1,USD,u", "1 USD"))])
    assert [row["raw_value"] for row in house.view("quarantined_rows", bucket)] == ["z"]
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    assert house.view("quarantined_rows", bucket) == []
    assert len(house.view("rejected_rows", bucket)) == 3


def test_a_message_that_nobody_can_read_is_quarantined_with_its_body(house: House) -> None:
    bodies = ["Hello ü \x00", '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}']
    events = [event for body in bodies for event in read_body(body).events]
    intake = house.intake(house.bucket())
    assert labels(intake.process([*events, *events])) == ["quarantined"] * 2 + ["duplicate"] * 2
    sql = "SELECT raw_record, reason FROM quarantined_rows WHERE scope LIKE 'message://%' ORDER BY raw_record"
    found = house.lake.rows(sql)
    assert [record for record, _ in found] == bodies
    assert found[0][1].startswith("The message is not JSON")


def test_more_misfits_than_are_listed_are_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MAX_LISTED", 2)
    bucket = house.bucket()
    house.intake(bucket).process([bucket.put("k.csv", bill(*["x,1,1,USD,u"] * 5, "1 USD"))])
    assert house.ledger(bucket)[0]["rows_rejected"] == 5
    assert len(house.view("quarantined_rows", bucket)) == 2


# -- what is not there -------------------------------------------------------------------------------------


def test_a_missing_object_is_waited_for_and_then_written_down(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    event = bucket.put("k.csv", bill("1 USD"))
    bucket.keys.clear()
    for attempt in (1, 2):
        (outcome,) = intake.process([again(event, attempt)])
        assert (outcome.label, outcome.acknowledge, outcome.unavailable) == ("released", False, False)
        assert house.ledger(bucket) == []
    (outcome,) = intake.process([again(event, 3)])
    assert (outcome.label, outcome.acknowledge) == ("missing", True)
    (line,) = house.ledger(bucket)
    assert "NoSuchKey" in line["reason"]
    assert labels(intake.process([again(event, 4)])) == ["duplicate"]
    assert labels(intake.process([bucket.put("k.csv", bill("1 USD"))])) == ["loaded"]


def test_a_missing_object_keeps_what_was_loaded_of_it_until_its_removal_is_told(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    second, remove = bucket.put("k.csv", bill("2 USD")), bucket.remove("k.csv")
    assert labels(intake.process([again(second, 3)])) == ["missing"]
    assert house.totals(bucket) == {"USD": Decimal(1)}
    assert labels(intake.process([remove])) == ["removed"]
    assert house.totals(bucket) == {}


@pytest.mark.parametrize("sequencer", [constant, absent])
def test_a_missing_object_that_comes_back_is_loaded(house: House, sequencer: object) -> None:
    bucket = house.bucket(sequencer=sequencer)
    intake = house.intake(bucket)
    first, remove = bucket.put("k.csv", bill("1 USD")), bucket.remove("k.csv")
    assert labels(intake.process([again(first, 3)])) == ["missing"]
    assert labels(intake.process([bucket.put("k.csv", bill("1 USD"))])) == ["loaded"]
    assert labels(intake.process([remove])) == ["stale"]
    assert house.totals(bucket) == {"USD": Decimal(1)}


# -- failures ----------------------------------------------------------------------------------------------


def test_an_object_that_cannot_be_had_is_given_back_and_what_was_fetched_is_settled(house: House) -> None:
    bucket = house.bucket()
    events = [bucket.put("good.csv", bill("1 USD")), bucket.put("bad.csv", bill("2 USD"))]
    fetched = threading.Event()

    def bad_comes_last(_call: str, event: ObjectEvent) -> None:
        if event.key == "good.csv":
            fetched.set()
        else:
            assert fetched.wait(10)

    bucket.before = bad_comes_last
    bucket.failures["fetch", "bad.csv"] = [ServiceUnavailable("503 Slow Down")]
    outcomes = house.intake(bucket).process(events)
    assert labels(outcomes) == ["loaded", "released"]
    assert (outcomes[1].reason, outcomes[1].unavailable, outcomes[1].acknowledge) == ("503 Slow Down", True, False)
    assert house.states(bucket) == ["loaded"]
    assert labels(house.intake(bucket).process(events)) == ["duplicate", "loaded"]


def test_a_store_that_does_not_say_what_is_current_is_asked_later(house: House) -> None:
    bucket = house.bucket(sequencer=absent)
    intake = house.intake(bucket)
    first, second = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    intake.process([second])
    bucket.failures["current", "k.csv"] = [ServiceUnavailable("timeout")]
    (outcome,) = intake.process([first])
    assert (outcome.label, outcome.unavailable) == ("released", True)
    assert labels(intake.process([first])) == ["stale"]


def test_an_object_that_never_can_be_had_is_quarantined_and_the_others_are_loaded(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    events = [bucket.put("good.csv", bill("1 USD")), bucket.put("archived.csv", bill("2 USD"))]
    bucket.failures["fetch", "archived.csv"] = [Poison("it is archived; restore it")]
    outcomes = intake.process(events)
    assert labels(outcomes) == ["loaded", "quarantined"]
    assert outcomes[1].acknowledge
    assert (entry_of(outcomes[1]).reason, entry_of(outcomes[1]).etag) == ("it is archived; restore it", events[1].etag)
    assert labels(intake.process(events)) == ["duplicate", "duplicate"]
    assert labels(intake.process([events[1].forced()])) == ["loaded"], "after the restore"
    assert house.totals(bucket) == {"USD": Decimal(3)}


def test_a_store_that_refuses_to_say_what_is_current_quarantines_and_keeps_the_rows(house: House) -> None:
    bucket = house.bucket(sequencer=absent)
    intake = house.intake(bucket)
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    for event in (bucket.put("k.csv", bill("2 USD")), bucket.remove("k.csv")):
        bucket.failures["current", "k.csv"] = [Poison("HEAD s3://k.csv: no way in")]
        (outcome,) = intake.process([event])
        assert (outcome.label, entry_of(outcome).reason) == ("quarantined", "HEAD s3://k.csv: no way in")
        assert house.totals(bucket) == {"USD": Decimal(1)}


def test_many_objects_are_asked_about_at_the_same_time_and_an_outage_only_once(house: House) -> None:
    bucket = house.bucket(sequencer=absent)
    intake = house.intake(bucket)
    keys = [f"{number}.csv" for number in range(40)]
    intake.process([bucket.put(key, bill("1 USD")) for key in keys])
    at_once = threading.Barrier(FakeBucket.requests_at_once, timeout=120)

    def all_together(call: str, _event: ObjectEvent) -> None:
        if call == "current":
            at_once.wait()

    bucket.before = all_together
    news = [bucket.put(key, bill("2 USD")) for key in keys]
    assert labels(intake.process(news)) == ["loaded"] * len(keys)

    bucket.before = lambda _call, _event: None
    bucket.calls.clear()
    for key in keys:
        bucket.failures["current", key] = [ServiceUnavailable("503 Slow Down")]
    outcomes = intake.process([bucket.put(key, bill("3 USD")) for key in keys])
    assert {(outcome.label, outcome.unavailable) for outcome in outcomes} == {("released", True)}
    assert len(bucket.calls) <= FakeBucket.requests_at_once, "a store that is away was asked again and again"


def test_a_fatal_error_that_is_over_soon_stops_nothing(house: House) -> None:
    bucket = house.bucket()
    events = [bucket.put("good.csv", bill("1 USD")), bucket.put("other.csv", bill("2 USD"))]
    bucket.failures["fetch", "other.csv"] = [Fatal("ExpiredToken"), Fatal("ExpiredToken")]
    assert labels(house.intake(bucket).process(events)) == ["loaded", "loaded"]
    assert bucket.failures["fetch", "other.csv"] == []


# -- races with another consumer ---------------------------------------------------------------------------


def once(bucket: FakeBucket, call: str, action: object) -> None:
    """Let something happen just before the bucket's next call, and only then."""

    def before(name: str, _event: ObjectEvent) -> None:
        if name == call:
            bucket.before = lambda _call, _event: None
            action()  # type: ignore[operator]

    bucket.before = before


@pytest.fixture(scope="module")
def other_hold(house: House) -> Lake:
    return house.stack.enter_context(Lake.open(house.settings))


def test_of_two_consumers_with_one_event_one_loads_it(house: House, other_hold: Lake) -> None:
    bucket = house.bucket()
    rival = house.intake(bucket, lake=other_hold, name="rival")
    event, more = bucket.put("k.csv", bill("1 USD")), bucket.put("more.csv", bill("2 USD"))
    once(bucket, "fetch", lambda: rival.process([event]))
    assert labels(house.intake(bucket).process([event, more])) == ["duplicate", "loaded"]
    assert house.totals(bucket) == {"USD": Decimal(3)}
    assert [(line["key"], line["consumer_id"]) for line in house.ledger(bucket)] == [
        ("k.csv", "rival"),
        ("more.csv", "consumer"),
    ]


def test_a_consumer_that_was_overtaken_by_a_newer_version_leaves_it_in_force(house: House, other_hold: Lake) -> None:
    bucket = house.bucket(versioned=True)
    rival = house.intake(bucket, lake=other_hold, name="rival")
    old, new = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    once(bucket, "fetch", lambda: rival.process([new]))
    assert labels(house.intake(bucket).process([old])) == ["stale"]
    assert house.totals(bucket) == {"USD": Decimal(2)}


def test_a_consumer_with_a_newer_version_goes_on_from_what_the_other_made(house: House, other_hold: Lake) -> None:
    bucket = house.bucket(versioned=True)
    rival = house.intake(bucket, lake=other_hold, name="rival")
    old, new = bucket.put("k.csv", bill("1 USD")), bucket.put("k.csv", bill("2 USD"))
    once(bucket, "fetch", lambda: rival.process([old]))
    assert labels(house.intake(bucket).process([new])) == ["unchanged"]
    assert house.totals(bucket) == {"USD": Decimal(2)}
    first, second = house.ledger(bucket)
    assert (first["consumer_id"], second["previous_load_id"]) == ("rival", first["load_id"])
    (current,) = house.view("active_loads", bucket)
    (latest,) = house.view("latest_entries", bucket)
    assert current["load_id"] == latest["load_id"] == second["load_id"]


def test_the_answer_of_the_store_is_asked_for_again_when_another_was_first(house: House, other_hold: Lake) -> None:
    bucket = house.bucket(sequencer=absent)
    intake, rival = house.intake(bucket), house.intake(bucket, lake=other_hold, name="rival")
    intake.process([bucket.put("k.csv", bill("1 USD"))])
    second = bucket.put("k.csv", bill("2 USD"))

    def overwritten() -> None:
        assert labels(rival.process([bucket.put("k.csv", bill("3 USD"))])) == ["loaded"]

    once(bucket, "fetch", overwritten)
    intake.process([second])
    assert house.totals(bucket) == {"USD": Decimal(3)}


def test_a_local_file_that_changed_under_way_is_read_as_it_is_now(
    house: House, other_hold: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(bill("1 USD"))
    event = ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(path), event_name="load")
    rival = house.intake(LocalObjects(), lake=other_hold, name="rival")

    class Slow(LocalObjects):
        """Another load of the same file, by then a different one, overtakes this one."""

        overtaken = False

        def fetch(self, event: ObjectEvent, target: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202
            fetched = super().fetch(event, target)
            if not self.overtaken:
                self.overtaken = True
                fetched.path.unlink()
                fetched.path.write_text(bill("1 USD"))
                path.write_text(bill("2 USD"))
                rival.process([event])
            return fetched

    assert labels(house.intake(Slow()).process([event])) == ["duplicate"]
    sql = "SELECT sum(billed_cost) FROM charges WHERE load_id IN (SELECT load_id FROM ledger WHERE key = ?)"
    assert house.lake.rows(sql, [str(path)]) == [(Decimal(2),)]


def test_a_local_file_is_loaded_again_only_when_it_changed(house: House, tmp_path: Path) -> None:
    path = tmp_path / "it's a bill [1].csv"
    path.write_text(bill("1 USD"))
    event = ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(path), event_name="load")
    intake = house.intake(LocalObjects())
    assert labels(intake.process([event])) == ["loaded"]
    assert labels(intake.process([event])) == ["duplicate"]
    path.write_text(bill("2 USD"))
    assert labels(intake.process([event])) == ["loaded"]
    sql = "SELECT scope, state, load_id FROM active_loads WHERE key = ?"
    ((scope, _, load_id),) = house.lake.rows(sql, [str(path)])
    assert scope == f"file://{path}"
    assert house.lake.rows("SELECT billed_cost FROM charges WHERE load_id = ?", [load_id]) == [(Decimal(2),)]


# -- the same content under another key --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "state", "total", "told"),
    [
        (DuplicatePolicy.WARN, "loaded", 2, True),
        (DuplicatePolicy.SKIP, "skipped", 1, True),
        (DuplicatePolicy.LOAD, "loaded", 2, False),
    ],
)
def test_a_copy_under_another_key_gets_what_the_policy_says(
    house: House, policy: DuplicatePolicy, state: str, total: int, *, told: bool
) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket, on_duplicate_content=policy)
    content = bill(f"1 {bucket.name[-3:].upper()}")
    original, copy = bucket.put("original.csv", content), bucket.put("copy.csv", content)
    assert labels(intake.process([original])) == ["loaded"]
    assert labels(intake.process([copy])) == [state]
    assert sum(house.totals(bucket).values()) == total
    line = house.ledger(bucket, "copy.csv")[0]
    assert line["duplicate_of"] == (f"s3://{bucket.name}/original.csv" if told else None)
    assert labels(intake.process([copy])) == ["duplicate"]


def skipping(house: House) -> tuple[FakeBucket, Intake, ObjectEvent, list[ObjectEvent]]:
    """An object that is loaded, and two copies of it that are skipped."""
    bucket = house.bucket(versioned=True)
    intake = house.intake(bucket, on_duplicate_content=DuplicatePolicy.SKIP)
    content = bill(f"1 {bucket.name[-3:].upper()}")
    original, *copies = [bucket.put(f"{name}.csv", content) for name in ("original", "copy", "another copy")]
    assert labels(intake.process([original, *copies])) == ["loaded", "skipped", "skipped"]
    return bucket, intake, original, copies


@pytest.mark.parametrize("end", ["removed", "replaced"])
def test_a_copy_that_was_skipped_is_loaded_when_the_original_goes(house: House, end: str) -> None:
    bucket, intake, original, copies = skipping(house)
    before, currency = house.totals(bucket), bucket.name[-3:].upper()
    last = bucket.remove("original.csv") if end == "removed" else bucket.put("original.csv", bill(f"5 {currency}"))
    (outcome,) = intake.process([last])
    assert outcome.label == ("removed" if end == "removed" else "loaded")
    assert house.totals(bucket, "original.csv") == ({} if end == "removed" else {currency: Decimal(5)})
    assert {**house.totals(bucket, "copy.csv"), **house.totals(bucket, "another copy.csv")} == before
    newest = {line["key"]: line["state"] for line in house.ledger(bucket)}
    assert sorted([newest["copy.csv"], newest["another copy.csv"]]) == ["loaded", "skipped"], "two of them are loaded"
    totals, lines = house.totals(bucket), len(house.ledger(bucket))
    intake.process([last, original, *copies])
    assert house.totals(bucket) == totals
    assert len(house.ledger(bucket)) <= lines + 1, "late news of the original is written down once"


def test_copies_go_one_after_the_other_until_none_is_left(house: House) -> None:
    bucket, intake, _, _ = skipping(house)
    before = house.totals(bucket)
    intake.process([bucket.remove("original.csv")])
    intake.process([bucket.remove("copy.csv")])
    assert house.totals(bucket) == house.totals(bucket, "another copy.csv") == before
    intake.process([bucket.remove("another copy.csv")])
    assert house.totals(bucket) == {}


def test_a_consumer_that_dies_before_it_loads_the_copy_does_so_when_the_message_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, intake, _, _ = skipping(house)
    before = house.totals(bucket)
    removal = bucket.remove("original.csv")
    with monkeypatch.context() as patch:
        patch.setattr("billstream.consumer.intake.freed_by", died)
        with pytest.raises(Died):
            intake.process([removal])
    assert house.totals(bucket) == {}, "it did not die in between"
    keys = {event.key for event in freed(house.lake) if event.bucket == bucket.name}
    assert keys == {"copy.csv", "another copy.csv"}

    assert labels(intake.process([removal])) == ["duplicate"]

    assert house.totals(bucket) == before
    assert [event for event in freed(house.lake) if event.bucket == bucket.name] == []


def test_a_store_that_is_away_when_a_copy_is_to_be_loaded_brings_the_message_again(house: House) -> None:
    bucket, intake, _, _ = skipping(house)
    before = house.totals(bucket)
    removal = bucket.remove("original.csv")
    for key in ("copy.csv", "another copy.csv"):
        bucket.failures["fetch", key] = [ServiceUnavailable("503 Slow Down")]
    with pytest.raises(ServiceUnavailable, match="503"):
        intake.process([removal])
    bucket.failures.clear()
    assert labels(intake.process([removal])) == ["duplicate"]
    assert house.totals(bucket) == before


class Died(BaseException):
    """The process is gone."""


def died(*_: object) -> None:
    raise Died


def test_a_failing_lake_is_told_and_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = house.bucket()
    event = bucket.put("k.csv", bill("1 USD"))
    intake = house.intake(bucket)

    def away(*_args: object, **_options: object) -> int:
        raise Retryable("the catalog is away")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "commit", away)
        with pytest.raises(Retryable, match="the catalog is away"):
            intake.process([event])
    assert house.ledger(bucket) == []
    for path in house.staged_files_left():
        Path(path).unlink()  # whether the commit happened was not known, so they had to stay
    assert labels(intake.process([event])) == ["loaded"]
