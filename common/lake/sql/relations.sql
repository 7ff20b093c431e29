-- Tables and views of the lake, names in lower case: those of now, and older definitions of views.
-- Grain: one version of a table or view; `sql` is a view's SELECT. {metadata} is the catalog database.
SELECT lower(s.schema_name) AS schema_name, lower(r.name) AS name, r.sql, r.end_snapshot IS NULL AS current
FROM (
    SELECT schema_id, end_snapshot, table_name AS name, NULL AS sql FROM {metadata}.ducklake_table
    WHERE end_snapshot IS NULL
    UNION ALL
    SELECT schema_id, end_snapshot, view_name, sql FROM {metadata}.ducklake_view
) AS r
JOIN {metadata}.ducklake_schema AS s USING (schema_id)
WHERE s.end_snapshot IS NULL
