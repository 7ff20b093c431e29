-- The rows of a staged file as the copy has them, by day, so that a data file has few days. Grain: one row of the table.
-- Parameter: $1 the file. {columns} are the columns of the copy, {day} the one of the day.
SELECT {columns}
FROM read_parquet($1, hive_partitioning = false)
ORDER BY {day}
