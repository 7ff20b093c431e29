-- The scopes that others moved while the proof began: nothing is said about what the catalog holds of them. Grain: one scope.
-- Parameters: $1 the snapshot that the proof is about, $2 the newest one after the catalog was read.
CREATE OR REPLACE TEMP TABLE verify_moving AS
SELECT DISTINCT scope_id
FROM ledger AT (VERSION => $2)
WHERE $1 <> $2 AND entry_id NOT IN (SELECT entry_id FROM ledger AT (VERSION => $1))
