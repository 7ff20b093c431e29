-- The groups in which one rollup's table and a plain recomputation from the charges differ. Grain: the rollup's keys.
-- A side without the group is NULL in every field. Shares nothing with the fold: a proof is independent of what it proves.
-- Parameters: $1 the snapshot at which the table is read, $2 the snapshot of the charges, $3 how many groups at most.
WITH charge AS (
    SELECT *, CAST(timezone('UTC', charge_period_start) AS DATE) AS charge_day
    FROM charges AT (VERSION => $2)
),
costs AS (
    SELECT
        {keys},
        count(*) AS charge_rows,
        sum(billed_cost) AS billed_cost,
        count(billed_cost) AS billed_rows,
        sum(effective_cost) AS effective_cost,
        count(effective_cost) AS effective_rows,
        sum(list_cost) AS list_cost,
        count(list_cost) AS list_rows,
        sum(list_cost - effective_cost) AS savings,
        count(list_cost - effective_cost) AS savings_rows
    FROM charge
    GROUP BY {keys}
),
quantities AS (
    SELECT {keys}, coalesce(consumed_unit, '') AS unit, sum(consumed_quantity) AS quantity, count(*) AS quantity_rows
    FROM charge
    WHERE consumed_quantity IS NOT NULL
    GROUP BY {keys}, unit
),
maps AS (
    SELECT
        {keys},
        map(list(unit ORDER BY unit), list(quantity ORDER BY unit)) AS consumed_quantity,
        map(list(unit ORDER BY unit), list(quantity_rows ORDER BY unit)) AS consumed_rows
    FROM quantities
    GROUP BY {keys}
),
recomputed AS (
    SELECT
        c.*,
        coalesce(m.consumed_quantity, MAP {{}}) AS consumed_quantity,
        coalesce(m.consumed_rows, MAP {{}}) AS consumed_rows
    FROM costs c
    LEFT JOIN maps m ON {cost_is_map}
)
SELECT stored, recomputed
FROM (SELECT {columns} FROM {table} AT (VERSION => $1)) AS stored
FULL JOIN (SELECT {columns} FROM recomputed) AS recomputed ON {stored_is_recomputed}
WHERE stored IS DISTINCT FROM recomputed
LIMIT $3
