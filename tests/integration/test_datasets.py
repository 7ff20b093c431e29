"""What a delivery contains, as its manifest tells it, and manifests of unusual places: from the key to the rows."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files
from billstream.consumer.events import ObjectEvent
from tests.fakes.objects import FakeBucket
from tests.integration.exports_support import LAYOUTS, VENDORS, Site
from tests.integration.intake_support import House, bill, entry_of, labels

HUNT = (Path(__file__).resolve().parents[3] / "shared/hunt").resolve()
HEADER = "SubscriptionId,Date,MeterCategory,MeterId,ChargeType,CostInBillingCurrency,BillingCurrencyCode,ReservationId"
COVERED = "s1,09/13/2026,Virtual Machines,m1,Usage,10,EUR,r1"
ON_DEMAND = "s1,09/14/2026,Virtual Machines,m1,Usage,3.5,EUR,"
BOUGHT = "s1,09/13/2026,Virtual Machines,m1,Purchase,300,EUR,r1"
FREE = "s1,09/13/2026,Virtual Machines,m1,Usage,0,EUR,r1"
UNUSED = "s1,09/13/2026,Virtual Machines,m1,UnusedReservation,2,EUR,r1"
ADVICE = (
    r"1 row with charge_category 'Usage' has a billed_cost: only amortised costs have that.*"
    r'extends = "azure_amortized", match\.keys = \["daily"\]; then run: billstream quarantine reload'
)


def deliver(bucket: FakeBucket, export: str, dataset: str | None, *rows: str) -> ObjectEvent:
    """Put one part and its manifest."""
    folder = f"cost/{export}/20260901-20260930/run1"
    bucket.put(f"{folder}/part_0.csv", "\n".join([HEADER, *rows]) + "\n")
    document = {"blobs": [{"blobName": f"{folder}/part_0.csv"}], "exportConfig": {"type": dataset}}
    return bucket.put(f"{folder}/manifest.json", json.dumps(document))


def costs(house: House, bucket: FakeBucket) -> tuple[Decimal | None, Decimal | None]:
    sql = (
        "SELECT sum(billed_cost), sum(effective_cost) FROM charges "
        "WHERE load_id IN (SELECT load_id FROM ledger WHERE bucket = ?)"
    )
    ((billed, effective),) = house.lake.rows(sql, [bucket.name])
    return billed, effective


@pytest.mark.parametrize(
    ("export", "dataset", "rows", "billed", "effective"),
    [
        ("daily-eff", "AmortizedCost", (COVERED, ON_DEMAND, UNUSED), None, "15.5"),
        ("daily-actual", "ActualCost", (FREE, ON_DEMAND, BOUGHT), "303.5", None),
        ("amortised", "ActualCost", (FREE, ON_DEMAND, BOUGHT), "303.5", None),
        ("actual", "AmortizedCost", (COVERED, ON_DEMAND), None, "13.5"),
        ("daily", None, (FREE, ON_DEMAND, BOUGHT), "303.5", None),
        ("daily-amortised", None, (COVERED, ON_DEMAND), None, "13.5"),
    ],
)
def test_the_manifest_tells_what_costs_are_and_without_one_the_own_name(
    house: House, export: str, dataset: str | None, rows: tuple[str, ...], billed: str | None, effective: str | None
) -> None:  # fmt: skip
    bucket = house.bucket()
    manifest = deliver(bucket, export, dataset, *rows)
    assert labels(house.intake(bucket, layouts=LAYOUTS).process([manifest])) == ["delivered"]
    assert costs(house, bucket) == tuple(Decimal(cost) if cost else None for cost in (billed, effective))


@pytest.mark.parametrize(
    ("export", "dataset", "rows", "reason"),
    [
        ("daily", None, (COVERED, ON_DEMAND), ADVICE),
        ("daily", None, (ON_DEMAND, UNUSED), r"ChargeType is 'UnusedReservation' in a record: only amortised"),
        ("amortised", None, (FREE, BOUGHT), r'with charge_category \'Purchase\'.*extends = "azure_actual"'),
        ("daily", "AmortizedCost", (BOUGHT,), r"only actual costs have that"),
        ("actual-or-amortised", None, (ON_DEMAND,), r'says both.*keys = \["actual-or-amortised"\]'),
        ("daily", "PriceSheet", (ON_DEMAND,), r"an export of other data, not a list of charges"),
    ],
)  # fmt: skip
def test_what_is_not_told_or_contradicted_is_asked(
    house: House, export: str, dataset: str | None, rows: tuple[str, ...], reason: str
) -> None:
    bucket = house.bucket()
    manifest = deliver(bucket, export, dataset, *rows)
    (outcome,) = house.intake(bucket, layouts=LAYOUTS).process([manifest])
    assert outcome.label == "quarantined"
    assert re.search(reason, str(entry_of(outcome).reason)), entry_of(outcome).reason
    assert (costs(house, bucket), house.staged_files_left()) == ((None, None), set())


def test_the_profile_of_the_reason_answers_the_question(house: House, tmp_path: Path) -> None:
    (tmp_path / "our.toml").write_text(
        'name = "our_amortized"\ntitle = "our amortised cost"\nextends = "azure_amortized"\nmatch.keys = ["daily"]\n'
    )
    bucket = house.bucket()
    manifest = deliver(bucket, "daily", None, COVERED, ON_DEMAND)
    actual = deliver(bucket, "other", None, ON_DEMAND)
    intake = house.intake(bucket, layouts=LAYOUTS, profiles_dir=tmp_path)
    assert labels(intake.process([manifest.forced(), actual])) == ["delivered", "delivered"]
    assert costs(house, bucket) == (Decimal("3.5"), Decimal("13.5"))


def test_a_file_that_is_contradicted_is_refused_alone(house: House) -> None:
    bucket = house.bucket()
    files = {"a": (ON_DEMAND,), "b": (ON_DEMAND, COVERED), "c": (BOUGHT, FREE)}
    events = [bucket.put(f"daily/{name}.csv", "\n".join([HEADER, *rows])) for name, rows in files.items()]
    assert labels(house.intake(bucket).process(events)) == ["loaded", "quarantined", "loaded"]
    assert costs(house, bucket) == (Decimal("303.5"), None)


@pytest.mark.parametrize("first", ["folder", "root"])
def test_a_manifest_that_stands_twice_tells_of_one_delivery(house: House, first: str) -> None:
    site = Site(house, VENDORS["cur_new"])
    parts, folder = site.deliver({"1": "1", "2": "2"})
    text = site.bucket.content(folder.key) or b""
    root = site.bucket.put("cur/r/20260301-20260401/r-Manifest.json", text)
    told = [folder, root] if first == "folder" else [root, folder]

    assert [labels(site.intake.process([event])) for event in (*told, *told)] == [
        ["delivered"], ["unchanged"], ["duplicate"], ["duplicate"]
    ]  # fmt: skip
    assert site.total() == Decimal(3)
    assert labels(site.intake.process(parts)) == ["duplicate", "duplicate"]
    site.intake.process([site.deliver({"1": "5"}, "d2")[1]])
    assert labels(site.intake.process([folder.forced()])) == ["stale"]
    assert site.total() == Decimal(5)


def test_a_report_without_a_prefix_is_loaded_from_keys_that_begin_with_a_slash(house: House) -> None:
    bucket, folder = house.bucket(), "/cur/20260901-20261001"
    part = bucket.put(f"{folder}/cur-00001.csv", bill("5 USD"))
    manifest = bucket.put(f"{folder}/cur-Manifest.json", json.dumps({"reportKeys": [part.key]}))
    assert labels(house.intake(bucket, layouts=LAYOUTS).process([part, manifest])) == ["awaiting_manifest", "delivered"]
    assert house.totals(bucket) == {"USD": Decimal(5)}


@pytest.mark.skipif(not HUNT.is_dir(), reason="the collected example files are not here")
@pytest.mark.parametrize(
    ("folder", "billed", "effective"),
    [
        ("azure_manifest_says_amortized", "303.5", "13.5"),
        ("amorti_in_parent", "300", None),
        ("azure_export_without_manifest", "3.5", None),
    ],
)
def test_exports_that_were_found_to_be_misread_are_read_as_what_they_are(
    house: House, folder: str, billed: str | None, effective: str | None
) -> None:
    bucket = house.bucket()
    paths = find_files([HUNT / folder], Settings(), LAYOUTS)
    events = [bucket.put(str(path.relative_to(HUNT / folder)), path.read_bytes()) for path in paths]
    house.intake(bucket, layouts=LAYOUTS).process(events)
    assert costs(house, bucket) == tuple(Decimal(cost) if cost else None for cost in (billed, effective))
