-- The snapshot of the aggregates, and the number of ledger entries now.
-- Grain: one row, none before the first refresh.
SELECT snapshot_id, (SELECT count(*)::BIGINT FROM ledger)
FROM watermark
WHERE name = 'aggregates'
