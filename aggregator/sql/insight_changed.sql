-- What the newest refresh added and took away, with the file behind each load. Grain: load_id, billing_currency.
-- Parameters: $1 the snapshot to read the changes in, $2 the one to read the ledger in.
CREATE OR REPLACE TEMP TABLE insight_changed AS
WITH changed AS (
    SELECT * FROM changed_loads AT (VERSION => $1)
),
loaded AS (
    SELECT load_id, min(scope) AS scope
    FROM ledger AT (VERSION => $2)
    WHERE state = 'loaded' AND load_id IN (SELECT load_id FROM changed)
    GROUP BY load_id
)
SELECT
    coalesce(scope, load_id) AS file,
    billing_currency AS currency,
    greatest(charge_rows, 0) AS rows_added,
    greatest(-charge_rows, 0) AS rows_removed,
    billed_cost,
    effective_cost,
    list_cost
FROM changed
LEFT JOIN loaded USING (load_id)
