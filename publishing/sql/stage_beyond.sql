-- The rows of {table} in a snapshot whose day is beyond the calendar, as a file. Grain: one row of the table.
-- Parameters: $1 the beginning of the calendar, $2 its end.
COPY (
    SELECT {columns}
    FROM {table} AT (VERSION => {version})
    WHERE {moment} < $1 OR {moment} >= $2
) TO '{path}' (FORMAT parquet)
