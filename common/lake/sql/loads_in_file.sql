-- Active loads that may have rows in a data file. Grain: one load.
-- A file is added by the commit that has the ledger entries of its loads. One that maintenance has written anew has other loads
-- in its range too, so there every load of the range counts.
-- Parameters: $1 and $2 the least and the greatest load id in the file, $3 the snapshot that added it, $4 the table that they were loaded into.
WITH in_range AS (
    SELECT a.load_id, a.scope, a.bucket, a.key, a.rows_loaded, l.snapshot_id
    FROM active_loads AS a
    JOIN (SELECT snapshot_id, entry_id FROM ledger) AS l ON l.entry_id = a.entry_id
    WHERE a.load_id BETWEEN $1 AND $2 AND a.rows_loaded > 0 AND coalesce(a.table_name, 'charges') = $4
)
SELECT load_id, scope, bucket, key, rows_loaded
FROM in_range
WHERE snapshot_id = $3 OR NOT EXISTS (SELECT 1 FROM in_range WHERE snapshot_id = $3)
ORDER BY load_id
