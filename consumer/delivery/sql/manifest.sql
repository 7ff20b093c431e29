-- The manifest that made a delivery. Grain: one object. Parameter: $1 the delivery.
SELECT scope, bucket, key
FROM ledger
WHERE delivery_id = $1 AND state = 'delivered' AND load_id IS NULL
