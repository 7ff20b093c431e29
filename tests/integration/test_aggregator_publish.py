"""Publishing from a real lake: when, what, and never by halves."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from billstream.aggregator import loop, publish
from billstream.aggregator.loop import follow
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, MARKDOWN_NAME, SCHEMA_NAME
from billstream.aggregator.refresh import RefreshReport, refresh_once
from billstream.aggregator.targets import folder
from billstream.aggregator.targets.folder import replace_files
from billstream.common.errors import CatalogUnavailable, Fatal, Misconfigured, Retryable
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.aggregator_support import NOW, Line, Row, commit_load, new_lake, settings_in, settle

CHARGE = Row(datetime(2025, 6, 1, tzinfo=UTC), "USD", service_name="<b>|`", billed_cost=Decimal("1.5"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as opened:
        yield opened


def published(settings: Settings) -> dict[str, str]:
    return {path.name: path.read_text() for path in settings.insights.iterdir() if not path.name.startswith(".")}


def test_every_file_is_there_and_names_its_snapshot(lake: Lake, settings: Settings) -> None:
    commit_load(lake, "a", [CHARGE])
    report = refresh_once(lake, now=NOW)
    assert publish.publish(lake, settings, report) == settings.insights
    texts = published(settings)
    assert set(texts) == set(folder.PUBLISHED)
    said = json.loads(texts[JSON_NAME])
    jsonschema.Draft202012Validator(json.loads(texts[SCHEMA_NAME])).validate(said)
    assert said["snapshot_id"] == report.snapshot_id
    assert said["meters"][0]["amounts"]["all_time"] == "1.5"
    assert f"Snapshot {report.snapshot_id} " in texts[MARKDOWN_NAME]
    assert f'content="{report.snapshot_id}"' in texts[HTML_NAME]


def test_an_empty_lake_is_published_too(lake: Lake, settings: Settings) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    texts = published(settings)
    assert "no data yet" in texts[MARKDOWN_NAME]
    assert "no data yet" in texts[HTML_NAME]
    jsonschema.validate(json.loads(texts[JSON_NAME]), json.loads(texts[SCHEMA_NAME]))


def test_nothing_new_is_not_published(lake: Lake, settings: Settings) -> None:
    assert publish.publish(lake, settings, refresh_once(lake))
    assert publish.publish(lake, settings, refresh_once(lake)) is None
    assert publish.publish(lake, settings, refresh_once(lake), force=True)


@pytest.mark.parametrize("name", folder.PUBLISHED)
def test_a_missing_file_is_published_again(lake: Lake, settings: Settings, name: str) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    (settings.insights / name).unlink()
    assert publish.publish(lake, settings, refresh_once(lake))
    assert set(published(settings)) == set(folder.PUBLISHED)


@pytest.mark.parametrize("rubbish", ["", "null", "[]", '{"schema_version": 1}', "{"])
def test_an_unreadable_file_is_published_again(lake: Lake, settings: Settings, rubbish: str) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    (settings.insights / JSON_NAME).write_text(rubbish)
    assert publish.publish(lake, settings, refresh_once(lake))


def test_a_crash_between_commit_and_publication_heals(lake: Lake, settings: Settings) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    commit_load(lake, "a", [CHARGE])
    assert refresh_once(lake).changed  # and the process dies here
    report = refresh_once(lake)
    assert not report.changed
    assert publish.publish(lake, settings, report)
    assert json.loads(published(settings)[JSON_NAME])["charge_rows"] == 1


def test_a_new_ledger_line_alone_is_published(lake: Lake, settings: Settings) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    settle(lake, Line("s3://billing/bad.csv", "quarantined"))
    report = refresh_once(lake)
    assert not report.changed
    assert publish.publish(lake, settings, report)
    said = json.loads(published(settings)[JSON_NAME])
    assert said["freshness"]["quarantined_files"] == 1
    assert said["snapshot_id"] == report.snapshot_id > said["watermark_snapshot_id"]


def test_a_new_day_alone_is_published(lake: Lake, settings: Settings) -> None:
    now = [NOW]
    publisher = publish.Publisher(lake, clock=lambda: now[0])
    target = folder.FolderTarget(settings.insights)
    report = refresh_once(lake, now=NOW)
    assert publisher.publish(target, report)
    assert not publisher.publish(target, report)
    now[0] += timedelta(days=1)
    assert publisher.publish(target, report)
    assert json.loads(published(settings)[JSON_NAME])["today"] == "2025-07-02"


def test_another_lake_of_the_same_age_is_published(lake: Lake, settings: Settings, tmp_path: Path) -> None:
    publish.publish(lake, settings, refresh_once(lake, now=NOW))
    with new_lake(tmp_path / "other") as other:
        assert publish.publish(other, settings, refresh_once(other))


def test_without_aggregates_there_is_nothing_to_publish(lake: Lake, settings: Settings) -> None:
    with pytest.raises(Fatal, match="no aggregates to publish"):
        publish.publish(lake, settings)


# -- never by halves ---------------------------------------------------------------------------------------


def test_a_failure_while_rendering_leaves_the_old_files(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    before = published(settings)
    commit_load(lake, "a", [CHARGE])

    def fail(_: object) -> dict[str, str]:
        raise ZeroDivisionError

    monkeypatch.setattr(folder, "render", fail)
    with pytest.raises(ZeroDivisionError):
        publish.publish(lake, settings, refresh_once(lake))
    assert published(settings) == before
    monkeypatch.undo()
    assert publish.publish(lake, settings, refresh_once(lake))


def test_a_failure_while_writing_leaves_whole_files_and_heals(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(lake, settings, refresh_once(lake))
    before = published(settings)
    commit_load(lake, "a", [CHARGE])
    report = refresh_once(lake)
    left = [2]

    def fill_up(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fill_up)
    with pytest.raises(Retryable, match="No space left"):
        publish.publish(lake, settings, report)
    between = published(settings)
    assert between[JSON_NAME] == before[JSON_NAME]
    assert between[HTML_NAME] == before[HTML_NAME]
    monkeypatch.undo()
    assert publish.publish(lake, settings, report)
    assert not list(settings.insights.glob(".*.tmp"))


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "insights.json"
    texts = [json.dumps({"number": number, "padding": str(number) * 200_000}) for number in range(2)]
    replace_files(tmp_path, {path.name: texts[0]})
    done = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not done.is_set():
            seen.append(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(100):
        replace_files(tmp_path, {path.name: texts[turn % 2]})
    done.set()
    reader.join()
    assert seen
    assert set(seen) <= set(texts)


def test_a_folder_that_is_a_file_is_fatal(lake: Lake, settings: Settings) -> None:
    settings.insights.parent.mkdir(exist_ok=True)
    settings.insights.write_text("not a folder")
    with pytest.raises(Fatal, match="cannot be published"):
        publish.publish(lake, settings, refresh_once(lake))


# -- the loop ----------------------------------------------------------------------------------------------


class Turns:
    """Lets a loop run this many times; before each further turn something happens."""

    def __init__(self, *between: object) -> None:
        self.between = list(between)
        self.waited: list[float] = []

    def wait(self, timeout: float, /) -> bool:
        self.waited.append(timeout)
        if not self.between:
            return True
        happening = self.between.pop(0)
        if callable(happening):
            happening()
        return False


def test_the_loop_refreshes_and_publishes_until_told_to_stop(lake: Lake, settings: Settings, tmp_path: Path) -> None:
    with Lake.open(settings_in(tmp_path)) as loader:
        turns = Turns(lambda: commit_load(loader, "a", [CHARGE]), None)
        follow(lake, settings, turns)
    # A pause after each of two rounds, the second for the commit; then a look that finds nothing to do.
    *pauses, look = turns.waited
    assert len(pauses) == 2
    assert min(pauses) >= settings.aggregate_seconds
    assert look == lake.look_seconds < settings.aggregate_seconds
    assert json.loads(published(settings)[JSON_NAME])["charge_rows"] == 1


def test_the_loop_waits_for_what_may_recover(lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [CatalogUnavailable("away"), Retryable("busy")]

    def refresh(of: Lake, **_: object) -> RefreshReport:
        if answers:
            raise answers.pop(0)
        return refresh_once(of)

    monkeypatch.setattr(loop, "refresh_once", refresh)
    follow(lake, settings, Turns(None, None))
    assert not answers
    assert set(published(settings)) == set(folder.PUBLISHED)


def test_the_loop_ends_with_what_is_fatal(lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refresh(_: Lake, **__: object) -> RefreshReport:
        raise Fatal("a bug")

    monkeypatch.setattr(loop, "refresh_once", refresh)
    with pytest.raises(Fatal, match="a bug"):
        follow(lake, settings, threading.Event())


# -- other people's files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dashboard.html", "insights.json", "insights.md", "insights.schema.json"])
def test_a_folder_with_files_of_somebody_else_is_refused(lake: Lake, settings: Settings, name: str) -> None:
    site = settings.model_copy(update={"insights_dir": settings.home / f"www-{name}"})
    site.insights.mkdir()
    (site.insights / name).write_text("somebody's own page")

    with pytest.raises(Misconfigured, match=f"its {name} is not one of ours"):
        publish.publish(lake, site, refresh_once(lake), force=True)

    assert [(path.name, path.read_text()) for path in site.insights.iterdir()] == [(name, "somebody's own page")]


def test_publishing_writes_through_no_link_and_removes_nothing_else(
    lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    site = settings.model_copy(update={"insights_dir": settings.home / "www"})
    publish.publish(lake, site, refresh_once(lake), force=True)
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in ("index.html", ".insights.json.tmp", "insights.json.bak", ".htaccess"):
        (site.insights / name).write_text(name)
    (site.insights / ".billstream.insights.json.tmp").symlink_to(precious)
    (site.insights / ".billstream.insights.md.tmp").hardlink_to(precious)
    (site.insights / "dashboard.html").unlink()
    (site.insights / "dashboard.html").symlink_to(precious)

    publish.publish(lake, site, refresh_once(lake), force=True)

    assert precious.read_text() == "precious"
    assert not (site.insights / "dashboard.html").is_symlink()
    for name in ("index.html", ".insights.json.tmp", "insights.json.bak", ".htaccess"):
        assert (site.insights / name).read_text() == name
