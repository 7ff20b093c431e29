"""The panel is read from cost_cells, and incidents come back from the lake as they were stored."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.incidents import Incident, IncidentDay, decide, merge
from billstream.aggregator.anomalies.panel import SeriesKey, read_panel
from billstream.aggregator.anomalies.store import (
    judged_days,
    read_incidents,
    read_judged,
    resume,
    store_incidents,
    store_judged,
)
from tests.integration.aggregator_support import new_lake

CELLS = """
INSERT INTO cost_cells BY NAME SELECT
    day::DATE AS charge_day, 'USD' AS billing_currency, 'AWS' AS provider_name, 'payer' AS billing_account_id,
    account AS sub_account_id, 'compute' AS service_name, category AS charge_category, class AS charge_class,
    'BE' AS costs_told, 1 AS charge_rows, billed AS billed_cost, 1 AS billed_rows, effective AS effective_cost,
    1 AS effective_rows, 0 AS list_rows, MAP {} AS consumed_quantity, MAP {} AS consumed_rows
FROM (VALUES
    ('2025-03-01', 'dev', 'Usage', NULL, 10.0, 8.5), ('2025-03-01', 'dev', NULL, NULL, 1.25, NULL),
    ('2025-03-03', 'dev', 'Usage', NULL, 3.0, 3.0), ('2025-03-03', 'dev', 'Usage', 'Correction', -9.0, -9.0),
    ('2025-03-02', 'dev', 'Tax', NULL, 70.0, 70.0), ('2025-03-02', 'dev', 'Purchase', NULL, 800.0, 0.0),
    ('2025-03-02', 'dev', 'Credit', NULL, -90.0, -90.0), ('2025-03-02', NULL, 'Usage', NULL, 5.0, 5.0)
) t(day, account, category, class, billed, effective)
"""
GOLDEN = """
INSERT INTO cost_cells BY NAME SELECT
    DATE '2025-03-01' + n::INTEGER AS charge_day, currency AS billing_currency, 'AWS' AS provider_name,
    'payer' AS billing_account_id, 'compute' AS service_name, category AS charge_category, class AS charge_class,
    'BE' AS costs_told, 1 AS charge_rows, cost AS billed_cost, 1 AS billed_rows, cost AS effective_cost,
    1 AS effective_rows, 0 AS list_rows, MAP {} AS consumed_quantity, MAP {} AS consumed_rows
FROM (
    SELECT n, currency, 'Usage' AS category, NULL AS class,
        if(n % 7 < 5, 100, 60) + n % 4 + if(n = 80 AND currency = 'EUR', 200, 0) AS cost
    FROM range(100) t(n), (VALUES ('USD'), ('EUR')) c(currency)
    UNION ALL SELECT n, 'USD', 'Purchase', NULL, 1200 FROM (VALUES (31), (61), (92)) t(n)  -- the first of a month
    UNION ALL SELECT n, 'USD', 'Tax', NULL, 900 FROM (VALUES (33), (63), (94)) t(n)
    UNION ALL VALUES
        (70, 'USD', 'Purchase', NULL, 20000), (65, 'USD', 'Credit', NULL, -800),
        (75, 'USD', 'Adjustment', NULL, 500), (85, 'USD', 'Usage', 'Correction', -400)
)
"""
DAY = date(2025, 3, 1)
KEY = SeriesKey("USD", "AWS", "dev", "it's; DROP TABLE anomalies", None)


def incident() -> Incident:
    day = IncidentDay(
        day=DAY, actual=310.5, expected=104.25, scale=3.0, kind="spike", tier="page", masked=True, complete=True
    )
    return Incident(series=KEY, direction="up", first_day=DAY, days=(day,), detected_on=date(2025, 3, 3))


def test_panel_and_incidents_in_a_lake(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        one, other = incident(), decide(incident(), "expected", reason="load test", by="ops")
        judged = {KEY: DAY, SeriesKey(None, None, None, None, "ann"): date(2025, 3, 2)}
        with lake.engine.cursor() as con:
            con.execute("USE lake")
            con.execute(CELLS)
            store_incidents(con, [one])
            store_incidents(con, [other])  # in place of the first: the id is the same
            store_judged(con, {KEY: date(2024, 1, 1)})
            store_judged(con, judged)
        version = lake.snapshot_id()
        assert read_incidents(lake, version) == [other]
        assert read_judged(lake, version) == judged
        panel = read_panel(lake, version, DAY, date(2025, 3, 3))
        by_key = dict(zip(panel.keys, panel.amounts.tolist(), strict=True))
        assert by_key == {
            SeriesKey("USD", "AWS", "dev", "compute"): [pytest.approx(9.75), 0, 3],
            SeriesKey("USD", "AWS", "payer", "compute"): [0, 5, 0],
        }
        empty = read_panel(lake, version, date(2026, 1, 1), date(2026, 1, 3))
        assert (empty.keys, empty.amounts.shape) == ((), (0, 3))


def test_only_usage_is_out_of_the_ordinary_and_a_stored_state_goes_on(tmp_path: Path) -> None:
    """Fees on the first, tax, a purchase, a credit and a correction are no anomalies; currencies are series apart."""
    with new_lake(tmp_path) as lake:
        with lake.engine.cursor() as con:
            con.execute("USE lake")
            con.execute(GOLDEN)
        for last in (60, 81, 99):
            version = lake.snapshot_id()
            panel = read_panel(lake, version, DAY, DAY + timedelta(days=last))
            incidents, judged = read_incidents(lake, version), read_judged(lake, version)
            detector = Detector(panel, resume(panel, incidents, judged))
            result = detector.step(np.full(len(panel.keys), last), last)
            judged = judged_days(panel, detector.state)
            incidents = merge(incidents, result.findings, result.accepted, judged=judged, detected_on=panel.day(last))
            with lake.engine.cursor() as con:
                con.execute("USE lake")
                store_incidents(con, incidents)
                store_judged(con, judged)
        (incident,) = read_incidents(lake, lake.snapshot_id())
    assert incident.series == SeriesKey("EUR", "AWS", "payer", "compute")
    assert (incident.kind, incident.tier, incident.state) == ("spike", "page", "ended")
    assert (incident.first_day, incident.last_day) == (DAY + timedelta(days=80), DAY + timedelta(days=80))
    assert incident.actual == 300 - 40 * (80 % 7 >= 5)
