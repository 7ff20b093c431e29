-- The snapshot whose charges the aggregates hold, and how many lines the ledger has by now.
-- Grain: one row, none before the first refresh.
SELECT snapshot_id, (SELECT count(*)::BIGINT FROM ledger)
FROM watermark
WHERE name = 'aggregates'
