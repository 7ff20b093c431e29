-- What is in quarantine. Grain: one scope: an object whose newest version could not be loaded, a message that could not be
-- read, or a load in force some records of which did not fit. {guard} is the catalog's table of scopes, which knows for
-- sure what is newest.
WITH held AS (
    SELECT scope_id, state, load_id FROM {guard}
),
unloaded AS (
    SELECT l.*, h.load_id IS NOT NULL AS older_rows_in_force
    FROM held h JOIN ledger l ON l.scope_id = h.scope_id AND l.state = 'quarantined'
    WHERE h.state = 'quarantined'
    QUALIFY row_number() OVER (PARTITION BY l.scope_id ORDER BY l.rowid DESC) = 1
),
incomplete AS (
    SELECT l.*, false AS older_rows_in_force
    FROM held h JOIN ledger l ON l.entry_id = h.load_id AND l.state = 'loaded'
    WHERE l.rows_rejected > 0 AND h.state <> 'quarantined'
)
SELECT scope, bucket, key, state, reason, rows_loaded, rows_rejected, older_rows_in_force, processed_at, entry_id
FROM (FROM unloaded UNION ALL BY NAME FROM incomplete)
ORDER BY processed_at DESC, scope
