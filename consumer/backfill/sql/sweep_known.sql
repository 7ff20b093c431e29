-- The objects of a bucket that exist according to the ledger. Grain: one object.
-- `has_rows` is true where charges count because of the object: those of its load, or those of the delivery of its manifest.
-- {guard} is the catalog's table of processed keys, which has the current state of each scope.
-- Parameter: $1 the bucket.
CREATE OR REPLACE TEMP TABLE sweep_known AS
WITH known AS (
    SELECT scope_id, entry_id, load_id FROM {guard} WHERE state NOT IN ('removed', 'kept', 'expired')
),
active_deliveries AS (
    SELECT DISTINCT load_id FROM {guard} WHERE load_id IS NOT NULL
)
SELECT
    l.scope_id AS scope_id,
    any_value(l.key) AS key,
    any_value(k.load_id) IS NOT NULL
        OR bool_or(l.state = 'delivered' AND l.load_id IS NULL AND l.delivery_id IN (SELECT load_id FROM active_deliveries))
        AS has_rows
FROM ledger l
JOIN known k ON k.scope_id = l.scope_id
WHERE l.bucket = $1
GROUP BY l.scope_id
