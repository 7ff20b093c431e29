-- Scopes that other processes changed while the proof began: the proof skips their entries in the catalog. Grain: one scope.
-- Parameters: $1 the snapshot of the proof, $2 the newest one after the catalog was read.
CREATE OR REPLACE TEMP TABLE verify_moving AS
SELECT DISTINCT scope_id
FROM ledger AT (VERSION => $2)
WHERE $1 <> $2 AND entry_id NOT IN (SELECT entry_id FROM ledger AT (VERSION => $1))
