-- The charges that one rollup's table counts, and its smallest group. Grain: one row.
SELECT
    '{table}' AS table_name,
    coalesce(sum(charge_rows), 0) AS counted_rows,
    coalesce(min(charge_rows), 1) AS fewest_rows
FROM {table}
