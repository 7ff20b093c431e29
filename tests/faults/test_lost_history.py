"""Rows that were lost with a data file are missing from the past, too: comparisons begin after the loss."""

import json
from pathlib import Path

from tests.e2e.billing import billing_file, expected_totals
from tests.e2e.commands import Billstream

SURVIVES = billing_file("survives.csv", seed=1)
RESTATED = [billing_file("restated.csv", seed=seed) for seed in (2, 3, 4)]


def test_insights_and_changes_begin_after_a_loss(tmp_path: Path) -> None:
    billstream, bills = Billstream(tmp_path / "home"), tmp_path / "bills"
    bills.mkdir()
    (bills / SURVIVES.key).write_bytes(SURVIVES.body)
    for version in RESTATED[:2]:
        (bills / version.key).write_bytes(version.body)
        billstream.run("load", str(bills))
    first, *_ = sorted((billstream.home / "data" / "main" / "charges").glob("[!d]*.parquet"))
    first.unlink()
    assert "verify --repair" in billstream.run("changes", "--since", "1", expect=1)

    billstream.run("verify", "--repair")
    (bills / RESTATED[2].key).write_bytes(RESTATED[2].body)
    billstream.run("load", str(bills))
    billstream.run("aggregate", "--once")

    assert billstream.totals("daily_costs") == expected_totals([SURVIVES, RESTATED[2]])
    published = json.loads((billstream.home / "insights" / "insights.json").read_text())["restatements"]
    assert published["from_snapshot_id"] > 1
    assert {one["file"].rpartition("/")[2] for one in published["largest"]} == {RESTATED[2].key}
    told = billstream.run("changes", "--since", "1")
    assert f"Rows from before snapshot {published['from_snapshot_id']} were lost" in told
