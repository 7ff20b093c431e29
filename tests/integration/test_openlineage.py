"""What a lineage backend is told of commits: true, complete, once; and a backend that misbehaves changes nothing."""

import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.rollups import ROLLUPS
from billstream.common.lake import Lake
from billstream.common.openlineage import sending
from billstream.common.openlineage.events import MOST_LINKS
from billstream.common.openlineage.run import MOST_INPUTS
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.integration.intake_support import House, bill
from tests.integration.openlineage_support import backend, name_backend, runs
from tests.servers.sinks import http_sink

NAMESPACE = "ducklake:///lakes/catalog.sqlite"


def made_of(output: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Of each column the names of the datasets, and of their fields, that it is made of."""
    fields = output["facets"]["columnLineage"]["fields"]
    return {column: [(one["name"], one["field"]) for one in of["inputFields"]] for column, of in sorted(fields.items())}


def tags(event: dict[str, Any]) -> dict[str, str]:
    """Our own; the client adds its version."""
    own = [tag for tag in event["run"]["facets"]["tags"]["tags"] if tag["source"] == "BILLSTREAM"]
    return {tag["key"]: tag["value"] for tag in own}


def test_a_unit_is_one_run_with_the_versions_that_were_loaded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = house.bucket(versioned=True)
    events = [bucket.put("march.csv", bill("1 USD", "2 USD", "nonsense USD")), bucket.put("april.csv", bill("4 EUR"))]
    with backend(monkeypatch) as sink:
        house.intake(bucket).process(events)
    [run] = runs(sink)
    entries = {line["key"]: line for line in house.ledger(bucket)}
    snapshot = house.lake.snapshot_id()

    assert run["job"]["namespace"], run["job"]["name"] == ("billstream", "consumer.load")
    assert tags(run) == {"snapshot_id": str(snapshot)}
    assert [(one["namespace"], one["name"]) for one in run["inputs"]] == [
        (f"s3://{bucket.name}", "march.csv"),
        (f"s3://{bucket.name}", "april.csv"),
    ]
    for one in run["inputs"]:
        entry = entries[one["name"]]
        assert one["facets"]["version"]["datasetVersion"] == entry["version_id"]
        assert [field["name"] for field in one["facets"]["schema"]["fields"]] == bill().strip().split(",")
        counted = one["inputFacets"]["inputStatistics"]
        assert (counted["size"], counted["fileCount"]) == (entry["size_bytes"], 1)
        assert counted["rowCount"] == entry["rows_loaded"] + entry["rows_rejected"]
    [output] = run["outputs"]
    assert (output["namespace"], output["name"]) == (NAMESPACE, "charges")
    assert output["facets"]["version"]["datasetVersion"] == str(snapshot)
    types = {field["name"]: field["type"] for field in output["facets"]["schema"]["fields"]}
    assert types == house.lake.columns("charges")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert output["outputFacets"]["outputStatistics"]["size"] > 0
    both = ("march.csv", "april.csv")
    assert made_of(output) == {
        "billed_cost": [(key, "cost") for key in both],
        "billing_currency": [(key, "currency") for key in both],
        "charge_period_start": [(key, "date") for key in both],
        "consumed_quantity": [(key, "credits") for key in both],
        "x_user_id": [(key, "user") for key in both],
    }


def test_each_commit_is_told_once_however_often_its_messages_come(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = house.bucket()
    first = [bucket.put(f"{number}.csv", bill(f"{number} USD")) for number in range(3)]
    with backend(monkeypatch) as sink:
        intake, rival = house.intake(bucket), house.rival(bucket)
        for events in (first, first, first[:1]):
            intake.process(events)
            rival.process(events)
        second = bucket.put("1.csv", bill("7 USD"))
        rival.process([second, first[0]])
        intake.process([second])
    loaded = [[one["name"] for one in run["inputs"]] for run in runs(sink)]
    assert loaded == [["0.csv", "1.csv", "2.csv"], ["1.csv"]]


def test_a_removal_changes_the_table_and_has_no_input(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = house.bucket()
    house.intake(bucket).process([bucket.put("march.csv", bill("1 USD"))])
    with backend(monkeypatch) as sink:
        house.intake(bucket).process([bucket.remove("march.csv")])
        house.intake(bucket).process([bucket.put("broken.csv", "no bill at all")])
    removal, quarantined = runs(sink)
    assert removal["inputs"] == []
    assert [one["name"] for one in removal["outputs"]] == ["charges"]
    assert (quarantined["inputs"], quarantined["outputs"]) == ([], [])  # the commit wrote the ledger alone


@pytest.mark.parametrize(
    "key",
    [
        "a/'; DROP TABLE charges; --.csv",
        '"}],"eventType":"FAIL".csv',
        "ünï\u2028cöde\x00\x1b[2J.csv",
        "%2e%2e/%s{}.csv",
    ],
)
def test_a_hostile_key_arrives_as_it_is(key: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = house.bucket()
    header = 'date,credits,cost,currency,"note ""}],{",' + "x" * 5000
    with backend(monkeypatch) as sink:
        house.intake(bucket).process([bucket.put(key, f"{header}\n2026-03-14,1,2,USD,n,x\n")])
    [run] = runs(sink)
    assert [one["name"] for one in run["inputs"]] == [key]
    names = [field["name"] for field in run["inputs"][0]["facets"]["schema"]["fields"]]
    assert names == ["date", "credits", "cost", "currency", 'note "}],{']
    assert (key, 'note "}],{') in made_of(run["outputs"][0])["rescued"]


def test_a_unit_of_many_files_stays_of_bounded_size(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = house.bucket()
    content = "date,credits,cost,currency,user,note\n2026-03-14,1,2,USD,ada,x\n"
    events = [bucket.put(f"{number}.csv", content) for number in range(MOST_INPUTS + 5)]
    with backend(monkeypatch) as sink:
        house.intake(bucket).process(events)
    [run] = runs(sink)
    assert len(run["inputs"]) == MOST_INPUTS
    columns = made_of(run["outputs"][0])
    links = sum(map(len, columns.values()))
    assert MOST_LINKS - len(columns) < links <= MOST_LINKS
    told = tags(run)
    assert told["inputs_left_out"] == "5"
    assert int(told["inputs_without_column_lineage"]) == MOST_INPUTS - links // len(columns)
    assert run["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == MOST_INPUTS + 5


def test_a_refresh_is_one_run_from_the_charges_to_the_aggregates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake.open(Settings(home=tmp_path / "home", threads=1), create=True) as lake:
        place = House(lake, Settings(home=tmp_path / "home", threads=1))
        bucket = place.bucket()
        place.intake(bucket).process([bucket.put("march.csv", bill("1 USD", "2 EUR"))])
        with backend(monkeypatch) as sink:
            refreshed = refresh_once(lake)
            refresh_once(lake)
        tables = {rollup.table: lake.columns(rollup.table) for rollup in ROLLUPS}
        snapshot = lake.snapshot_id()
        charges = lake.columns("charges")
    [run] = runs(sink)
    assert (run["job"]["namespace"], run["job"]["name"]) == ("billstream", "aggregator.refresh")
    [read] = run["inputs"]
    assert (read["namespace"], read["name"]) == (NAMESPACE, "charges")
    assert read["facets"]["version"]["datasetVersion"] == str(refreshed.snapshot_id)
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 2
    assert {one["name"]: one["facets"]["version"]["datasetVersion"] for one in run["outputs"]} == dict.fromkeys(
        tables, str(snapshot)
    )
    for output in run["outputs"]:
        own, links = tables[output["name"]], made_of(output)
        assert {field["name"] for field in output["facets"]["schema"]["fields"]} == own.keys()
        assert links.keys() == own.keys() - {"charge_rows"}
        assert {field for fields in links.values() for _, field in fields} <= charges.keys()


def test_a_backend_that_is_away_holds_nothing_up(tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    with http_sink() as sink:
        sink.answers = ["hang"] * 100
        name_backend(monkeypatch, tmp_path, sink.url, seconds=60)
        with capture_logs() as logs, sending("/lakes/catalog.sqlite", "/lakes/data", "test"):
            for number in range(20):
                intake.process([bucket.put(f"{number}.csv", bill(f"{number} USD"))])
            # All were committed while the backend held the first event.
            assert len(house.states(bucket)) == 20
            assert len(sink.received) <= 1
            began = time.monotonic()
        assert time.monotonic() - began < 30
    [end] = [log for log in logs if log["event"].startswith("openlineage")]
    assert (end["event"], end["runs"]) == ("openlineage_runs_dropped", 20)


@pytest.mark.parametrize("answer", [500, 401, "cut", "half"])
def test_a_backend_that_refuses_is_told_once(
    answer: int | str, tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = house.bucket()
    with http_sink() as sink:
        sink.answers = [answer] * 6
        name_backend(monkeypatch, tmp_path, sink.url, seconds=2)
        with capture_logs() as logs, sending("/lakes/catalog.sqlite", "/lakes/data", "test"):
            for number in range(8):
                [outcome] = house.intake(bucket).process([bucket.put(f"{number}.csv", bill(f"{number} USD"))])
                assert outcome.loaded
                while len(sink.received) <= min(number, 5):
                    time.sleep(0.01)
    told = [log["event"] for log in logs if log["event"].startswith("openlineage")]
    assert told[:2] == ["openlineage_runs_lost", "openlineage_recovered"] or answer == "half"
    assert [request.body["eventType"] for request in sink.received[-2:]] == ["START", "COMPLETE"]


def test_a_command_ends_in_time_and_says_what_it_says_without_a_backend(tmp_path: Path) -> None:
    (tmp_path / "march.csv").write_text(bill("1 USD"))
    plain = Billstream(tmp_path / "plain").run("load", str(tmp_path / "march.csv"))
    with http_sink() as sink:
        sink.answers = ["hang"] * 10
        watched = Billstream(tmp_path / "watched", {"OPENLINEAGE_URL": sink.url})
        began = time.monotonic()
        said = watched.run("load", str(tmp_path / "march.csv"))
        seconds = time.monotonic() - began
        assert len(sink.received) == 1
    assert said == plain
    assert seconds < 60
