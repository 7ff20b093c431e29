"""Two consumers with two manifests of one month; and exports on a disk, in real layouts."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.cli import wiring
from billstream.cli.verify.proof import prove
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files, load_files
from billstream.consumer.events import ObjectEvent
from tests.integration.exports_support import LAYOUTS, VENDORS, Site
from tests.integration.intake_support import House, bill, labels

KEBOOLA = Path(__file__).resolve().parents[3] / "shared/data/keboola_cur/tests/mock_data"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    chosen = Settings(home=tmp_path / "lake", threads=2)
    with Lake.open(chosen, create=True) as lake:
        made = House(lake, chosen)
        with made.stack:
            yield made


@pytest.mark.parametrize("late", ["d1", "d2"])
def test_of_two_consumers_with_two_manifests_of_one_month_the_newer_one_wins(house: House, late: str) -> None:
    site = Site(house, VENDORS["cur_new"])
    site.intake.process([site.deliver({"1": "1"}, "d0")[1]])
    manifests = {"d1": site.deliver({"1": "10", "2": "20"}, "d1")[1], "d2": site.deliver({"1": "100"}, "d2")[1]}
    first = manifests["d2" if late == "d1" else "d1"]
    rival = site.consumer(site.bucket, lake=house.stack.enter_context(Lake.open(house.settings)), name="rival")
    overtaken: list[str] = []

    def overtake(call: str, event: ObjectEvent) -> None:
        if call == "fetch" and f"/{late}/r-1.csv" in event.key and not overtaken:
            overtaken.append("begun")
            overtaken.extend(labels(rival.process([first])))

    site.bucket.before = overtake
    outcomes = site.intake.process([manifests[late]])

    assert overtaken == ["begun", "delivered"]
    assert labels(outcomes) == ["stale" if late == "d1" else "delivered"]
    assert site.total() == Decimal(100)
    assert len(site.deliveries()) == 1
    assert house.staged_files_left() == set()
    assert prove(house.lake, house.settings).findings == (), "rows of the overtaken delivery came along"
    assert site.fetched().count("r-1.csv.gz") == 3, "what was fetched before the redo is not fetched again"


def export_folder(root: Path, costs: dict[str, str], delivery: str) -> None:
    vendor = VENDORS["cur_new"]
    keys = [vendor.part_key("2026-03", delivery, name).removesuffix(".gz") for name in costs]
    for key, cost in zip(keys, costs.values(), strict=True):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_text(bill(f"{cost} USD"))
    manifest = root / vendor.manifest_key("2026-03", delivery)
    manifest.write_text(f'{{"reportKeys": {keys}}}'.replace("'", '"'))


def load(house: House, folder: Path) -> dict[str, int]:
    intake = wiring.local_intake(house.settings, house.lake)
    done = load_files(find_files([folder], house.settings, LAYOUTS), intake, house.settings)
    assert done.troubles == []
    return dict(done.outcomes)


def test_an_export_in_a_folder_is_loaded_as_one_of_a_bucket(house: House, tmp_path: Path) -> None:
    export_folder(tmp_path / "copy", {"1": "1", "2": "2"}, "d1")

    assert load(house, tmp_path / "copy") == {"loaded": 2, "delivered": 1}
    assert house.lake.rows("SELECT sum(billed_cost) FROM charges") == [(Decimal(3),)]
    assert load(house, tmp_path / "copy") == {"duplicate": 3}
    export_folder(tmp_path / "copy", {"1": "10"}, "d2")
    assert load(house, tmp_path / "copy") == {"duplicate": 3, "loaded": 1, "delivered": 1}
    assert house.lake.rows("SELECT sum(billed_cost) FROM charges") == [(Decimal(10),)]
    states = dict(house.lake.rows("SELECT parse_filename(key), state FROM latest_entries WHERE key LIKE '%/d1/%'"))
    export_folder(tmp_path / "late", {"1": "10"}, "d3")
    next((tmp_path / "late").rglob("*Manifest.json")).unlink()
    assert load(house, tmp_path / "late") == {"awaiting_manifest": 1}
    assert states == {"r-1.csv": "replaced", "r-2.csv": "replaced", "r-Manifest.json": "delivered"}


@pytest.mark.skipif(not KEBOOLA.is_dir(), reason="the collected example files are not here")
@pytest.mark.parametrize(("example", "sample"), [("cur_1_0", "data"), ("cur_2_0", "data_v2")])
def test_real_folders_of_exports_are_loaded(house: House, tmp_path: Path, example: str, sample: str) -> None:
    shutil.copytree(KEBOOLA / example / "s3_structure", tmp_path / "copy")

    assert load(house, tmp_path / "copy") == {"loaded": 1, "delivered": 1}

    (_, *records) = (KEBOOLA / example / f"sample_billing_{sample}.csv").read_text().splitlines()
    assert house.lake.rows("SELECT count(*) FROM charges") == [(len(records),)]
    assert house.lake.rows("SELECT parts, rows_loaded FROM deliveries") == [(1, len(records))]
