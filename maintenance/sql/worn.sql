-- Data files of the newest snapshot that have deleted rows. Grain: one file. {catalog} is the catalog database.
-- Parameter: $1 the moment after which a file whose newest row was deleted is young.
SELECT
    tables.table_name AS "table",
    file.data_file_id AS file_id,
    file.file_size_bytes AS size_bytes,
    file.record_count AS "rows",
    deleted.delete_count AS dead,
    -- A list of deleted rows that has grown names its first snapshot and its last. One that has been expired is old.
    coalesce(made.snapshot_time::TIMESTAMPTZ > $1, false) AS young
FROM {catalog}.ducklake_delete_file AS deleted
JOIN {catalog}.ducklake_data_file AS file ON file.data_file_id = deleted.data_file_id AND file.end_snapshot IS NULL
JOIN {catalog}.ducklake_table AS tables ON tables.table_id = file.table_id AND tables.end_snapshot IS NULL
LEFT JOIN {catalog}.ducklake_snapshot AS made
  ON made.snapshot_id = coalesce(deleted.partial_max, deleted.begin_snapshot)
WHERE deleted.end_snapshot IS NULL
  -- A file of flushed rows whose rows are all deleted stays, in DuckLake; a renewal has no row of it to delete.
  AND deleted.delete_count < file.record_count
ORDER BY file.data_file_id
