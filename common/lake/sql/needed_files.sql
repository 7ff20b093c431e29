-- The files that a snapshot of the lake refers to, by their paths under the data path. Grain: one file.
-- A file outside the data path has an absolute path in the catalog, and a move does not concern it.
-- {metadata} is the catalog database.
SELECT s.path || t.path || f.path AS path
FROM (
    SELECT table_id, path, path_is_relative FROM {metadata}.ducklake_data_file
    UNION ALL
    SELECT table_id, path, path_is_relative FROM {metadata}.ducklake_delete_file
) AS f
JOIN (SELECT DISTINCT table_id, schema_id, path, path_is_relative FROM {metadata}.ducklake_table) AS t USING (table_id)
JOIN (SELECT DISTINCT schema_id, path, path_is_relative FROM {metadata}.ducklake_schema) AS s USING (schema_id)
WHERE f.path_is_relative AND t.path_is_relative AND s.path_is_relative
