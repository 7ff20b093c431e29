-- The data files of the newest snapshot. Grain: one table that has some. {catalog} is the catalog database.
SELECT tables.table_name AS "table", count(*) AS files, sum(file.file_size_bytes)::BIGINT AS bytes,
       sum(file.record_count)::BIGINT AS "rows"
FROM {catalog}.ducklake_data_file AS file
JOIN (SELECT DISTINCT table_id, table_name FROM {catalog}.ducklake_table WHERE end_snapshot IS NULL) AS tables
  ON tables.table_id = file.table_id
WHERE file.end_snapshot IS NULL
GROUP BY tables.table_name
ORDER BY files DESC, "table"
