-- The rows of some days of one month of {table} in a snapshot, as a file. Grain: one row of the table.
-- Parameters: $1 the beginning of the month, $2 that of the next, $3 the days.
COPY (
    SELECT {columns}
    FROM {table} AT (VERSION => {version})
    WHERE {moment} >= $1 AND {moment} < $2 AND list_contains($3, {day})
) TO '{path}' (FORMAT parquet)
