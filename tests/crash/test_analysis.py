"""An aggregator that dies within an analysis: the next one finds the same, and queues each alert once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billstream.common.failpoints import CRASH_AT
from billstream.common.lake import Lake
from tests.e2e.commands import Billstream
from tests.integration.aggregator_support import commit_load, new_lake
from tests.integration.analysis_support import TODAY, company

SPIKE = TODAY - timedelta(4)
BUDGETS = """
[[budget]]
name = "all"
currency = "EUR"
amount = "1"
alerts = [ { at = 1, of = "actual" } ]
"""
SINKS = '[sink.hook]\nkind = "webhook"\nurl_from = "NO_SUCH_VARIABLE"\n'
TOLD = (
    "SELECT anomaly_id, state, kind, first_day, last_day FROM anomalies ORDER BY ALL",
    "SELECT anomaly_id, actual, expected, change IS NOT NULL FROM anomaly_amounts ORDER BY ALL",
    "SELECT kind, dedupe_key, count(*) FROM alerts GROUP BY ALL ORDER BY ALL",
    "SELECT sink, count(*) FROM alert_deliveries GROUP BY ALL",
    "SELECT budget, first_day, rule, state FROM budget_states ORDER BY ALL",
    "SELECT scope, account, service, expected, low FROM month_forecasts ORDER BY ALL",
    "SELECT pending FROM analysis",
)


@dataclass
class Company:
    """A lake with a spike that goes on, and a budget that is passed."""

    lake: Lake
    folder: Path

    @classmethod
    def begin(cls, lake: Lake, folder: Path) -> "Company":
        (folder / "budgets.toml").write_text(BUDGETS)
        (folder / "alerts.toml").write_text(SINKS)
        now = datetime.now(UTC)
        ahead = now.date() - TODAY
        rows = [
            replace(row, charge_period_start=row.charge_period_start + ahead)
            for row in company(TODAY - timedelta(1), lambda day, _a, _s, usual: usual * (3 if day >= SPIKE else 1))
        ]
        commit_load(lake, "load", rows, scope="s3://b/costs.csv", at=now)
        return cls(lake, folder)

    def aggregate(self, expect: int = 0, **environment: str) -> None:
        files = {f"BILLSTREAM_{name.upper()}": str(self.folder / f"{name}.toml") for name in ("budgets", "alerts")}
        Billstream(self.folder, {**files, **environment}).run("aggregate", "--once", expect=expect)
        self.lake.reconnect_if_lost()

    def told(self) -> list[object]:
        return [self.lake.rows(sql) for sql in TOLD]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("undisturbed")
    with new_lake(folder) as lake:
        one = Company.begin(lake, folder)
        one.aggregate()
        return one.told()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path) as opened:
        yield opened


# The first commit of the process is the refresh, the second finds, the third alerts.
@pytest.mark.parametrize("point", ["before analyse", "before commit #2", "after commit #2", "before commit #3"])
def test_a_killed_analysis_is_made_again_and_tells_nothing_twice(
    lake: Lake, tmp_path: Path, undisturbed: list[object], point: str
) -> None:
    one = Company.begin(lake, tmp_path)
    one.aggregate(expect=-9, **{CRASH_AT: point})
    ((analyses,),) = lake.rows("SELECT count(*) FROM analysis")
    assert analyses == (point in {"after commit #2", "before commit #3"})
    one.aggregate()
    assert one.told() == undisturbed
    assert len(undisturbed[2]) == 3 + 1  # type: ignore[arg-type]  # each series' anomaly, and the budget of the month
