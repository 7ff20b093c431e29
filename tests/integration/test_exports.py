"""Exports with manifests: whatever comes in whatever order, the lake has one whole delivery of each period."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs

from billstream.cli.status import read_status
from billstream.cli.verify.proof import prove
from billstream.common.policies import RemovalPolicy
from billstream.common.stop import Stop
from billstream.consumer.backfill.replay import Candidate, FromLedger, expected_verdicts
from billstream.consumer.backfill.selection import Selection
from billstream.consumer.backfill.sweep import REMOVED, Sweep
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.decide.states import OF_DELIVERIES, State
from billstream.consumer.events import EXPORT_BUCKET, EventKind, ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.profiles import ProfileRegistry
from tests.integration.exports_support import LAYOUTS, VENDORS, Site
from tests.integration.intake_support import House, again, bill, entry_of, labels

if TYPE_CHECKING:
    from billstream.consumer.s3.listing import Bucket

NEXT_HOUR = timedelta(hours=1)
SUM = "SELECT sum(billed_cost) FROM charges WHERE load_id IN (SELECT load_id FROM ledger WHERE bucket = ?)"


@pytest.fixture(params=sorted(VENDORS))
def any_site(request: pytest.FixtureRequest, house: House) -> Site:
    """Each way that vendors deliver."""
    return Site(house, VENDORS[request.param])


@pytest.fixture(params=["cur_new", "exports_over"])
def site(request: pytest.FixtureRequest, house: House) -> Site:
    return Site(house, VENDORS[request.param])


def test_a_delivery_is_loaded_when_its_manifest_comes(any_site: Site) -> None:
    parts, manifest = any_site.deliver({"1": "10", "2": "20 5"})

    assert labels(any_site.intake.process(parts)) == ["awaiting_manifest", "awaiting_manifest"]
    assert (any_site.total(), any_site.fetched()) == (None, [])
    (outcome,) = any_site.intake.process([manifest])

    assert (outcome.label, outcome.rows_loaded) == ("delivered", 3)
    assert any_site.total() == Decimal(35)
    assert sorted(set(any_site.states().values())) == ["delivered", "loaded"]
    (delivery,) = any_site.deliveries()
    assert (delivery["manifest_key"], delivery["parts"], delivery["rows_loaded"]) == (manifest.key, 2, 3)
    assert delivery["billed_totals"] == {"USD": Decimal(35)}
    assert labels(any_site.intake.process([*parts, manifest])) == ["duplicate"] * 3
    assert any_site.house.staged_files_left() == set()


def test_the_next_delivery_replaces_the_one_before_also_with_fewer_parts(any_site: Site) -> None:
    for number, costs in enumerate([{"1": "1", "2": "2", "3": "3"}, {"1": "10"}, {"1": "10", "2": "7"}]):
        parts, manifest = any_site.deliver(costs, f"d{number}")
        any_site.intake.process([manifest, *parts])
        assert any_site.total() == sum(Decimal(cost) for cost in costs.values())
        assert [delivery["parts"] for delivery in any_site.deliveries()] == [len(costs)]
    loads = any_site.house.view("active_loads", any_site.bucket)
    assert len(loads) == 2


def test_a_part_after_its_manifest_changes_nothing(site: Site) -> None:
    parts, manifest = site.deliver({"1": "10", "2": "20"})
    assert labels(site.intake.process([manifest])) == ["delivered"]

    assert labels(site.intake.process(parts)) == ["duplicate", "duplicate"]
    assert site.total() == Decimal(30)


def test_two_open_months_live_side_by_side_and_a_closed_one_may_be_restated(site: Site) -> None:
    for period, costs, delivery in (
        ("2026-02", {"1": "1"}, "a"),
        ("2026-03", {"1": "10", "2": "20"}, "b"),
        ("2026-02", {"1": "2", "2": "3"}, "c"),
    ):
        parts, manifest = site.deliver(costs, delivery, period)
        site.intake.process([*parts, manifest])

    assert site.total() == Decimal(35)
    assert [found["billed_totals"] for found in site.deliveries()] == [{"USD": Decimal(5)}, {"USD": Decimal(30)}]


def test_a_part_that_is_not_there_is_waited_for_then_named_and_its_arrival_mends_it(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1"}, "d0")
    site.intake.process([*parts, manifest])
    _, manifest = site.deliver({"1": "10", "2": "20"}, "d1")
    late = site.vendor.part_key("2026-03", "d1", "2")
    content = site.bucket.keys.pop(late)

    (first,) = site.intake.process([manifest])
    assert (first.label, first.reason) == ("released", f"The part {late} is not there.")
    (last,) = site.intake.process([again(manifest, 3)])
    assert (last.label, entry_of(last).reason) == ("quarantined", f"The part {late} is not there.")
    assert site.total() == Decimal(1), "the delivery before stays in force"

    gone = replace(manifest, kind=EventKind.REMOVED, key=late, etag=None, sequencer=None, event_name=REMOVED)
    assert labels(site.intake.process([gone])) == ["duplicate"], "a sweep ends no waiting"
    site.bucket.keys[late] = content
    arrived = replace(manifest, key=late, etag=content[0].version.etag, sequencer=None)
    assert labels(site.intake.process([arrived])) == ["awaiting_manifest"]
    assert site.total() == Decimal(30)


@pytest.mark.parametrize("site", ["cur_new", "hub"], indirect=True)
def test_an_older_manifest_after_a_newer_one_is_stale_and_stays_so(site: Site) -> None:
    old_parts, old = site.deliver({"1": "1", "2": "2"}, "d1")
    parts, new = site.deliver({"1": "10"}, "d2")
    site.intake.process([*parts, new])

    (outcome,) = site.intake.process([old])
    assert (outcome.label, entry_of(outcome).reason) == ("stale", "A newer delivery is active.")
    assert labels(site.intake.process([*old_parts, old, new])) == ["awaiting_manifest"] * 2 + ["duplicate"] * 2
    assert labels(site.intake.process([old.forced()])) == ["stale"], "a replay of everything rolls nothing back"
    assert site.total() == Decimal(10)


@pytest.mark.parametrize("site", ["cur_new"], indirect=True)
def test_of_many_deliveries_told_at_once_only_the_newest_is_brought(site: Site) -> None:
    told: list[ObjectEvent] = []
    for number in range(4):
        parts, manifest = site.deliver({"1": str(number), "2": "1"}, f"d{number}")
        told += [replace(event, event_time=site.bucket.now) for event in (*parts, manifest)]

    outcomes = site.intake.process(told)

    assert labels(outcomes)[2::3] == ["stale", "stale", "stale", "delivered"]
    names = [name for name in site.fetched() if name.endswith(".gz")]
    assert sorted(names) == ["r-1.csv.gz", "r-2.csv.gz"]  # several at a time, so in any order
    assert site.total() == Decimal(4)
    ((waiting,),) = site.house.lake.rows(
        "SELECT count(*) FROM latest_entries WHERE bucket = ? AND state = 'awaiting_manifest'", [site.bucket.name]
    )
    assert waiting == 0, "parts of deliveries that came too late wait for nothing"
    assert set(labels(site.intake.process(told))) == {"duplicate"}


def test_the_log_has_a_line_for_the_delivery_and_one_for_each_part(site: Site) -> None:
    site.intake.process([site.deliver({"1": "1", "2": "2"}, "d0")[1]])
    (outcome,) = site.intake.process([site.deliver({"1": "10 20"}, "d1")[1]])

    with capture_logs() as logged:
        outcome.log()

    (delivery,) = (line for line in logged if line["event"] == "delivery_loaded")
    assert (delivery["parts"], delivery["rows"], delivery["loads_replaced"]) == (1, 2, 2)
    assert delivery["scope"] == site.deliveries()[0]["scope"]
    assert sorted(line["event"] for line in logged if line is not delivery) == [
        "object_delivered",
        "object_loaded",
        "object_replaced",
        *(["object_replaced"] if not site.vendor.overwrites else []),
    ]
    (outcome,) = site.intake.process([site.bucket.remove(outcome.event.key)])
    with capture_logs() as logged:
        outcome.log()
    assert [line["event"] for line in logged] == ["object_removed", "object_removed", "object_replaced"]


def test_the_status_counts_deliveries_and_parts_that_wait(site: Site) -> None:
    before = read_status(site.house.lake, None, None)
    parts, manifest = site.deliver({"1": "1", "2": "2"})
    site.intake.process(parts)

    waiting = read_status(site.house.lake, None, None)
    assert waiting.parts_awaiting_manifest == (before.parts_awaiting_manifest or 0) + 2
    assert waiting.oldest_awaiting is not None
    site.intake.process([manifest])
    after = read_status(site.house.lake, None, None)
    assert after.parts_awaiting_manifest == before.parts_awaiting_manifest
    assert after.active_deliveries == (before.active_deliveries or 0) + 1
    assert after.ledger["delivered"] == before.ledger.get("delivered", 0) + 1


@pytest.mark.parametrize("site", ["cur_over", "exports_over"], indirect=True)
def test_parts_that_are_overwritten_below_the_same_manifest_are_a_new_delivery(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1", "2": "2"}, "same")
    site.intake.process([*parts, manifest])
    parts, manifest = site.deliver({"1": "1", "2": "5"}, "same")

    assert labels(site.intake.process([parts[1], manifest])) == ["awaiting_manifest", "delivered"]
    assert site.total() == Decimal(6)
    (delivery,) = site.deliveries()
    sql = "SELECT state, count(*) FROM ledger WHERE delivery_id = ? AND state IN ('loaded', 'unchanged') GROUP BY ALL"
    assert dict(site.house.lake.rows(sql, [delivery["delivery_id"]])) == {"loaded": 1, "unchanged": 1}
    site.bucket.calls.clear()
    _, manifest = site.deliver({"1": "1", "2": "5"}, "same")
    assert labels(site.intake.process([manifest])) == ["unchanged"]
    assert site.fetched() == ["x-Manifest.json" if "metadata" in manifest.key else "r-Manifest.json"]


@pytest.mark.parametrize("site", ["cur_over"], indirect=True)
def test_a_part_that_is_newer_than_its_manifest_belongs_to_a_delivery_that_is_being_written(site: Site) -> None:
    _, manifest = site.deliver({"1": "1", "2": "2"})
    site.bucket.now += NEXT_HOUR
    site.put_parts({"1": "100"})

    (outcome,) = site.intake.process([manifest])
    assert outcome.later
    assert "a newer delivery is being written" in str(outcome.reason)
    assert labels(site.intake.process([again(manifest, 3)])) == ["quarantined"]
    assert site.total() is None
    assert labels(site.intake.process([manifest.forced()])) == ["delivered"]
    assert site.total() == Decimal(102)


@pytest.mark.parametrize("site", ["cur_over"], indirect=True)
def test_a_manifest_that_is_overwritten_while_its_parts_are_fetched_has_to_come_again(site: Site) -> None:
    _, manifest = site.deliver({"1": "1", "2": "2"})
    newer: list[ObjectEvent] = []

    def overwrite(call: str, event: ObjectEvent) -> None:
        if call == "fetch" and event.key.endswith("r-2.csv") and not newer:
            newer.append(site.put_manifest(["1"], "d9"))

    site.bucket.before = overwrite
    (outcome,) = site.intake.process([manifest])

    assert (outcome.label, outcome.reason) == (
        "released",
        "The manifest was replaced while its delivery was read.",
    )
    assert (len(newer), site.total(), site.house.staged_files_left()) == (1, None, set())
    assert labels(site.intake.process([again(manifest)])) == ["delivered"], "what is current is taken"
    assert labels(site.intake.process(newer)) == ["unchanged"]
    assert site.total() == Decimal(1)


def test_a_part_that_cannot_be_read_leaves_the_delivery_before_in_force(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1"}, "d0")
    site.intake.process([*parts, manifest])
    _, manifest = site.deliver({"1": "10", "2": "20"}, "d1")
    bad = site.bucket.put(site.vendor.part_key("2026-03", "d1", "2"), b"\xff\xfe\x00garbage")
    manifest = site.put_manifest(["1", "2"], "d1")

    (outcome,) = site.intake.process([manifest])

    assert outcome.label == "quarantined"
    assert str(entry_of(outcome).reason).startswith(f"The part {bad.key} cannot be loaded: ")
    assert (site.total(), site.house.staged_files_left()) == (Decimal(1), set())
    site.put_parts({"2": "20"}, "d1")
    manifest = site.put_manifest(["1", "2"], "d1")
    assert labels(site.intake.process([replace(manifest.forced(), attempt=3)])) == ["delivered"]
    assert site.total() == Decimal(30)


def test_rows_that_do_not_fit_are_quarantined_with_their_part(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1 x", "2": "2"})
    site.intake.process([*parts, manifest])

    assert site.total() == Decimal(3)
    (row,) = site.house.view("quarantined_rows", site.bucket)
    assert (row["scope"], row["raw_value"]) == (parts[0].scope, "x")
    assert [delivery["rows_rejected"] for delivery in site.deliveries()] == [1]
    site.put_parts({"1": "1 4"})
    site.put_manifest(["1", "2"])
    reloaded = site.intake.process([replace(parts[0].forced(), attempt=3)])
    assert [(one.label, one.rows_loaded) for one in reloaded] == [("loaded", 2)], "the part's event tells of the part"
    assert (site.total(), site.house.view("quarantined_rows", site.bucket)) == (Decimal(7), [])


def test_a_part_that_is_removed_leaves_its_rows_to_the_delivery(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1", "2": "2"})
    site.intake.process([*parts, manifest])

    (outcome,) = site.intake.process([site.bucket.remove(parts[0].key)])

    assert (outcome.label, site.total()) == ("kept", Decimal(3))
    parts, manifest = site.deliver({"2": "5"}, "d2")
    site.intake.process([*parts, manifest])
    assert site.total() == Decimal(5)


@pytest.mark.parametrize(("policy", "left"), [(RemovalPolicy.RETRACT, None), (RemovalPolicy.KEEP, Decimal(3))])
def test_to_remove_the_manifest_in_force_is_to_remove_the_delivery(
    site: Site, policy: RemovalPolicy, left: Decimal | None
) -> None:
    site = Site(site.house, site.vendor, on_removed=policy)
    parts, manifest = site.deliver({"1": "1", "2": "2"})
    site.intake.process([*parts, manifest])

    removed = site.bucket.remove(manifest.key)
    (outcome,) = site.intake.process([removed])

    assert outcome.label == ("kept" if left else "removed")
    assert (site.total(), len(site.deliveries())) == (left, 1 if left else 0)
    assert labels(site.intake.process([removed, manifest, *parts])) == ["duplicate"] * 4
    parts, manifest = site.deliver({"1": "4"}, "d2")
    site.intake.process([*parts, manifest])
    assert site.total() == Decimal(4)


@pytest.mark.parametrize("site", ["cur_new"], indirect=True)
def test_to_remove_another_manifest_is_to_remove_nothing(site: Site) -> None:
    _, old = site.deliver({"1": "1"}, "d1")
    site.intake.process([old])
    _, new = site.deliver({"1": "2"}, "d2")
    site.intake.process([new])

    assert labels(site.intake.process([site.bucket.remove(old.key)])) == ["removed"]
    assert site.total() == Decimal(2)


@pytest.mark.parametrize("site", ["cur_new"], indirect=True)
def test_a_large_delivery_is_brought_in_groups_and_seen_as_a_whole(site: Site) -> None:
    site = Site(site.house, site.vendor, group_files=2)
    site.intake.process([site.deliver({"1": "1"}, "d0")[1]])
    seen: set[Decimal | None] = set()
    spooled: list[int] = []

    def look(call: str, _event: ObjectEvent) -> None:
        if call == "fetch":
            with site.house.reader() as lake:
                seen.update(cost for (cost,) in lake.rows(SUM, [site.bucket.name]))
            spooled.append(sum(1 for path in site.house.settings.spool.rglob("*.object")))

    _, manifest = site.deliver({str(number): "10" for number in range(7)}, "d1")
    site.bucket.before = look
    site.intake.process([manifest])

    assert (seen, site.total()) == ({Decimal(1)}, Decimal(70))
    assert len(spooled) == 8
    assert max(spooled) <= 2, "more than one group was in the spool"
    (delivery,) = site.deliveries()
    assert delivery["parts"] == 7


@pytest.mark.parametrize("site", ["cur_over", "hub"], indirect=True)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "The manifest is not JSON"),
        ("[" * 100_000, "The manifest is not JSON"),
        ("{}", "The manifest names no parts"),
        ('{"reportKeys": [], "blobs": []}', "The manifest names no parts"),
        ('{"reportKeys": [7], "blobs": [{}]}', "The manifest has a part without a name"),
        ('{"reportKeys": ["a.exe"], "blobs": [{"blobName": "a.exe"}]}', "'a.exe', which is no part of its own export"),
        (json.dumps({"reportKeys": ["x"] * 10_001, "blobs": [{"blobName": "x"}] * 10_001}), "10,001 parts"),
    ],
)
def test_a_manifest_that_is_none_changes_nothing_and_is_quarantined(site: Site, text: str, reason: str) -> None:
    plain = site.bucket.put("plain.csv", bill("5 USD"))
    site.intake.process([plain])
    manifest = site.bucket.put(site.vendor.manifest_key("2026-03", "d1"), text)

    (outcome,) = site.intake.process([manifest])

    assert outcome.label == "quarantined"
    assert reason in str(entry_of(outcome).reason)
    assert (site.total(), labels(site.intake.process([manifest]))) == (Decimal(5), ["duplicate"])


@pytest.mark.parametrize("site", ["cur_new"], indirect=True)
@pytest.mark.parametrize(
    "name",
    [
        "cur/other/20260301-20260401/d1/r-1.csv.gz",
        "cur/r/20260201-20260301/d1/r-1.csv.gz",
        "cur/r/20260301-20260401/../../other/20260301-20260401/r-1.csv.gz",
        "s3://elsewhere/cur/r/secret.txt",
    ],
)
def test_a_manifest_may_only_name_parts_of_its_own_export_and_period(site: Site, name: str) -> None:
    text = json.dumps({"reportKeys": [name]})
    manifest = site.bucket.put(site.vendor.manifest_key("2026-03", "d1"), text)

    (outcome,) = site.intake.process([manifest])

    assert outcome.label == "quarantined"
    assert "which is no part of its own export and period" in str(entry_of(outcome).reason)
    assert [call for call in site.bucket.calls if not call[1].endswith("Manifest.json")] == []


@pytest.mark.parametrize("site", ["hub"], indirect=True)
def test_a_part_of_another_size_than_its_manifest_says_is_not_complete(site: Site) -> None:
    _, manifest = site.deliver({"1": "1"})
    site.put_parts({"1": "1 2 3"})

    (outcome,) = site.intake.process([manifest])

    assert outcome.later
    assert "its manifest says" in str(outcome.reason)


@pytest.mark.parametrize("site", ["cur_over"], indirect=True)
def test_what_was_loaded_file_by_file_goes_when_the_first_delivery_comes(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1", "2": "2"})
    left = site.bucket.put("cur/r/20260301-20260401/r-old.csv", bill("50 USD"))
    other = site.bucket.put("cur/r/20260201-20260301/r-1.csv", bill("7 USD"))
    site.house.intake(site.bucket).process([*parts, left, other])
    assert site.total() == Decimal(60)

    site.intake.process([manifest])

    assert site.total() == Decimal(10)


def test_a_profile_may_say_that_its_files_count_only_as_parts_of_a_delivery(site: Site, tmp_path: Path) -> None:
    (tmp_path / "month_to_date.toml").write_text(
        'name = "month_to_date"\ntitle = "month to date"\nextends = "credits"\nscope = "delivery"\n'
    )
    columns = site.house.lake.columns("charges")
    intake = Intake(replace(site.intake.context, profiles=ProfileRegistry.load(tmp_path, columns=columns)))
    parts, manifest = site.deliver({"1": "1", "2": "2"})
    alone = site.bucket.put("elsewhere/today.csv", bill("50 USD"))

    *_, outcome = intake.process([*parts, alone])
    assert (outcome.label, intake.process([manifest])[0].label) == ("quarantined", "delivered")

    assert "count only as parts of a delivery" in str(entry_of(outcome).reason)
    assert site.total() == Decimal(3)


@pytest.mark.parametrize("site", ["exports_new"], indirect=True)
def test_an_export_that_was_copied_elsewhere_is_found_where_it_is(site: Site) -> None:
    site.deliver({"1": "1", "2": "2"})
    copied = [site.bucket.put(f"copies/of/it/{key}", site.bucket.content(key) or b"") for key in list(site.bucket.keys)]

    outcomes = site.intake.process(copied)

    assert sorted(labels(outcomes)) == ["awaiting_manifest", "awaiting_manifest", "delivered"]
    assert site.total() == Decimal(3)


@pytest.mark.parametrize("site", ["cur_new", "cur_over"], indirect=True)
def test_ledger_claims_and_charges_agree_after_all_of_it(site: Site) -> None:
    for number, costs in enumerate([{"1": "1", "2": "2"}, {"2": "3"}, {"1": "x", "2": "4"}]):
        parts, manifest = site.deliver(costs, f"d{number}")
        site.intake.process([*parts, again(manifest, 3)])
    site.intake.process([site.bucket.remove(parts[1].key)])

    assert prove(site.house.lake, site.house.settings).findings == ()
    sweep = Sweep(site.house.lake, cast("Bucket", site.bucket), BillingFiles(site.house.settings, LAYOUTS), Stop())
    assert list(sweep.differences()) == []
    replayed = [one.event.bucket for page in FromLedger(site.house.lake, Selection())() for one in page]
    assert site.bucket.name in replayed
    assert EXPORT_BUCKET not in replayed


def test_a_part_is_foreseen_to_come_with_its_manifest(site: Site) -> None:
    parts, manifest = site.deliver({"1": "1"})
    plain = site.bucket.put("plain.csv", bill("1 USD"))
    candidates = [Candidate(event) for event in (*parts, manifest, plain)]

    assert expected_verdicts(site.house.lake, candidates, LAYOUTS) == [Verdict.AWAIT, Verdict.LOAD, Verdict.LOAD]
    assert expected_verdicts(site.house.lake, candidates, Layouts()) == [Verdict.LOAD] * 3
    site.intake.process([*parts, manifest, plain])
    assert expected_verdicts(site.house.lake, candidates, LAYOUTS) == [Verdict.DUPLICATE] * 3


def test_states_of_deliveries_are_states_of_the_ledger() -> None:
    assert {State(state) for state in OF_DELIVERIES} == {
        State.AWAITING_MANIFEST,
        State.DELIVERED,
        State.REPLACED,
        State.STALE,
    }
