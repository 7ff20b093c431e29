-- The bytes of the data files that a refresh reads, and what follows it: of charges those that were added or removed after $1,
-- wholly or in part, and all of them where it is NULL; and of the other tables. Grain: one row.
-- {catalog} is the catalog database; rows that it keeps itself are few.
SELECT coalesce(sum(f.file_size_bytes), 0)
FROM {catalog}.ducklake_data_file AS f
JOIN {catalog}.ducklake_table AS t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
WHERE CASE
    WHEN t.table_name <> 'charges' OR $1 IS NULL THEN f.end_snapshot IS NULL
    ELSE
        f.begin_snapshot > $1
        OR f.end_snapshot > $1
        OR f.data_file_id IN (SELECT data_file_id FROM {catalog}.ducklake_delete_file WHERE begin_snapshot > $1)
END
