-- Everything in quarantine. Grain: one scope: an object whose newest version could not be loaded, a message that could not be
-- read, an object that S3 denies or billstream fails at, or an active load that has rejected records. {guard} is the catalog's table of scopes, which alone knows for sure
-- what is newest.
WITH processed AS (
    SELECT scope_id, state, load_id FROM {guard}
),
unloaded AS (
    SELECT l.*, p.load_id IS NOT NULL AS older_rows_active
    FROM processed p JOIN ledger l ON l.scope_id = p.scope_id AND l.state = p.state
    WHERE p.state IN ('quarantined', 'denied', 'failed')
    QUALIFY row_number() OVER (PARTITION BY l.scope_id ORDER BY l.rowid DESC) = 1
),
incomplete AS (
    SELECT l.*, false AS older_rows_active
    FROM processed p JOIN ledger l ON l.entry_id = p.load_id AND l.state = 'loaded'
    WHERE l.rows_rejected > 0 AND p.state NOT IN ('quarantined', 'denied', 'failed')
)
SELECT scope, bucket, key, state, reason, rows_loaded, rows_rejected, older_rows_active, processed_at, entry_id
FROM (FROM unloaded UNION ALL BY NAME FROM incomplete)
ORDER BY processed_at DESC, scope
