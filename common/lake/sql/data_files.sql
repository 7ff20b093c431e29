-- The data files of a table in the newest snapshot. Grain: one file. {catalog} is the catalog database.
-- Parameter: $1 the table.
SELECT
    file.data_file_id AS file_id,
    $1 AS "table",
    listed.data_file AS path,
    listed.data_file_size_bytes AS size_bytes,
    listed.delete_file AS deleted_path,
    file.record_count AS "rows",
    file.begin_snapshot AS since,
    loads.min_value AS first_load,
    loads.max_value AS last_load
FROM {catalog}.ducklake_table AS tables
JOIN {catalog}.ducklake_data_file AS file ON file.table_id = tables.table_id AND file.end_snapshot IS NULL
JOIN ducklake_list_files('lake', $1) AS listed
  ON listed.data_file = file.path OR ends_with(listed.data_file, '/' || file.path)
LEFT JOIN {catalog}.ducklake_column AS load
  ON load.table_id = tables.table_id AND load.column_name = 'load_id' AND load.end_snapshot IS NULL
LEFT JOIN {catalog}.ducklake_file_column_stats AS loads
  ON loads.data_file_id = file.data_file_id AND loads.column_id = load.column_id
WHERE tables.table_name = $1 AND tables.end_snapshot IS NULL
ORDER BY file.data_file_id
