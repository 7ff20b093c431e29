-- The rows of one month of {table} in a snapshot, as a file. Grain: one row of the table.
-- Parameters: $1 the beginning of the month, $2 that of the next.
COPY (
    SELECT {columns}
    FROM {table} AT (VERSION => {version})
    WHERE {moment} >= $1 AND {moment} < $2
) TO '{path}' (FORMAT parquet)
