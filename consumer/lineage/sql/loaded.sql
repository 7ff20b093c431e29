-- Loads as the ledger has them, with the loads that replaced them, and the version of billstream that committed them, which is known
-- as long as the snapshot of the commit is kept. Grain: one load.
-- Parameter: $1 the loads.
WITH chosen AS (
    SELECT *, snapshot_id FROM ledger WHERE state = 'loaded' AND load_id IN (SELECT unnest($1))
),
ended AS (
    SELECT previous_load_id, state, load_id, reason, processed_at
    FROM ledger
    WHERE previous_load_id IN (SELECT unnest($1)) AND load_id IS DISTINCT FROM previous_load_id
    QUALIFY row_number() OVER (PARTITION BY previous_load_id ORDER BY rowid) = 1
)
SELECT
    l.load_id, l.scope, l.bucket, l.key, l.version_id, l.etag, l.content_sha256, l.size_bytes, l.profile,
    l.processed_at, l.consumer_id, l.rows_loaded, l.rows_rejected, l.previous_load_id, l.delivery_id,
    e.state AS ended_as, e.load_id AS replaced_by, e.processed_at AS ended_at,
    l.snapshot_id, json_extract_string(s.commit_extra_info, '$.version') AS billstream_version,
    l.first_charge_day, l.last_charge_day,
    l.billed_totals, l.effective_totals, l.list_totals, l.contracted_totals
FROM chosen AS l
LEFT JOIN ended AS e ON e.previous_load_id = l.load_id
LEFT JOIN ducklake_snapshots('lake') AS s ON s.snapshot_id = l.snapshot_id
ORDER BY l.processed_at DESC, l.load_id DESC
