"""A new insight is one module, its SQL and its parts of the pages: here a package of its own, outside billstream."""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from billstream.aggregator.insights.currencies import CURRENCIES
from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.sections import SECTIONS
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, MARKDOWN_NAME, SCHEMA_NAME, render
from billstream.aggregator.publish import Publisher
from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.targets.target import Mark, Target
from billstream.common.lake import Lake
from tests.integration.aggregator_support import NOW, Row, commit_load, new_lake

FILES = {
    "__init__.py": '"""An insight of somebody else."""\n',
    "busiest.py": """
from datetime import date

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.values import Exact, Value


class Busiest(Value):
    day: date
    name: str
    billed_cost: Exact


BY_DAY = Model(__name__, "busiest_days", "charge_day", needs=("days",))
BUSIEST = Model(__name__, "busiest_day", "one row", needs=("busiest_days",), given=lambda _: ["<b>busy|"])


def read(reading: Reading) -> tuple[Busiest, ...]:
    return tuple(Busiest(**row) for row in reading.rows(BUSIEST))


SECTION = Section(__name__, "busiest", tuple[Busiest, ...], read, (BY_DAY, BUSIEST))
""",
    "sql/busiest_days.sql": """
-- The billed cost of each day. Grain: charge_day.
SELECT charge_day AS day, sum(billed_cost)::DECIMAL(38, 18) AS billed_cost FROM insight_days GROUP BY charge_day
""",
    "sql/busiest_day.sql": """
-- The most expensive day. Grain: one row. Parameter: a name.
SELECT day, $1 AS name, billed_cost FROM insight_busiest_days ORDER BY billed_cost DESC LIMIT 1
""",
    "templates/busiest.html.j2": """
{% macro links(days) %}<a href="#busiest">Busiest</a>{% endmacro %}
{% macro body(days) %}
<section aria-labelledby="busiest"><h2 id="busiest">Busiest day</h2>
{% for entry in days %}<p>{{ entry.name }}: {{ entry.day }} with {{ entry.billed_cost | money }}</p>{% endfor %}
</section>
{% endmacro %}
""",
    "templates/busiest.md.j2": """
## Busiest day

{% for entry in value %}
{{ entry.name }}: {{ entry.day }} with {{ entry.billed_cost | money }}
{% endfor %}
""",
}

DAY = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as opened:
        rows = [Row(DAY, "USD", billed_cost=Decimal(1)), Row(DAY.replace(day=3), "USD", billed_cost=Decimal("2.50"))]
        commit_load(opened, "a", rows)
        yield opened


@pytest.fixture
def busiest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Section:
    package = tmp_path / "packages" / "somebodys_insight"
    for name, text in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text.lstrip("\n"))
    monkeypatch.syspath_prepend(package.parent)
    section: Section = importlib.import_module("somebodys_insight.busiest").SECTION
    return section


def insights_of(lake: Lake, sections: tuple[Section, ...]) -> Insights:
    report = refresh_once(lake, now=NOW)
    return read_insights(
        lake, report.watermark, version=lake.snapshot_id(), snapshot_id=report.snapshot_id, sections=sections
    )


def test_a_new_section_is_in_the_values_and_on_both_pages(lake: Lake, busiest: Section) -> None:
    after = SECTIONS.index(CURRENCIES) + 1
    sections = (*SECTIONS[:after], busiest, *SECTIONS[after:])
    texts = render(insights_of(lake, sections), sections)

    content = json.loads(texts[JSON_NAME])
    assert content["busiest"] == [{"day": "2025-06-03", "name": "<b>busy|", "billed_cost": "2.5"}]
    schema = json.loads(texts[SCHEMA_NAME])
    jsonschema.Draft202012Validator(schema).validate(content)
    assert schema["$defs"]["Busiest"]["properties"]["billed_cost"]["type"] == "string"
    assert not jsonschema.Draft202012Validator(schema).is_valid({**content, "busiest": None})

    html = texts[HTML_NAME]
    assert '<a href="#busiest">Busiest</a>' in html
    assert "<p>&lt;b&gt;busy|: 2025-06-03 with 2.50</p>" in html
    assert html.index('id="totals"') < html.index('id="busiest"') < html.index('id="changes"')
    assert r"\<b\>busy\|: 2025-06-03 with 2.50" in texts[MARKDOWN_NAME]


@pytest.mark.parametrize("combinations", [400, 0])
def test_the_cells_of_the_page_hold_every_cost_also_folded(
    lake: Lake, combinations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billstream.aggregator.insights.cube.MOST_COMBINATIONS", combinations)
    monkeypatch.setattr("billstream.aggregator.insights.cube.MOST_SERVICES", combinations)
    report = refresh_once(lake, now=NOW)
    version = lake.snapshot_id()
    found = read_insights(
        lake, report.watermark, version=version, snapshot_id=version, today=date(2025, 6, 12), sections=SECTIONS
    )
    assert found.cube is not None
    ((billed,),) = lake.rows(
        "SELECT sum(billed_cost) FROM charges WHERE charge_period_start < TIMESTAMPTZ '2025-06-13 00:00:00+00'"
    )
    for grain in ("month", "day"):
        cells = [cell for cell in found.cube.cells if cell.grain == grain]
        assert sum(cell.billed_cost or 0 for cell in cells) == billed != 0
        assert {cell.folded for cell in cells} == ({0} if combinations else {2})


def test_a_new_section_changes_nothing_of_the_others(lake: Lake, busiest: Section) -> None:
    refresh_once(lake, now=NOW)
    plain = insights_of(lake, SECTIONS)
    more = insights_of(lake, (*SECTIONS, busiest))
    assert type(plain) is Insights
    assert more.model_dump(exclude={"busiest"}) == plain.model_dump()


def test_a_section_before_what_it_needs_is_refused(lake: Lake, busiest: Section) -> None:
    wrong = Section(busiest.module, busiest.name, busiest.value, busiest.read, busiest.models[::-1])
    with pytest.raises(ValueError, match="busiest_day needs busiest_days, which must come before it"):
        insights_of(lake, (*SECTIONS, wrong))


# -- another target ----------------------------------------------------------------------------------------


@dataclass
class MemoryTarget:
    """A target in memory."""

    held: bool = False
    insights: list[Insights] = field(default_factory=list)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        self.held = True
        yield
        self.held = False

    def published(self) -> Mark | None:
        assert self.held
        if not self.insights:
            return None
        newest = self.insights[-1]
        return Mark(
            newest.schema_version,
            newest.watermark_snapshot_id,
            newest.refreshed_at,
            newest.freshness.ledger_lines,
            newest.today,
        )

    def stamp(self) -> int:
        return len(self.insights)

    def publish(self, insights: Insights) -> None:
        assert self.held
        self.insights.append(insights)


def test_a_target_gets_the_insights_once(lake: Lake) -> None:
    memory = MemoryTarget()
    target: Target = memory
    publisher, report = Publisher(lake), refresh_once(lake, now=NOW)
    assert publisher.publish(target, report)
    assert not publisher.publish(target, refresh_once(lake))
    assert publisher.publish(target, report, force=True)
    assert [found.charge_rows for found in memory.insights] == [2, 2]
    assert not memory.held
