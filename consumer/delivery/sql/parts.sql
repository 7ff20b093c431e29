-- The parts of a delivery. Grain: one object. Parameter: $1 the delivery.
SELECT scope, bucket, key
FROM ledger
WHERE delivery_id = $1 AND state IN ('loaded', 'unchanged') AND load_id IS NOT NULL
ORDER BY key
