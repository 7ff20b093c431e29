-- The newest ledger entry of each of the given scopes. Grain: one scope.
-- Parameter: $1 their scope ids.
SELECT scope_id, reason
FROM ledger
WHERE scope_id IN (SELECT unnest($1))
QUALIFY row_number() OVER (PARTITION BY scope_id ORDER BY rowid DESC) = 1
