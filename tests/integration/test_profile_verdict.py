"""`profile test` says of every kind of file what `load` does with it: by exit code, by count and by reason."""

import json
from pathlib import Path

import pytest

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files, load_files
from billstream.consumer.commit.ledger import EntryBuilder
from billstream.consumer.context import Context
from billstream.consumer.decode import Staging
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.objects import LocalObjects
from billstream.consumer.trial.bench import workbench
from billstream.consumer.trial.loading import load_folder
from billstream.consumer.trial.trial import try_file
from tests.integration.intake_support import bill

AZURE = "SubscriptionId,Date,MeterCategory,MeterId,ChargeType,CostInBillingCurrency,BillingCurrencyCode,ReservationId\n"
COVERED = f"{AZURE}s1,09/13/2026,VM,m1,Usage,10,EUR,r1\n"
DAYS = "cost/{}/20260901-20260930"


def manifest(folder: str, part: str, dataset: str | None = None) -> str:
    return json.dumps({"blobs": [{"blobName": f"{folder}/{part}"}], "exportConfig": {"type": dataset}})


GOOD, HALF, LOST = DAYS.format("good") + "/r1", DAYS.format("half") + "/r1", DAYS.format("lost") + "/r1"
FILES = {
    "good.csv": bill("1 USD", "2 USD"),
    "empty.csv": "",
    "header.csv": "date,credits,cost,currency,user\n",
    "partial.csv": bill("1 USD", "x USD"),
    "no_row_fits.csv": bill("x USD", "y USD"),
    "unknown.csv": "what,why\n1,2\n",
    "no_text.csv": "\x00\x01\x02" * 100,
    "covered.csv": COVERED,
    "amortised.csv": COVERED,
    "actual-or-amortised.csv": COVERED,
    "part_of_delivery.csv": "when,price\n2026-01-01,1\n",
    f"{DAYS.format('daily')}/daily_8a1b2c3d.csv": COVERED.replace(",10,", ",0,"),
    f"{DAYS.format('run')}/run_8a1b2c3d.csv": COVERED,
    f"{DAYS.format('alone')}/part_0.csv": COVERED,
    f"{GOOD}/part_0.csv": COVERED,
    f"{GOOD}/manifest.json": manifest(GOOD, "part_0.csv", "AmortizedCost"),
    f"{HALF}/part_0.csv": COVERED,
    f"{HALF}/manifest.json": manifest(HALF, "part_0.csv"),
    f"{LOST}/manifest.json": manifest(LOST, "part_9.csv"),
    f"{DAYS.format('none')}/r1/manifest.json": "{",
}
WITH_DELIVERY = (
    'name = "month"\ntitle = "month to date"\nscope = "delivery"\n[match]\nneeds = ["billed_cost"]\n[columns]\n'
    'charge_period_start = { from = ["when"], required = true }\nbilled_cost = "price"\n'
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "profiles").mkdir()
    (folder / "profiles/month.toml").write_text(WITH_DELIVERY)
    for name, text in FILES.items():
        path = folder / "bills" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Settings(home=folder / "home", profiles_dir=folder / "profiles", threads=1)


def loader(settings: Settings, lake: Lake) -> Intake:
    """What `load` works with, over a lake that is not a bench's."""
    profiles = ProfileRegistry.load(settings.profiles_dir, columns=lake.columns("charges"))
    tools = (lake, LocalObjects(), profiles, Spool(settings.spool), Staging(lake), EntryBuilder("load"))
    return Intake(Context(*tools, layouts=Layouts.load(None)))


def test_the_verdict_on_every_kind_of_file_is_that_of_a_load(settings: Settings) -> None:
    bills = settings.home.parent / "bills"
    seen: dict[str, tuple[str, int, int]] = {}
    profiles: dict[str, str | None] = {}
    with Lake.open(settings, create=True) as lake, workbench(settings) as bench:
        intake = loader(settings, lake)
        for name in FILES:
            trial = try_file(bench, bills / name, str(bills / name))
            loading = load_files([bills / name], intake, settings)
            (state,) = loading.outcomes
            told = (trial.state, trial.load.rows_loaded, trial.load.rows_rejected)
            assert told[0] == state, (name, trial.refusal, loading.troubles)
            assert [trial.refusal] == [reason for _, reason in loading.troubles] or not (
                trial.refusal or loading.troubles
            ), name
            if state in {"loaded", "delivered"}:
                assert told[1:] == (loading.rows, loading.rejected), name
            seen[name], profiles[name] = told, trial.profile
    assert {state for state, _, _ in seen.values()} == {
        "loaded", "quarantined", "awaiting_manifest", "delivered", "released"
    }  # fmt: skip
    assert profiles[f"{GOOD}/part_0.csv"] == "azure_amortized", "the manifest beside it tells"
    assert seen["partial.csv"] == ("loaded", 1, 1)
    assert seen["amortised.csv"] == ("loaded", 1, 0)


def test_the_verdict_on_a_folder_is_that_of_a_load(settings: Settings, tmp_path: Path) -> None:
    bills = settings.home.parent / "bills"
    with workbench(settings) as bench:
        loading, files = load_folder(bench, bills, settings)
    elsewhere = Settings(home=tmp_path, profiles_dir=settings.profiles_dir, threads=1)
    with Lake.open(elsewhere, create=True) as lake:
        found = find_files([bills], elsewhere, Layouts.load(None))
        other = load_files(found, loader(elsewhere, lake), elsewhere)
    assert dict(loading.outcomes) == dict(other.outcomes)
    assert sorted(loading.troubles) == sorted(other.troubles)
    good = next(file for file in files if file.key.endswith(f"{GOOD}/part_0.csv"))
    assert (good.state, good.profile, good.rows_loaded) == ("loaded", "azure_amortized", 1)


def test_a_key_puts_a_manifest_and_its_parts_where_they_are_in_the_bucket(settings: Settings) -> None:
    path = settings.home.parent / "bills" / GOOD / "manifest.json"
    with workbench(settings) as bench:
        for key in (f"{GOOD}/manifest.json", f"a/b/{GOOD}/manifest.json", f"/{GOOD}/manifest.json"):
            trial = try_file(bench, path, key)
            assert (trial.state, trial.load.rows_loaded) == ("delivered", 1), (key, trial.refusal)
