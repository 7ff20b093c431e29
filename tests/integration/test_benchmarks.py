"""The benchmarks run: with tiny inputs, and only those that need no other process."""

import json

import pytest

from tests.benchmarks import aggregating, decode, peers
from tests.benchmarks.files import SHAPES, Shape
from tests.benchmarks.measure import Ratio
from tests.benchmarks.report import Options, Report

QUICK = Options(repeat=1, quick=True)


def engines(report: Report) -> dict[str, bool]:
    """The engines of a table, and whether billstream was compared to them."""
    assert all(line["CPU s"] > 0 and line["rows per CPU s"] > 0 for line in report.lines)
    return {line["engine"]: isinstance(line["billstream's speed, CPU"], Ratio) for line in report.lines}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_bare_duckdb_loads_the_same_files(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "installed", lambda: False)

    report = decode.measure(shape, QUICK)

    assert engines(report) == {"billstream": False, "bare DuckDB, equal work": True, "bare DuckDB, cheapest": True}
    assert report.notes == [peers.MISSING]
    assert json.loads(json.dumps(report.values()))["lines"][1]["billstream's speed, CPU"]["median"] > 0


def test_other_engines_load_the_same_files() -> None:
    if not peers.installed():
        pytest.skip(peers.MISSING)

    report = decode.measure(SHAPES["CUR gzip"], QUICK)

    assert [name for name, compared in engines(report).items() if compared][2:] == list(peers.NAMES)


def test_a_refresh_after_a_small_commit_is_measured() -> None:
    report = aggregating.refresh(QUICK)

    assert [line["rows in the lake"] for line in report.lines] == ["1,000"]
    assert all(value > 0 for line in report.lines for name, value in line.items() if name.endswith(" s"))
