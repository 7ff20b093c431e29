-- Scopes of which the catalog and the ledger do not have the same load in force. Grain: one scope.
-- Parameter: $1 the snapshot.
WITH told AS (
    SELECT scope_id, list(load_id ORDER BY number) AS loads FROM verify_in_force GROUP BY scope_id
),
named AS (
    SELECT scope_id, any_value(scope) AS scope, any_value(bucket) AS bucket, any_value(key) AS key
    FROM ledger AT (VERSION => $1)
    GROUP BY scope_id
)
SELECT
    coalesce(told.scope_id, held.scope_id) AS scope_id,
    named.scope AS scope,
    named.bucket AS bucket,
    named.key AS key,
    coalesce(told.loads, []) AS loads,
    held.load_id AS held_load,
    held.load_id IN (SELECT load_id FROM ledger AT (VERSION => $1) WHERE load_id IS NOT NULL) AS held_is_known
FROM told
FULL JOIN verify_held AS held ON held.scope_id = told.scope_id
LEFT JOIN named ON named.scope_id = coalesce(told.scope_id, held.scope_id)
WHERE coalesce(told.loads, [])::VARCHAR[] <> CASE WHEN held.load_id IS NULL THEN [] ELSE [held.load_id] END::VARCHAR[]
  AND coalesce(told.scope_id, held.scope_id) NOT IN (SELECT scope_id FROM verify_moving)
ORDER BY scope
