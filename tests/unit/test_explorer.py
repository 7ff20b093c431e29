"""The interactive part of the dashboard: exact, bounded, and nothing in it is run but our own scripts."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files

from billstream.aggregator.insights.cubed import Cube, CubeCell, Span, TagCell
from billstream.aggregator.pages.explorer import MOST_BYTES, explorer_of
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, render
from tests.unit.test_aggregator_pages import full


def cell(**changed: object) -> CubeCell:
    values: dict[str, object] = {
        "grain": "month", "period": date(2025, 6, 1), "currency": "USD", "provider": "AWS", "account": "1",
        "service": "S3", "region": "us", "user": None, "category": "Usage", "folded": 0,
        "billed_cost": Decimal("1.000000000000000001"), "effective_cost": Decimal(1),
    }  # fmt: skip
    return CubeCell(**(values | changed))  # type: ignore[arg-type]


def cube(*cells: CubeCell, **more: object) -> Cube:
    """A cube of these cells; a cell that is given as `tags` or a span as `spans` is one more."""
    first = {"first_month": date(2023, 5, 1), "first_day": date(2025, 3, 13)}
    return Cube(cells=cells, **(first | more))  # type: ignore[arg-type]


def test_the_library_is_the_one_of_its_readme() -> None:
    folder = files("billstream.aggregator") / "vendored" / "uplot"
    told = dict(re.findall(r"^\| (\S+) \| \S+ \| ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(), re.MULTILINE))
    assert told == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("uplot.js", "uplot.css")
    }
    assert "MIT License" in (folder / "LICENSE").read_text()


def test_the_policy_allows_the_scripts_of_the_page_and_names_end_no_element() -> None:
    hostile = cell(service="</script><script>alert(1)</script><!--")
    files_ = render(full().model_copy(update={"cube": cube(hostile)}))
    page = files_[HTML_NAME]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert "script-src " + " ".join(f"'sha256-{found}'" for found in hashes) + ";" in page
    assert len(scripts) == 2
    data = re.search(r'id="cube">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    told = json.loads(data[1])
    assert told["raw"][3] == [None, hostile.service]
    assert told["cells"]["month"] == [[0, 0, "1.000000000000000001", "1"]]
    assert "cube" not in json.loads(files_[JSON_NAME])


def test_the_cells_are_bounded_and_the_newest_stay() -> None:
    days = tuple(
        cell(grain="day", period=date(2025, 3, 1) + timedelta(days=day), service=f"service {place} é")
        for day in range(90)
        for place in range(400)
    )
    found = explorer_of(cube(*days))
    assert found is not None
    assert len(found.data) <= MOST_BYTES
    told = json.loads(found.data)
    assert told["periods"]["day"][-1] == "2025-05-29"
    assert told["from"]["day"] == told["periods"]["day"][0] > "2025-03-13"
    page = render(full().model_copy(update={"cube": cube(*days)}))[HTML_NAME]
    assert len(page.encode()) < 1_500_000


def test_a_currency_has_its_days_and_decimals_and_each_tag_key_its_cells() -> None:
    span = Span(currency="JPY", first_day=date(2025, 1, 2), last_day=date(2025, 6, 12), complete_to=date(2025, 6, 10))
    tagged = TagCell(
        key="team", grain="month", period=date(2025, 6, 1), currency="JPY", value=None, folded=False,
        billed_cost=Decimal("1.50"), effective_cost=None,
    )  # fmt: skip
    found = explorer_of(cube(cell(currency="JPY"), spans=(span,), tags=(tagged, replace(tagged, folded=True))))
    assert found is not None
    told = json.loads(found.data)
    assert told["spans"][1] == {"first": "2025-01-02", "last": "2025-06-12", "complete": "2025-06-10", "decimals": 0}
    assert told["tags"]["team"]["combinations"] == [[1, 1], [1, 0]]
    assert told["tags"]["team"]["cells"]["month"] == [[0, 0, "1.5", None], [1, 0, "1.5", None]]


def test_without_cells_there_is_no_script() -> None:
    assert explorer_of(None) is None
    assert explorer_of(cube()) is None
    assert "<script" not in render(full())[HTML_NAME].replace("&lt;script", "")
