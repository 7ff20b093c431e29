-- The files of a lake that its catalog names, whatever the snapshot. Grain: one file.
-- `relative` is false for a file outside the data path, whose path is absolute. {schema} is the catalog's schema.
SELECT DISTINCT
    CASE WHEN f.path_is_relative AND t.path_is_relative AND s.path_is_relative THEN s.path || t.path || f.path
         WHEN f.path_is_relative AND t.path_is_relative THEN t.path || f.path
         ELSE f.path END AS name,
    f.file_size_bytes AS size_bytes,
    f.path_is_relative AND t.path_is_relative AND s.path_is_relative AS relative
FROM (
    SELECT table_id, path, path_is_relative, file_size_bytes FROM {schema}.ducklake_data_file
    UNION ALL
    SELECT table_id, path, path_is_relative, file_size_bytes FROM {schema}.ducklake_delete_file
) AS f
JOIN (SELECT DISTINCT table_id, schema_id, path, path_is_relative FROM {schema}.ducklake_table) AS t
  ON t.table_id = f.table_id
JOIN (SELECT DISTINCT schema_id, path, path_is_relative FROM {schema}.ducklake_schema) AS s
  ON s.schema_id = t.schema_id
ORDER BY 1
