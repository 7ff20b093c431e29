-- Data files of the newest snapshot that may be merged. Grain: one file, in the order in which DuckLake merges them.
-- A file with a file of deleted rows is never merged. {catalog} is the catalog database.
-- Parameters: $1 the least size in bytes that is no longer small, $2 the moment after which a file is young.
SELECT
    tables.table_name AS "table",
    file.file_size_bytes AS size_bytes,
    file.begin_snapshot AS since,
    -- A file whose snapshot has been expired is old.
    coalesce(made.snapshot_time::TIMESTAMPTZ > $2, false) AS young
FROM {catalog}.ducklake_data_file AS file
JOIN {catalog}.ducklake_table AS tables ON tables.table_id = file.table_id AND tables.end_snapshot IS NULL
LEFT JOIN {catalog}.ducklake_snapshot AS made ON made.snapshot_id = file.begin_snapshot
LEFT JOIN (SELECT DISTINCT data_file_id FROM {catalog}.ducklake_delete_file) AS deleted
  ON deleted.data_file_id = file.data_file_id
WHERE file.end_snapshot IS NULL AND deleted.data_file_id IS NULL AND file.file_size_bytes < $1
ORDER BY file.begin_snapshot, file.row_id_start, file.data_file_id
