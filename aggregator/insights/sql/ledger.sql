-- The ledger in numbers. Grain: one row. Parameter: the snapshot to read.
WITH lines AS (
    SELECT
        count(*) AS ledger_lines,
        arg_max(scope, processed_at) FILTER (state = 'loaded') AS file,
        max(processed_at) FILTER (state = 'loaded') AS processed_at
    FROM ledger AT (VERSION => $1)
),
active AS (
    SELECT count(DISTINCT load_id) AS loads, coalesce(sum(rows_rejected), 0)::BIGINT AS rejected_rows
    FROM insight_active
)
SELECT ledger_lines, file, processed_at, loads, rejected_rows FROM lines CROSS JOIN active
