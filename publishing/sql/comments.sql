-- Comments of some tables of the lake, and of their columns. Grain: one table, with an empty column, or one column.
-- Parameter: $1 the tables.
SELECT table_name, '' AS column_name, coalesce(comment, '') AS comment
FROM duckdb_tables()
WHERE database_name = 'lake' AND schema_name = 'main' AND list_contains($1, table_name)
UNION ALL
SELECT table_name, column_name, coalesce(comment, '')
FROM duckdb_columns()
WHERE database_name = 'lake' AND schema_name = 'main' AND list_contains($1, table_name)
