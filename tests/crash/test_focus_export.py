"""An export that dies at any step leaves a folder that can be loaded: the months before, or the new ones."""

from decimal import Decimal
from pathlib import Path

import pytest

from billstream.common.failpoints import CRASH_AT, LAST_WORDS
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.faults.waiting import PATIENCE
from tests.integration.focus_support import add, loaded, simple

pytestmark = pytest.mark.slow

OLD, NEW = {"2026-03": 1, "2026-04": 4}, {"2026-03": 11, "2026-04": 44}
HALF = {"2026-03": 11, "2026-04": 4}
POINTS = {
    "before export files": OLD,
    "after export files": OLD,
    "before export manifest": OLD,
    "after export manifest": HALF,
    "before export tidy": HALF,
    "after export tidy": HALF,
    "before export files #2": HALF,
    "after export files #2": HALF,
    "after export manifest #2": NEW,
}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_an_export_that_dies_leaves_one_that_can_be_loaded(form: str, tmp_path: Path) -> None:
    out, home = tmp_path / "out", tmp_path / "home"
    command = ("export", "focus", "--format", form, "--to", str(out))
    with Lake.open(Settings(home=home, threads=1), create=True) as lake:
        add(lake, simple(("2026-03-01", "1", "USD"), ("2026-04-01", "4", "USD")))
    Billstream(home).run(*command)
    with Lake.open(Settings(home=home, threads=1)) as lake:
        add(lake, simple(("2026-03-02", "10", "USD"), ("2026-04-02", "40", "USD")))

    for number, (point, expected) in enumerate(POINTS.items()):
        process = Billstream(home, {CRASH_AT: point}).start(*command)
        process.communicate(timeout=PATIENCE)
        log = (home / "export.log").read_text()
        assert process.returncode == -9, log
        assert log.splitlines()[-1] == LAST_WORDS + point
        assert _sums(out, tmp_path / f"elsewhere-{number}") == expected, point

    Billstream(home).run(*command)
    assert _sums(out, tmp_path / "elsewhere") == NEW
    assert len([path for path in out.rglob("*") if path.is_file()]) == 2 * 2 + 1  # nothing of the dead, and a lock


def _sums(folder: Path, home: Path) -> dict[str, Decimal]:
    settings = Settings(home=home, threads=1)
    with Lake.open(settings, create=True) as lake:
        loaded(lake, settings, folder)
        return dict(
            lake.rows("SELECT strftime(charge_period_start, '%Y-%m'), sum(billed_cost) FROM charges GROUP BY 1")
        )
