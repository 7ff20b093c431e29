"""Layouts of exports: which keys are parts and manifests of what, and what a manifest says."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.common.errors import Fatal, Poison
from billstream.common.lake import ProcessedKey
from billstream.common.settings import Settings
from billstream.consumer.delivery.order import comes_late, digest_of, time_digits
from billstream.consumer.layouts.layout import Layouts, ManifestOf, PartOf, RunOf
from billstream.consumer.layouts.manifest import read_manifest
from billstream.consumer.layouts.place import Place
from billstream.consumer.layouts.template import Template, glob_pattern

LAYOUTS = Layouts.load(None)

PARTS = [
    ("pre/r/20260301-20260401/0c1d/r-00001.csv.gz", "pre/r/", "2026-03", "0c1d"),
    ("pre/r/20260301-20260331/r-00001.csv.zip", "pre/r/", "2026-03", None),
    ("20240101-20240131/r-00001.csv.zip", "", "2024-01", None),
    ("/20240101-20240131/r.CSV", "/", "2024-01", None),
    ("pre/r/r/year=2026/month=3/r-00001.snappy.parquet", "pre/r/", "2026-03", None),
    ("pre//x/data/BILLING_PERIOD=2026-03/x-00001.csv.gz", "pre//x/", "2026-03", None),
    (
        "x/data/billing_period=2026-03/2026-03-05T06:00:00.123Z-id/x.parquet",
        "x/",
        "2026-03",
        "2026-03-05T06:00:00.123Z-id",
    ),
    ("data/BILLING_PERIOD=2026-03/x.csv", "", "2026-03", None),
    ("sub/e/20260301-20260331/202603050600/5f1e/part_0_0001.csv", "sub/e/", "2026-03", "5f1e"),
    ("sub/e/20260305-20260305/5f1e/part_0_0001.csv", "sub/e/", "20260305-20260305", "5f1e"),
]
MANIFESTS = [
    ("pre/r/20260301-20260401/0c1d/r-Manifest.json", "aws_cur", "pre/r/", "0c1d"),
    ("pre/r/20260301-20260401/r-Manifest.json", "aws_cur", "pre/r/", None),
    ("p/x/metadata/BILLING_PERIOD=2026-03/x-Manifest.json", "aws_data_exports", "p/x/", None),
    ("metadata/BILLING_PERIOD=2026-03/x-Manifest.json", "aws_data_exports", "", None),
    ("sub/e/20260301-20260331/202603050600/5f1e/manifest.json", "finops_hub", "sub/e/", "5f1e"),
]
NEITHER = [
    "bills/year=2026/month=03/day=07/usage.csv",
    "bills/year=2026/month=03/usage.parquet",
    "bills/2026-03.csv",
    "pre/r/20260301-20260401/",
    "pre/r/20260301-20260401/r-00001.txt",
    "pre/r/20261301-20261401/r-00001.csv",
    "pre/r/20260401-20260301/r-00001.csv",
    "pre/r/٢٠٢٦٠٣٠١-20260401/r-00001.csv",
    "pre/../20260301-20260401/r-00001.csv",
    "pre/r/20260301-20260401/./r-00001.csv",
    "pre/r/20260301-20260401/a/b/c/r-00001.csv",
    "x/data/BILLING_PERIOD=2026-3/x.csv",
    "x/Data/BILLING_PERIOD=2026-03/x.csv",
    "x/data/BILLING_PERIOD=0000-03/x.csv",
    "manifest.json",
    "",
]


@pytest.mark.parametrize(("key", "prefix", "period", "delivery"), PARTS)
def test_a_part_is_known_by_its_key(key: str, prefix: str, period: str, delivery: str | None) -> None:
    role = LAYOUTS.role(key)
    assert isinstance(role, PartOf)
    assert role.place == Place(prefix, period, delivery)


@pytest.mark.parametrize(("key", "layout", "prefix", "delivery"), MANIFESTS)
def test_a_manifest_is_known_by_its_key(key: str, layout: str, prefix: str, delivery: str | None) -> None:
    role = LAYOUTS.role(key)
    assert isinstance(role, ManifestOf)
    assert (role.layout.name, role.place) == (layout, Place(prefix, "2026-03", delivery))


@pytest.mark.parametrize("key", NEITHER)
def test_all_else_is_an_ordinary_file(key: str) -> None:
    assert LAYOUTS.role(key) is None


@given(st.text(alphabet="*/{}ab.-0123456789=Z", max_size=300))
def test_no_key_breaks_the_layouts(key: str) -> None:
    role = LAYOUTS.role(key)
    assert role is None or role.place.prefix in key


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="abAB", max_size=8))
def test_a_star_is_any_text(pattern: str, text: str) -> None:
    wanted = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.IGNORECASE | re.DOTALL)
    assert (re.fullmatch(glob_pattern(pattern), text) is not None) == (wanted is not None)


def test_many_stars_cost_no_time() -> None:
    began = datetime.now(UTC)
    assert not re.fullmatch(glob_pattern("*a" * 200 + "*b"), "a" * 1024)
    assert (datetime.now(UTC) - began).total_seconds() < 1


@given(
    st.sampled_from(["*sk-s", "sk-s", "{delivery}", "*", "*\u017f"]), st.text(alphabet="skSK\u017f\u212a-x", max_size=5)
)
def test_the_ending_of_a_template_rules_out_no_key_that_it_matches(segment: str, name: str) -> None:
    """Where case does not count, the long s is an s, and the sign of the kelvin is a k."""
    template, key = Template.parse(f"{{export}}/{{yyyy-mm}}/{segment}"), f"2026-03/{name}"
    assert (template.match(key) is not None) == (template.pattern.fullmatch(key) is not None)


HOSTILE_KEYS = [
    "/" * 1024,
    "a/" * 512,
    "20260301-20260401/" * 56 + "x",
    "year=2026/month=3/" * 56 + "x.parquet",
    "r/20260301-20260401/" + "-Manifest" * 110,
    "r/20260301-20260401/" + "-Manifest.json" * 70 + "x",
    "data/BILLING_PERIOD=2026-03/" * 36 + ".csv" * 4,
    "*/" * 300 + "{delivery}/" * 38,
]


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_hostile_key_costs_no_time(key: str) -> None:
    folders = [f"{{export}}/{'*a*a*a/' * 5}{{yyyy-mm}}/{{delivery}}", "{export}/*/*/*/*/{yyyy}/{mm}/*Manifest*.json"]
    templates = [Template.parse(folder) for folder in folders]
    began = time.process_time()
    for _ in range(100):
        LAYOUTS.role(key)
        assert not any(template.match(key) for template in templates)
    assert time.process_time() - began < 2  # 20 ms a key; going back would take minutes


def test_the_role_of_a_key_is_that_of_its_whole() -> None:
    assert LAYOUTS.role("r/20260301-20260401/r-1.csv\n") is None
    assert isinstance(LAYOUTS.role("r\n/20260301-20260401/r\n1.csv"), PartOf)
    assert LAYOUTS.role("x/r/year=2026/month=3/r-1.parquet") is None


@pytest.mark.parametrize(
    "template",
    [
        "a/{yyyy-mm}/*",
        "{export}",
        "{export}/",
        "{export}/{delivery}/*.csv",
        "{export}/{yyyy-mm}//*",
        "{export}/{yyyy}/x",
        "{export}/{yyyy-mm}/{nonsense}",
        "{export}/{yyyy-mm}/{yyyymmdd-yyyymmdd}/*",
        "{export}/{yyyy-mm}/x{delivery}",
        "{export}/{yyyy-mm}/{delivery}/{delivery}",
        "{export}/{yyyy}/{yyyy}/{mm}",
    ],
)
def test_a_template_that_is_none_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=re.escape(template)):
        Template.parse(template)


def test_the_time_in_a_deliverys_folder_is_read() -> None:
    stamps = ("2026-03-05T06:00:00.123Z-id", "20260305T060000Z-id", "0c1d", "2026-03-05Z", "Tuesday the 5thZ", None)
    found = [Place("", "2026-03", stamp).written_at for stamp in stamps]
    assert found == [
        datetime(2026, 3, 5, 6, 0, 0, 123000, UTC),
        datetime(2026, 3, 5, 6, tzinfo=UTC),
        None,
        None,
        None,
        None,
    ]


# -- layouts of one's own ----------------------------------------------------------------------------------

MINE = """
name = "mine"
title = "Mine"
[parts]
folders = ["{export}/{yyyy-mm}/{delivery}"]
files = ["*.csv"]
[manifests]
keys = ["{export}/{yyyy-mm}/{delivery}/_DONE.json"]
parts = "output.files"
key = "path"
"""


def test_a_layout_of_ones_own_is_data(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    layouts = Layouts.load(tmp_path, ("mine", "aws_cur"))

    role = layouts.role("vendor/2026-03/7/_DONE.json")
    assert isinstance(role, ManifestOf)
    manifest = read_manifest(
        b'{"output": {"files": [{"path": "vendor/2026-03/7/a.csv"}]}}', "vendor/2026-03/7/_DONE.json", role
    )
    assert [(part.key, part.overwritten) for part in manifest.parts] == [("vendor/2026-03/7/a.csv", False)]
    assert [layout.name for layout in layouts.active] == ["mine", "aws_cur"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "not valid TOML"),
        (MINE.replace('title = "Mine"', ""), "at title: Field required"),
        (MINE.replace('{export}/{yyyy-mm}/{delivery}"', '{export}/{month}"'), "at parts.folders.0: .*month"),
        (MINE.replace('"*.csv"', '"a/*.csv"'), "at parts.files.0: .*no slash"),
        (MINE.replace("output.files", "output..files"), "at manifests.parts: "),
        (MINE + 'colour = "blue"\n', "at manifests.colour: Extra inputs"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_layout_is_told_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(Fatal, match=rf"(?s)mine\.toml .*{complaint}"):
        Layouts.load(tmp_path)


def test_layouts_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSTREAM_EXPORT_LAYOUTS", "aws_cur, finops_hub")
    assert Settings.from_environment().export_layouts == ("aws_cur", "finops_hub")
    assert Layouts.load(None, ("none",)).active == ()
    assert [layout.name for layout in Layouts.load(None, ("finops_hub",)).active] == ["finops_hub"]
    assert {layout.name for layout in LAYOUTS.active} == {
        "aws_cur",
        "aws_data_exports",
        "azure_runs",
        "billstream",
        "finops_hub",
    }
    assert all(layout.documentation for layout in LAYOUTS.active)
    with pytest.raises(Fatal, match="BILLSTREAM_EXPORT_LAYOUTS names what is no layout: nonsense"):
        Layouts.load(None, ("nonsense",))
    with pytest.raises(Fatal, match="BILLSTREAM_EXPORTS_DIR"):
        Layouts.load(Path("nowhere"))


# -- manifests ---------------------------------------------------------------------------------------------


def role_of(key: str) -> ManifestOf:
    role = LAYOUTS.role(key)
    assert isinstance(role, ManifestOf)
    return role


def test_a_hubs_manifest_tells_sizes_and_time() -> None:
    key = "e/20260301-20260331/202603050600/5f1e/manifest.json"
    blob = {"blobName": key.replace("manifest.json", "part_0.csv"), "byteCount": 7}
    text = json.dumps({"blobs": [blob, blob], "runInfo": {"submittedTime": "2026-03-05T06:00:00.1234567Z"}})

    manifest = read_manifest(("\ufeff" + text).encode(), key, role_of(key))

    assert [(part.key, part.size_bytes, part.overwritten) for part in manifest.parts] == [(blob["blobName"], 7, False)]
    assert manifest.time == datetime(2026, 3, 5, 6, 0, 0, 123456, UTC)


@pytest.mark.parametrize("size", [True, -1, "7", 7.5, None])
def test_a_size_that_is_none_is_not_checked(size: object) -> None:
    key = "e/20260301-20260331/5f1e/manifest.json"
    text = json.dumps({"blobs": [{"blobName": "e/20260301-20260331/5f1e/part.csv", "byteCount": size}]})
    (part,) = read_manifest(text.encode(), key, role_of(key)).parts
    assert part.size_bytes is None


def test_a_part_is_found_below_the_manifests_own_folders() -> None:
    key = "/home/ada/bucket/20240101-20240131/r-Manifest.json"
    text = json.dumps({"reportKeys": ["20240101-20240131/r-00001.csv.zip"]})
    (part,) = read_manifest(text.encode(), key, role_of(key)).parts
    assert (part.key, part.overwritten) == ("/home/ada/bucket/20240101-20240131/r-00001.csv.zip", True)


documents = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["reportKeys", "x"]), inner),
)


@given(st.binary(max_size=60) | documents.map(lambda document: json.dumps(document).encode()))
def test_whatever_a_manifest_holds_is_read_or_poison(content: bytes) -> None:
    key = "r/20240101-20240131/r-Manifest.json"
    try:
        parts = read_manifest(content, key, role_of(key)).parts
    except Poison:
        parts = ()
    assert all(part.key.startswith("r/20240101-20240131/") for part in parts)


def named(*keys: str) -> bytes:
    return json.dumps({"reportKeys": keys}).encode()


@pytest.mark.parametrize(
    "folder",
    ["/cur/20240101-20240131", "cur/20240101-20240131", "a//cur/20240101-20240131", "/disk/b/cur/20240101-20240131"],
)
def test_the_keys_of_a_report_without_a_prefix_begin_with_a_slash(folder: str) -> None:
    key = f"{folder}/cur-Manifest.json"
    for name in ("/cur/20240101-20240131/cur-00001.csv", "//cur/20240101-20240131/cur-00001.csv"):
        (part,) = read_manifest(named(name), key, role_of(key)).parts
        assert part.key == f"{folder}/cur-00001.csv"


HUB = "e/20260301-20260331/5f1e/manifest.json"
AWS = "e/metadata/BILLING_PERIOD=2026-03/e-Manifest.json"


@pytest.mark.parametrize(
    ("key", "document", "dataset", "version"),
    [
        (HUB, {"exportConfig": {"type": " ActualCost ", "dataVersion": "2021-10-01"}}, "ActualCost", "2021-10-01"),
        (HUB, {"exportConfig": {"type": 7}}, None, None),
        (HUB, {}, None, None),
        (AWS, {"dataQuery": {"tableConfigurations": {"CARBON_EMISSIONS": {}}}}, "CARBON_EMISSIONS", None),
        (AWS, {"queryStatement": "SELECT a, b\nFROM FOCUS_1_2_AWS WHERE x"}, "FOCUS_1_2_AWS", None),
        (AWS, {"executionId": "x"}, None, None),
    ],
)  # fmt: skip
def test_a_manifest_tells_its_dataset(
    key: str, document: dict[str, object], dataset: str | None, version: str | None
) -> None:
    blob = HUB.replace("manifest.json", "part.csv")
    parts = {"blobs": [{"blobName": blob}], "dataFiles": ["s3://b/e/data/BILLING_PERIOD=2026-03/e.csv"]}
    manifest = read_manifest(json.dumps(document | parts).encode(), key, role_of(key))
    assert (manifest.dataset, manifest.data_version) == (dataset, version)


# -- runs ------------------------------------------------------------------------------------------------

GUID = "8a1b2c3d-1111-2222-3333-444444444444"


@pytest.mark.parametrize("name", ["daily_8a1b2c3d.csv", f"daily_{GUID}.csv", "daily_8A1B2C3D.CSV.gz"])
def test_a_file_named_by_its_export_and_an_id_is_a_run(name: str) -> None:
    role = LAYOUTS.role(f"cost/daily/20260901-20260930/{name}")
    assert isinstance(role, RunOf)
    assert (role.place.prefix, role.place.period, role.place.export) == ("cost/daily/", "2026-09", "daily")


@pytest.mark.parametrize(
    "name", ["weekly_8a1b2c3d.csv", "daily_8a1b2c3d_1.csv", "daily_8a1b2c3d-0001.csv", "daily.csv", f"x_{GUID}.csv"]
)
def test_a_file_that_may_be_one_of_several_is_no_run(name: str) -> None:
    assert isinstance(LAYOUTS.role(f"cost/daily/20260901-20260930/{name}"), PartOf)


def test_a_layout_has_parts_with_manifests_or_runs(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE.partition("[manifests]")[0])
    with pytest.raises(Fatal, match=r"a layout has \[parts\] and \[manifests\], or \[runs\]"):
        Layouts.load(tmp_path)


# -- order ----------------------------------------------------------------------------------------------


def held(time: datetime, load_id: str | None) -> ProcessedKey:
    return ProcessedKey(scope_id="s", entry_id="e", state="delivered", load_id=load_id, sequencer=time_digits(time))


def test_only_an_older_delivery_comes_late() -> None:
    early, late = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 5, 0, 0, 0, 1, UTC)
    assert comes_late(time_digits(early), held(late, "d"), force=False)
    assert comes_late(time_digits(early), held(late, "d"), force=True)
    assert not comes_late(time_digits(late), held(late, "d"), force=False)
    assert not comes_late(time_digits(late), held(early, "d"), force=False)


def test_a_removed_delivery_comes_back_only_by_force() -> None:
    early, late = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC)
    assert comes_late(time_digits(early), held(late, None), force=False)
    assert not comes_late(time_digits(early), held(late, None), force=True)


def test_the_digits_of_times_sort_as_the_times_do() -> None:
    years = [datetime(year, 1, 1, tzinfo=UTC) for year in (1960, 1970, 1999, 2026, 9999)]
    digits = [time_digits(year) for year in years]
    assert digits == sorted(digits)
    assert {len(one) for one in digits} == {16}


def test_a_digest_is_of_keys_and_versions_in_any_order() -> None:
    assert digest_of([("a", "1"), ("b", "2")]) == digest_of([("b", "2"), ("a", "1")])
    assert digest_of([("a", "1")]) != digest_of([("a", "2")])
    assert digest_of([("a", "1b")]) != digest_of([("a1", "b")])
