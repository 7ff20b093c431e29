-- The decisions between two snapshots that removed charges: their number, and their ids as one number. Grain: one row.
-- DuckLake numbers rows in the order of their commits, so newer ones have larger numbers.
-- Parameters: $1 the snapshot at the end, $2 the snapshot at the beginning.
SELECT count(*), bit_xor(hash(entry_id))
FROM ledger AT (VERSION => $1)
WHERE previous_load_id IS NOT NULL
  AND load_id IS DISTINCT FROM previous_load_id
  AND rowid > coalesce((SELECT max(rowid) FROM ledger AT (VERSION => $2)), -1)
