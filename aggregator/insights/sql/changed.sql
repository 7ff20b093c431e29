-- The loads that the newest refresh added and removed, with their files. Grain: load_id, billing_currency.
-- Parameters: $1 the snapshot in which the changes are read, $2 the snapshot in which the ledger is read.
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
