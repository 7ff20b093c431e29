"""The interactive part of the dashboard: exact, bounded, and nothing in it is run but our own scripts."""

import base64
import hashlib
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files

from billstream.aggregator.insights.values import Cube, CubeCell
from billstream.aggregator.pages.explorer import MOST_BYTES, explorer_of
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, render
from tests.unit.test_aggregator_pages import full


def cell(**changed: object) -> CubeCell:
    values: dict[str, object] = {
        "grain": "month", "period": date(2025, 6, 1), "currency": "USD", "provider": "AWS", "account": "1",
        "service": "S3", "region": "us", "user": None, "category": "Usage", "folded": 0,
        "billed_cost": Decimal("1.000000000000000001"), "effective_cost": Decimal(1),
    }  # fmt: skip
    return CubeCell.model_validate(values | changed)


def test_the_library_is_the_one_of_its_readme() -> None:
    folder = files("billstream.aggregator") / "vendored" / "uplot"
    told = dict(re.findall(r"^\| (\S+) \| \S+ \| ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(), re.MULTILINE))
    assert told == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("uplot.js", "uplot.css")
    }
    assert "MIT License" in (folder / "LICENSE").read_text()


def test_the_policy_allows_the_scripts_of_the_page_and_names_end_no_element() -> None:
    hostile = cell(service="</script><script>alert(1)</script><!--")
    files_ = render(full().model_copy(update={"cube": Cube(cells=(hostile,))}))
    page = files_[HTML_NAME]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert "script-src " + " ".join(f"'sha256-{found}'" for found in hashes) + ";" in page
    assert len(scripts) == 2
    data = re.search(r'id="cube">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    cube = json.loads(data[1])
    assert cube["raw"][3] == [None, hostile.service]
    assert cube["cells"]["month"] == [[0, 0, "1.000000000000000001", "1"]]
    assert "cube" not in json.loads(files_[JSON_NAME])


def test_the_cells_are_bounded_and_the_newest_stay() -> None:
    days = tuple(
        cell(grain="day", period=date(2025, 3, 1) + timedelta(days=day), service=f"service {place}")
        for day in range(90)
        for place in range(400)
    )
    found = explorer_of(Cube(cells=days))
    assert found is not None
    assert len(found.data) <= MOST_BYTES
    assert json.loads(found.data)["periods"]["day"][-1] == "2025-05-29"


def test_without_cells_there_is_no_script() -> None:
    assert explorer_of(None) is None
    assert explorer_of(Cube(cells=())) is None
    assert "<script" not in render(full())[HTML_NAME].replace("&lt;script", "")
