-- The objects of a bucket that the ledger takes to be there. Grain: one object. {guard} is the catalog's table of scopes.
-- Parameter: $1 the bucket.
CREATE OR REPLACE TEMP TABLE sweep_held AS
SELECT scope_id, any_value(key) AS key
FROM ledger
WHERE bucket = $1
  AND scope_id IN (SELECT scope_id FROM {guard} WHERE state NOT IN ('removed', 'kept'))
GROUP BY scope_id
