"""An aggregator that dies at any step leaves aggregates that are true of a snapshot, and whole files.

Each case kills a real `aggregate --once` with SIGKILL before or after one failpoint, while there are loads to fold in
and loads to take out. The next one brings everything up to date.
"""

import json
from dataclasses import dataclass
from html.parser import HTMLParser

import jsonschema
import pytest

from billstream.aggregator.pages.render import FILE_NAMES, HTML_NAME, JSON_NAME, MARKDOWN_NAME, SCHEMA_NAME
from billstream.aggregator.publish import publish
from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.targets.folder import PUBLISHED as PUBLISHED_NAMES
from billstream.aggregator.verify import verify
from tests.crash.killing import die
from tests.e2e.billing import billing_file
from tests.worlds import World


def points(*failpoints: str) -> list[str]:
    return [f"{side} {name}" for name in failpoints for side in ("before", "after")]


IN_THE_LAKE = points("read_changes", "write", "commit")
IN_THE_FOLDER = [*points("render"), "before publish", *points("rename #2", "rename #5"), "after publish"]
REFRESHED = {"after commit", *IN_THE_FOLDER}
PUBLISHED = {"after rename #5", "after publish"}  # the fifth and last file is insights.json

STAYS = billing_file("stays.csv", seed=1)
REPLACED = billing_file("replaced.csv", seed=2)
RETRACTED = billing_file("retracted.csv", seed=3)
REPLACEMENT = billing_file(REPLACED.key, seed=4, rows=31)
NEW = billing_file("new.csv", seed=5)


class Words(HTMLParser):
    """The text of a page; `open` are the elements that were not closed."""

    VOID = ("meta", "link", "br", "hr", "img", "input", "col", "rect", "line", "path", "circle", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)


@dataclass(frozen=True)
class Published:
    """What the insights folder says."""

    snapshot: int
    watermark: int
    pages: dict[str, str]

    @classmethod
    def by(cls, world: World) -> "Published":
        texts = {name: (world.settings.insights / name).read_text() for name in FILE_NAMES}
        insights = json.loads(texts[JSON_NAME])
        jsonschema.validate(insights, json.loads(texts[SCHEMA_NAME]))
        page = Words()
        page.feed(texts[HTML_NAME])
        assert page.open == [], "the dashboard breaks off"
        assert texts[MARKDOWN_NAME].endswith("\n")
        return cls(insights["snapshot_id"], insights["watermark_snapshot_id"], texts)

    def speaks_of_one_snapshot(self) -> bool:
        named = {
            HTML_NAME: f'name="billstream-snapshot" content="{self.snapshot}"',
            MARKDOWN_NAME: f"Snapshot {self.snapshot} ",
        }
        return all(words in self.pages[name] for name, words in named.items())


@pytest.mark.parametrize("point", IN_THE_LAKE)
def test_a_killed_refresh_leaves_true_aggregates_and_the_next_one_finishes(world: World, point: str) -> None:
    die_and_go_on(world, point)


@pytest.mark.parametrize("point", IN_THE_FOLDER)
def test_a_killed_publication_leaves_whole_files_and_the_next_one_finishes(world: World, point: str) -> None:
    assert PUBLISHED_NAMES[4] == JSON_NAME
    die_and_go_on(world, point)


def die_and_go_on(world: World, point: str) -> None:
    world.put(STAYS, REPLACED, RETRACTED)
    world.drain()
    first = refresh_once(world.lake)
    publish(world.lake, world.settings, first)
    before = Published.by(world)
    world.put(REPLACEMENT, NEW)
    world.remove(RETRACTED)
    world.drain()

    die(world, point, "aggregate", "--once")

    assert verify(world.lake) == []
    killed = Published.by(world)
    assert (killed.snapshot > before.snapshot) == (point in PUBLISHED)
    ((watermark,),) = world.lake.rows("SELECT snapshot_id FROM watermark")
    assert (watermark > first.watermark.snapshot_id) == (point in REFRESHED)

    again = refresh_once(world.lake)
    publish(world.lake, world.settings, again)

    after = Published.by(world)
    assert after.watermark == again.watermark.snapshot_id
    assert after.speaks_of_one_snapshot()
    assert [path.name for path in world.settings.insights.iterdir() if path.name.endswith(".tmp")] == []
    world.assert_holds([STAYS, REPLACEMENT, NEW])
