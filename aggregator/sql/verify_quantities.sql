-- The quantities of one aggregate table that plain sums over the charges do not give, and those that the table lacks.
-- Grain: side, the keys of the table, unit.
-- Parameters: $1 the snapshot of the charges, $2 the snapshot in which the table is read, $3 how many groups at most.
WITH stored AS (
    -- Both maps have the same units: where one has more, its units stand beside NULL, and nothing equals them.
    SELECT
        {day}, {columns},
        unnest(map_keys(consumed_quantity)) AS unit,
        unnest(map_values(consumed_quantity)) AS consumed_quantity,
        unnest(map_keys(consumed_rows)) AS rows_unit,
        unnest(map_values(consumed_rows)) AS consumed_rows
    FROM {table} AT (VERSION => $2)
),
read AS (
    {charges}
),
recomputed AS (
    SELECT
        (charge_period_start AT TIME ZONE 'UTC')::DATE AS {day},
        {columns},
        coalesce(consumed_unit, '') AS unit,
        sum(consumed_quantity) AS consumed_quantity,
        coalesce(consumed_unit, '') AS rows_unit,
        count(consumed_quantity) AS consumed_rows
    FROM read
    WHERE consumed_quantity IS NOT NULL
    GROUP BY 1, {columns}, coalesce(consumed_unit, '')
),
differing AS (
    SELECT 'stored' AS side, * FROM (FROM stored EXCEPT ALL FROM recomputed)
    UNION ALL
    SELECT 'recomputed' AS side, * FROM (FROM recomputed EXCEPT ALL FROM stored)
)
SELECT * FROM differing
QUALIFY dense_rank() OVER (ORDER BY {day}, {columns}) <= $3
ORDER BY {day}, {columns}, side, unit
