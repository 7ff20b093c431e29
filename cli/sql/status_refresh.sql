-- The newest refresh of the aggregates, and the decisions that changed charges after it: ledger entries, and preferences between
-- exports. Grain: one row, none before the first refresh.
WITH elsewhere AS (
    SELECT load_id FROM ledger WHERE table_name <> 'charges'  -- loads without charges
),
decisions AS (
    SELECT processed_at AS decided_at
    FROM ledger
    WHERE load_id IS DISTINCT FROM previous_load_id AND coalesce(load_id, previous_load_id) NOT IN (FROM elsewhere)
    UNION ALL
    SELECT coalesce(undone_at, decided_at) FROM export_preferences
)
SELECT
    w.snapshot_id,
    w.refreshed_at,
    count(d.decided_at) AS lag_loads,
    min(d.decided_at) AS oldest
FROM watermark w
LEFT JOIN decisions d ON d.decided_at > w.refreshed_at
GROUP BY ALL
