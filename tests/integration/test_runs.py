"""Exports without manifests: whatever comes in whatever order, the lake has the newest run of each month."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from billstream.cli import wiring
from billstream.cli.verify.proof import prove
from billstream.common.lake import Lake
from billstream.common.policies import RemovalPolicy
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.local_files import find_files, load_files
from billstream.consumer.backfill.replay import Candidate, expected_verdicts
from billstream.consumer.backfill.sweep import Sweep, foreign
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from tests.integration.exports_support import LAYOUTS, NOON
from tests.integration.intake_support import House, entry_of, labels

if TYPE_CHECKING:
    from billstream.consumer.s3.listing import Bucket

HEADER = "SubscriptionId,Date,MeterCategory,MeterId,ChargeType,Quantity,CostInBillingCurrency,BillingCurrencyCode"
MONTH = "cost/daily/20260301-20260331"


def run_of(*days: str) -> str:
    """A file with a charge for each `day cost`."""
    rows = [f"s1,03/{day}/2026,Virtual Machines,m1,Usage,24,{cost},EUR" for day, cost in map(str.split, days)]
    return "\n".join([HEADER, *rows]) + "\n"


class Azure:
    """A container that is copied into a bucket, and a consumer of it."""

    def __init__(self, house: House, on_removed: RemovalPolicy = RemovalPolicy.RETRACT) -> None:
        self.house, self.bucket = house, house.bucket(now=NOON)
        self.intake = house.intake(self.bucket, layouts=LAYOUTS, on_removed=on_removed)

    def put(self, number: int, *days: str, folder: str = MONTH) -> ObjectEvent:
        """Put the run with this number, an hour after the one before."""
        self.bucket.now = NOON + timedelta(hours=number)
        event = self.bucket.put(f"{folder}/daily_{number:08x}.csv", run_of(*days))
        return replace(event, event_time=self.bucket.now)

    def total(self) -> Decimal | None:
        return self.house.totals(self.bucket).get("EUR")

    def process(self, *events: ObjectEvent) -> list[str]:
        return labels(self.intake.process(list(events)))

    def differences(self) -> list[str]:
        chosen = BillingFiles(self.house.settings, LAYOUTS)
        return [str(one.difference) for one in Sweep(
            self.house.lake, cast("Bucket", self.bucket), chosen, Stop()).differences()]  # fmt: skip


@pytest.fixture
def azure(house: House) -> Azure:
    return Azure(house)


def test_the_newest_run_of_a_month_replaces_the_one_before(azure: Azure) -> None:
    first, second, april = (
        azure.put(1, "01 3.50"),
        azure.put(2, "01 3.50", "02 4"),
        azure.put(3, "01 100", folder="cost/daily/20260401-20260430"),
    )
    assert azure.process(first) == ["loaded"]
    assert azure.total() == Decimal("3.5")

    assert azure.process(second, april) == ["loaded", "loaded"]

    assert azure.total() == Decimal("107.5"), "another month is another scope"
    assert azure.process(first, second) == ["duplicate", "duplicate"]
    states = {line["key"].rsplit("/")[-1]: line["state"] for line in azure.house.ledger(azure.bucket)}
    assert states == {"daily_00000001.csv": "replaced", "daily_00000002.csv": "loaded", "daily_00000003.csv": "loaded"}
    scope = f"export://{azure.bucket.name}/cost/daily/2026-03"
    assert azure.house.lake.rows("SELECT parts, rows_loaded FROM deliveries WHERE scope = ?", [scope]) == [(1, 2)]
    assert azure.differences() == []
    assert prove(azure.house.lake, azure.house.settings).findings == ()


def test_a_run_that_comes_late_is_stale_and_stays_so(azure: Azure) -> None:
    runs = [azure.put(number, *(f"{day:02} 1" for day in range(1, number + 1))) for number in range(1, 5)]

    assert azure.process(runs[3], runs[1]) == ["loaded", "stale"]
    assert sorted(azure.process(*runs)) == ["duplicate", "duplicate", "stale", "stale"]
    assert azure.process(runs[0].forced(), runs[3].forced()) == ["stale", "loaded"], "a replay rolls nothing back"

    assert azure.total() == Decimal(4)
    assert azure.house.staged_files_left() == set()


def test_the_days_of_a_copied_run_tell_its_place_where_the_time_of_its_file_does_not(azure: Azure) -> None:
    newest = azure.put(1, "01 1", "02 1", "03 1")
    older = azure.put(2, "01 1", "02 1")

    assert azure.process(older) == ["loaded"]
    assert azure.process(newest) == ["loaded"]
    assert azure.process(older.forced()) == ["stale"]

    assert azure.total() == Decimal(3)
    restated = azure.put(3, "01 1", "02 1", "03 5")
    assert (azure.process(restated), azure.total()) == (["loaded"], Decimal(7))


@pytest.mark.parametrize("other", [("16 5",), ()])
def test_a_run_that_lacks_days_of_the_one_before_is_asked_about(azure: Azure, other: tuple[str, ...]) -> None:
    azure.process(azure.put(1, "01 1", "15 1"))
    lacking = azure.put(2, *other)

    (outcome,) = azure.intake.process([lacking])

    assert (outcome.label, azure.total()) == ("quarantined", Decimal(2))
    assert "2026-03-01 to 2026-03-15" in str(entry_of(outcome).reason)
    assert "billstream quarantine reload" in str(entry_of(outcome).reason)
    assert azure.process(lacking.forced()) == ["loaded"]
    assert azure.total() == (Decimal(5) if other else None)


@pytest.mark.parametrize("name", ["daily_00000001_0.csv", "daily_00000001-0001.csv", "part_0_0001.csv", "daily.csv"])
def test_a_file_that_may_be_one_of_several_waits_for_a_manifest(azure: Azure, name: str) -> None:
    assert azure.process(azure.bucket.put(f"{MONTH}/{name}", run_of("01 1"))) == ["awaiting_manifest"]
    assert azure.total() is None


def test_a_run_that_cannot_be_read_leaves_the_one_before_active(azure: Azure) -> None:
    azure.process(azure.put(1, "01 1"))
    bad = azure.bucket.put(f"{MONTH}/daily_00000002.csv", "a,b\n1,2\n")

    (outcome,) = azure.intake.process([bad])

    assert (outcome.label, azure.total()) == ("quarantined", Decimal(1))
    assert str(entry_of(outcome).reason).startswith("Line 1: No profile fits the header: 'a', 'b'")


def test_an_object_that_is_overwritten_replaces_its_own_rows(azure: Azure) -> None:
    azure.process(azure.put(1, "01 1"))
    assert azure.process(azure.put(1, "01 2")) == ["loaded"]
    assert azure.total() == Decimal(2)
    assert azure.process(azure.put(1, "01 2")) == ["unchanged"], "the same version, told anew"
    bad = azure.bucket.put(f"{MONTH}/daily_00000001.csv", "a,b\n1,2\n")
    assert (azure.process(bad), azure.total()) == (["quarantined"], Decimal(2)), "the rows that are known stay"
    assert azure.process(azure.put(2, "01 7")) == ["loaded"]
    assert azure.total() == Decimal(7)


@pytest.mark.parametrize(("policy", "left"), [(RemovalPolicy.RETRACT, None), (RemovalPolicy.KEEP, Decimal(2))])
def test_the_rows_of_a_run_go_with_its_object_as_the_policy_says(
    house: House, policy: RemovalPolicy, left: Decimal | None
) -> None:
    azure = Azure(house, policy)
    older, newer = azure.put(1, "01 1"), azure.put(2, "01 2")
    azure.process(older)
    azure.process(newer)

    azure.process(azure.bucket.remove(older.key))
    assert azure.total() == Decimal(2)
    removed = azure.bucket.remove(newer.key)
    assert azure.process(removed) == ["kept" if left else "removed"]

    assert azure.total() == left
    assert azure.process(removed, newer) == ["duplicate", "duplicate"]
    assert azure.differences() == []
    assert prove(house.lake, house.settings).findings == ()


@pytest.mark.parametrize("late", [1, 2])
def test_of_two_consumers_with_two_runs_of_one_month_the_newer_one_wins(house: House, late: int) -> None:
    azure = Azure(house)
    runs = {1: azure.put(1, "01 1"), 2: azure.put(2, "01 1", "02 5")}
    rival = house.intake(azure.bucket, lake=house.stack.enter_context(Lake.open(house.settings)), layouts=LAYOUTS)
    overtaken: list[str] = []

    def overtake(call: str, event: ObjectEvent) -> None:
        if call == "fetch" and event.key == runs[late].key and not overtaken:
            overtaken.append("begun")
            overtaken.extend(labels(rival.process([runs[3 - late]])))

    azure.bucket.before = overtake

    assert azure.process(runs[late]) == ["stale" if late == 1 else "loaded"]
    assert (overtaken, azure.total()) == (["begun", "loaded"], Decimal(6))
    assert house.staged_files_left() == set()
    assert prove(house.lake, house.settings).findings == ()


def test_a_lifecycle_rule_takes_no_rows(azure: Azure) -> None:
    azure.process(run := azure.put(1, "01 1"))
    gone = replace(azure.bucket.remove(run.key), kind=EventKind.EXPIRED, event_name="LifecycleExpiration:Delete")
    assert (azure.process(gone), azure.total()) == (["expired"], Decimal(1))


def test_a_sweep_finds_runs_and_those_that_waited_before_the_layout_was_known(azure: Azure) -> None:
    before = Layouts.load(None, ("finops_hub",))
    run, part = azure.put(1, "01 1"), azure.bucket.put(f"{MONTH}/part_0.csv", run_of("01 9"))
    azure.house.intake(azure.bucket, layouts=before).process([run, part])
    other = azure.put(2, "01 2")

    assert sorted(azure.differences()) == ["changed", "unknown"]
    assert azure.process(run) == ["loaded"]
    assert azure.process(other) == ["loaded"]
    assert (azure.total(), azure.differences()) == (Decimal(2), [])
    candidates = [Candidate(run), Candidate(part)]
    assert expected_verdicts(azure.house.lake, candidates, LAYOUTS) == [Verdict.DUPLICATE, Verdict.DUPLICATE]
    found = [one.event for one in foreign(azure.house.lake, ["another"]) if one.event.bucket == azure.bucket.name]
    assert [event.key for event in found] == [other.key]
    assert (azure.process(*found), azure.total()) == (["removed"], None)


@pytest.fixture
def lake_of_ones_own(tmp_path: Path) -> Iterator[House]:
    chosen = Settings(home=tmp_path / "lake", threads=1)
    with ExitStack() as stack:
        yield House(stack.enter_context(Lake.open(chosen, create=True)), chosen)


def test_runs_in_a_folder_are_loaded_as_those_of_a_bucket(lake_of_ones_own: House, tmp_path: Path) -> None:
    house, folder = lake_of_ones_own, tmp_path / "copy" / MONTH
    folder.mkdir(parents=True)
    (folder / "daily_0000000f.csv").write_text(run_of("01 1"))
    (folder / "daily_0000000a.csv").write_text(run_of("01 1", "02 2"))

    for expected in ({"loaded": 1, "stale": 1}, {"duplicate": 2}):
        intake = wiring.local_intake(house.settings, house.lake)
        done = load_files(find_files([tmp_path / "copy"], house.settings, LAYOUTS), intake, house.settings)
        assert (dict(done.outcomes), done.troubles) == (expected, [])

    assert house.lake.rows("SELECT sum(billed_cost) FROM charges") == [(Decimal(3),)]
