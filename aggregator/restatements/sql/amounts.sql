-- The charges that each file has at one end and not at the other. Grain: kind, file, side ('before' or 'after') and the
-- feed's groups; a load may have several.
-- A load that was new and has been restated since is listed as both. A load that a restatement added and another one
-- removed is at neither end: a restatement compares one end with the other.
CREATE OR REPLACE TEMP TABLE restatement_amounts AS
WITH nets AS (
    SELECT
        load_id, charge_day, billing_currency, service_name, account_id, unit,
        sum(direction * charge_rows)::BIGINT AS charge_rows,
        sum(CASE WHEN direction > 0 THEN billed_cost ELSE -billed_cost END) AS billed_cost,
        sum(CASE WHEN direction > 0 THEN effective_cost ELSE -effective_cost END) AS effective_cost,
        sum(CASE WHEN direction > 0 THEN quantity ELSE -quantity END) AS quantity
    FROM restatement_feed
    GROUP BY ALL
    HAVING charge_rows <> 0 OR billed_cost <> 0 OR effective_cost <> 0 OR quantity <> 0
)
SELECT
    CASE WHEN charge_rows < 0 THEN 'restated' ELSE loaded_kind END AS kind,
    CASE WHEN charge_rows < 0 THEN replaced_file ELSE loaded_file END AS file,
    CASE WHEN charge_rows < 0 THEN 'before' ELSE 'after' END AS side,
    charge_day, billing_currency, service_name, account_id, unit,
    abs(charge_rows) AS charge_rows,
    CASE WHEN charge_rows < 0 THEN -billed_cost ELSE billed_cost END AS billed_cost,
    CASE WHEN charge_rows < 0 THEN -effective_cost ELSE effective_cost END AS effective_cost,
    CASE WHEN charge_rows < 0 THEN -quantity ELSE quantity END AS quantity
FROM nets
JOIN restatement_loads USING (load_id)
UNION ALL
SELECT
    CASE side WHEN 'before' THEN 'restated' ELSE loaded_kind END,
    CASE side WHEN 'before' THEN replaced_file ELSE loaded_file END,
    side,
    charge_day, billing_currency, service_name, account_id, unit, charge_rows, billed_cost, effective_cost, quantity
FROM restatement_feed AS f
JOIN restatement_loads AS l ON l.load_id = f.load_id AND l.passing AND l.loaded_kind = 'new' AND f.snapshot_id = l.first_snapshot_id
CROSS JOIN (VALUES ('before'), ('after')) AS sides (side)
WHERE f.direction > 0
