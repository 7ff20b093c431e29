"""Rules of quality on the road: judged before the commit, kept with it, enforced where that is wanted."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.decode import StagedLoad, Staging, open_tabular, plain_text
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.quality import Quality, broken_rows, findings, read_rules, shrunken
from tests.e2e.commands import Billstream
from tests.integration.exports_support import LAYOUTS
from tests.integration.intake_support import House

HEADER = (
    "ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,ListCost,BillingCurrency,ServiceName,ChargeCategory,"
    "ChargeClass"
)
SOUND = "2026-03-14T00:00:00Z,2026-03-15T00:00:00Z,1.5,1.5,2,USD,Compute,Usage,"
BACKWARDS = "2026-03-14T00:00:00Z,2026-03-13T00:00:00Z,2.5,2.5,3,USD,Compute,Usage,"
ODD = "2026-03-14T00:00:00Z,2026-03-15T00:00:00Z,3.5,4,3.5,Credits,,Usage,"


def bill(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = Settings(home=tmp_path_factory.mktemp("lake"), threads=1)
    with Lake.open(settings, create=True) as lake:
        yield House(lake, settings)


@pytest.fixture(scope="module")
def quality(house: House) -> Quality:
    return Quality(read_rules(None, house.lake.columns("charges")))


def broken(house: House, bucket: str) -> dict[tuple[str, str], tuple[int, int]]:
    found = [one for one in findings(house.lake) if one.scope.startswith(f"s3://{bucket}/")]
    return {(one.key, one.rule): (one.rows_failed, one.rows_loaded) for one in found}


def test_what_a_load_breaks_is_kept_with_it_until_it_is_replaced(house: House, quality: Quality) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket, quality=quality)
    texts = {"a.csv": bill(SOUND, BACKWARDS, ODD, ODD), "b.csv": bill(SOUND), "c.csv": bill(ODD)}
    intake.process([bucket.put(key, text) for key, text in texts.items()])
    of_odd = ("currency_is_known", "usage_costs_at_most_its_list_price", "usage_has_a_service")
    assert broken(house, bucket.name) == {
        ("a.csv", "charge_period_goes_forward"): (1, 4),
        **{("a.csv", rule): (2, 4) for rule in of_odd},
        **{("c.csv", rule): (1, 1) for rule in of_odd},
    }
    found = findings(house.lake)
    assert [one.severity for one in found] == sorted(one.severity for one in found)
    (backwards,) = (
        one for one in found if one.rule == "charge_period_goes_forward" and one.scope.startswith(f"s3://{bucket.name}")
    )
    (row,) = broken_rows(house.lake, backwards, quality.rules, 10)
    assert [str(value) for value in row.values()][1:3] == ["2.500000000000000000", "USD"]

    intake.process([bucket.put("a.csv", bill(*[SOUND] * 8)), bucket.remove("c.csv")])
    # Nothing but that the new version bills nothing in the other currency any more.
    assert broken(house, bucket.name) == {("a.csv", "version_keeps_its_cost"): (8, 8)}
    kept = "SELECT count(*) FROM quality_findings JOIN ledger USING (load_id) WHERE bucket = ?"
    assert house.lake.rows(kept, [bucket.name]) == [(7 + 1,)]


def test_a_file_is_not_judged_by_a_rule_about_columns_that_it_does_not_have(house: House, quality: Quality) -> None:
    """Files of several kinds are staged together, some by each pass; what one lacks is no fault of it."""
    bucket = house.bucket()
    short = "ChargePeriodStart,BilledCost,EffectiveCost,BillingCurrency\n2026-03-14T00:00:00Z,1,1,USD\n"
    careful = bill(BACKWARDS, ODD, "2026-03-14T00:00:00Z,x,1,1,1,USD,Compute,Usage,")
    intake = house.intake(bucket, quality=quality)
    texts = {"short.csv": short, "careful.csv": careful, "b.csv": bill(BACKWARDS)}
    intake.process([bucket.put(key, text) for key, text in texts.items()])
    assert broken(house, bucket.name) == {
        ("b.csv", "charge_period_goes_forward"): (1, 1),
        ("careful.csv", "charge_period_goes_forward"): (1, 2),
        ("careful.csv", "currency_is_known"): (1, 2),
        ("careful.csv", "usage_costs_at_most_its_list_price"): (1, 2),
        ("careful.csv", "usage_has_a_service"): (1, 2),
    }


def test_all_passes_judge_alike(house: House, quality: Quality, tmp_path: Path) -> None:
    registry = ProfileRegistry.load(None, columns=house.lake.columns("charges"))
    texts = [bill(*[SOUND] * 3, *[BACKWARDS] * 2, ODD), bill(ODD), bill(SOUND)]
    failing = []
    for typed in (True, False):
        files = []
        for text in texts:
            load_id = new_id()
            path = tmp_path / load_id
            path.write_text(text)
            files.append(open_tabular(load_id, plain_text(path, tmp_path / f"{load_id}.text"), registry))
        staging = Staging(house.lake, typed=typed, quality=quality)
        staged = staging.stage(files, new_id())
        assert any("typed" in path for path in staged.paths) is typed
        failing.append([staged.loads[file.load_id].failing for file in files])
        staging.discard(staged)
    assert failing[0] == failing[1]
    assert failing[0][0]["charge_period_goes_forward"] == 2
    assert failing[0][2] == {}


def test_a_version_that_loses_half_of_its_rows_or_costs_is_told(house: House, quality: Quality) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket, quality=quality)
    for number, (lines, expected) in enumerate(
        [
            ([SOUND] * 5, {}),
            ([SOUND] * 3, {}),
            ([SOUND], {"version_keeps_its_rows", "version_keeps_its_cost"}),
            ([SOUND.replace(",1.5,1.5", ",0.7,0.7")] * 2, {}),
            ([SOUND.replace(",1.5,1.5", ",0.7,0.7").replace("USD", "EUR")] * 2, {"version_keeps_its_cost"}),
        ]
    ):
        intake.process([bucket.put("a.csv", bill(*lines))])
        assert {rule for _, rule in broken(house, bucket.name)} == {*expected}, number
    (cost,) = (one for one in findings(house.lake) if one.scope.startswith(f"s3://{bucket.name}/"))
    shown = broken_rows(house.lake, cost, quality.rules, 10)
    costs = [(line["billing_currency"], line["billed_cost"], line["billed_cost_before"]) for line in shown]
    assert costs == [("EUR", Decimal("1.4"), 0), ("USD", 0, Decimal("1.4"))]


def test_a_sum_with_more_digits_than_the_type_breaks_no_rule_and_stops_none(house: House, quality: Quality) -> None:
    load = StagedLoad(rows_loaded=2, billed_totals={"USD": Decimal("150000000000000000000.5")})
    assert shrunken(house.lake, quality.rules, {"new": load}, {"new": "old"}) == {}


def test_an_enforced_error_quarantines_the_file_and_no_other(house: House, quality: Quality) -> None:
    bucket = house.bucket()
    first = house.intake(bucket)
    first.process([bucket.put("a.csv", bill(SOUND))])
    intake = house.intake(bucket, quality=Quality(quality.rules, enforced=True))
    intake.process([bucket.put("a.csv", bill(SOUND, BACKWARDS)), bucket.put("b.csv", bill(SOUND, ODD))])
    assert house.states(bucket, "a.csv") == ["loaded", "quarantined"]
    assert house.states(bucket, "b.csv") == ["loaded"]
    reason = house.ledger(bucket, "a.csv")[-1]["reason"]
    assert reason.startswith(
        "The file has 2 rows: 1 row against charge_period_goes_forward (A charge period ends after it begins.)."
    )
    assert "BILLSTREAM_QUALITY=enforce" in reason
    assert sum(house.totals(bucket, "a.csv").values()) == 1.5, "the rows of the last good version stay"
    assert broken(house, bucket.name).keys() == {
        ("b.csv", rule) for rule in ("currency_is_known", "usage_costs_at_most_its_list_price", "usage_has_a_service")
    }
    assert house.staged_files_left() == set()


def test_a_part_is_counted_beside_its_manifest(house: House, quality: Quality) -> None:
    """The first delivery tells three rows of a part that has two, and the right number of the other, one of them bad.

    The second tells nothing that could be a number, and breaks nothing.
    """
    bucket = house.bucket()
    enforced = house.bucket()
    folder = "cost/daily/20260301-20260331"
    short, whole = bill(SOUND, SOUND), bill(SOUND, "no,bill")
    for place in (bucket, enforced):
        place.put(f"{folder}/run1/short.csv", short)
        place.put(f"{folder}/run1/whole.csv", whole)
    told = {"short.csv": 3, "whole.csv": 2}
    text = manifest(folder, "run1", told)

    house.intake(bucket, quality=quality, layouts=LAYOUTS).process([bucket.put(f"{folder}/run1/manifest.json", text)])
    rule = "part_has_the_rows_of_its_manifest"
    assert broken(house, bucket.name) == {(f"{folder}/run1/short.csv", rule): (1, 2)}
    (finding,) = (one for one in findings(house.lake) if one.scope.startswith(f"s3://{bucket.name}/"))
    assert broken_rows(house.lake, finding, quality.rules, 10) == [{"rows_there": 2, "difference": 1}]

    strict = Quality(quality.rules, enforced=True)
    intake = house.intake(enforced, quality=strict, layouts=LAYOUTS)
    intake.process([enforced.put(f"{folder}/run1/manifest.json", text)])
    (reason,) = house.lake.rows(
        "SELECT reason FROM latest_entries WHERE bucket = ? AND state = 'quarantined'", [enforced.name]
    )
    assert "1 row against part_has_the_rows_of_its_manifest" in reason[0]
    assert house.totals(enforced) == {}
    assert house.staged_files_left() == set()

    bucket.put(f"{folder}/run2/short.csv", bill(SOUND, SOUND, SOUND))
    text = manifest(folder, "run2", {"short.csv": True})
    house.intake(bucket, quality=quality, layouts=LAYOUTS).process([bucket.put(f"{folder}/run2/manifest.json", text)])
    assert broken(house, bucket.name) == {}
    assert sum(house.totals(bucket).values()) == Decimal("4.5")


def manifest(folder: str, run: str, told: Mapping[str, object]) -> str:
    """A manifest as Microsoft writes it, of parts with so many rows."""
    blobs = [{"blobName": f"{folder}/{run}/{name}", "dataRowCount": rows} for name, rows in told.items()]
    day = "2026-03-14" if run == "run1" else "2026-03-15"
    return json.dumps({"blobs": blobs, "runInfo": {"submittedTime": f"{day}T05:00:00Z"}})


def test_commands_show_findings_rows_and_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    bare = Billstream(tmp_path / "home")
    billstream = Billstream(tmp_path / "home", {"BILLSTREAM_QUALITY_RULES": str(rules)})
    (tmp_path / "march.csv").write_text(bill(SOUND, BACKWARDS, ODD))
    rules.mkdir()
    (rules / "small_bills.sql").write_text(
        "-- says: We do not pay for less than two.\n-- severity: warning\n-- columns: billed_cost\n-- source: us\n"
        "billed_cost < 2\n"
    )
    bare.run("init")
    assert "No active load breaks a rule." in billstream.run("quality", "list")
    billstream.run("load", str(tmp_path / "march.csv"))
    found = json.loads(billstream.run("quality", "list", "--json", expect=1))
    assert found[0]["rule"] == "charge_period_goes_forward"
    assert {one["rule"] for one in found} >= {"small_bills", "currency_is_known"}
    assert "march.csv" in billstream.run("quality", "list", expect=1)
    shown = json.loads(billstream.run("quality", "show", "small_bills", "--json"))
    assert [row["billed_cost"] for one in shown for row in one["rows"]] == ["1.5"]
    assert "We do not pay for less than two." in billstream.run("quality", "rules")
    assert "1 of 3 rows break it" in billstream.run("quality", "show", "currency_is_known")
    assert "in use no more" in bare.run("quality", "show", "small_bills", expect=1)
    assert "Nothing active called x breaks a rule" in bare.run("quality", "show", "x", expect=1)
    assert json.loads(bare.run("status", "--json"))["quality_findings"] == {"error": 1, "warning": 4}
    billstream.run("aggregate", "--once")
    insights = json.loads((billstream.home / "insights" / "insights.json").read_text())
    told = {one["rule"]: (one["severity"], one["rows_failed"], one["files"]) for one in insights["quality"]}
    assert insights["quality"][0]["rule"] == "charge_period_goes_forward"
    assert told["charge_period_goes_forward"] == ("error", 1, 1)
    assert told["small_bills"] == ("warning", 1, 1)
    (doubt,) = [one for one in insights["omissions"] if one["kind"] == "broken_rules"]
    assert doubt["names"] == ["charge_period_goes_forward: 1 charge in 1 file"]
    assert 'id="quality"' in (billstream.home / "insights" / "dashboard.html").read_text()
    (rules / "bad.sql").write_text("nonsense")
    assert "bad.sql cannot be used" in billstream.run("load", str(tmp_path / "march.csv"), expect=78)
