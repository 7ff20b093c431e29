-- The newest refresh of the aggregates, and the ledger entries that changed charges after it. Grain: one row, none before the
-- first refresh.
WITH elsewhere AS (
    SELECT load_id FROM ledger WHERE table_name <> 'charges'  -- loads without charges
)
SELECT
    w.snapshot_id,
    w.refreshed_at,
    count(l.entry_id) AS lag_loads,
    min(l.processed_at) AS oldest
FROM watermark w
LEFT JOIN ledger l
  ON l.load_id IS DISTINCT FROM l.previous_load_id AND l.processed_at > w.refreshed_at
    AND coalesce(l.load_id, l.previous_load_id) NOT IN (FROM elsewhere)
GROUP BY ALL
