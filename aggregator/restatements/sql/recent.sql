-- The number of decisions since a moment that removed charges. Grain: one row.
-- Parameters: $1 the snapshot to read, $2 the moment.
SELECT count(*)
FROM ledger AT (VERSION => $1)
WHERE previous_load_id IS NOT NULL AND load_id IS DISTINCT FROM previous_load_id AND processed_at >= $2
