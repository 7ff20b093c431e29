-- The objects of a bucket that exist according to the ledger. Grain: one object.
-- {guard} is the catalog's table of processed keys, which has the current state of each scope.
-- Parameter: $1 the bucket.
CREATE OR REPLACE TEMP TABLE sweep_known AS
SELECT scope_id, any_value(key) AS key
FROM ledger
WHERE bucket = $1
  AND scope_id IN (SELECT scope_id FROM {guard} WHERE state NOT IN ('removed', 'kept'))
GROUP BY scope_id
