-- Scopes whose active load in the catalog is not the one in the ledger. Grain: one scope.
-- Parameter: $1 the snapshot.
WITH in_ledger AS (
    SELECT scope_id, list(load_id ORDER BY number) AS loads FROM verify_active GROUP BY scope_id
),
named AS (
    SELECT scope_id, any_value(scope) AS scope, any_value(bucket) AS bucket, any_value(key) AS key
    FROM ledger AT (VERSION => $1)
    GROUP BY scope_id
)
SELECT
    coalesce(in_ledger.scope_id, in_catalog.scope_id) AS scope_id,
    named.scope AS scope,
    named.bucket AS bucket,
    named.key AS key,
    coalesce(in_ledger.loads, []) AS ledger_loads,
    in_catalog.load_id AS catalog_load,
    in_catalog.load_id IN (SELECT load_id FROM ledger AT (VERSION => $1) WHERE load_id IS NOT NULL) AS in_ledger
FROM in_ledger
FULL JOIN verify_catalog AS in_catalog ON in_catalog.scope_id = in_ledger.scope_id
LEFT JOIN named ON named.scope_id = coalesce(in_ledger.scope_id, in_catalog.scope_id)
WHERE coalesce(in_ledger.loads, [])::VARCHAR[]
        <> CASE WHEN in_catalog.load_id IS NULL THEN [] ELSE [in_catalog.load_id] END::VARCHAR[]
  AND coalesce(in_ledger.scope_id, in_catalog.scope_id) NOT IN (SELECT scope_id FROM verify_moving)
ORDER BY scope
