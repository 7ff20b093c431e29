-- The catalog's own tables with rows of the lake's tables. Grain: one of them; a table has one for each of its schemas that
-- rows were inlined with. {catalog} is the catalog database.
SELECT tables.table_name AS "table", stores.table_name AS store
FROM {catalog}.ducklake_inlined_data_tables AS stores
JOIN {catalog}.ducklake_table AS tables ON tables.table_id = stores.table_id AND tables.end_snapshot IS NULL
ORDER BY ALL
