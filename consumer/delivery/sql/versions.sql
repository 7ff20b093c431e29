-- The object versions that loads were made of. Grain: one load. Parameter: $1 the loads.
SELECT load_id, version_id, etag, size_bytes
FROM ledger
WHERE state = 'loaded' AND entry_id IN (SELECT unnest($1))
