-- The rows of one aggregate table that plain sums over the charges do not give, and those that the table lacks.
-- Grain: side, the keys of the table. EXCEPT and GROUP BY take NULL for a value like any other.
-- Parameters: $1 the snapshot of the charges, $2 the snapshot in which the table is read, $3 how many groups at most.
WITH stored AS (
    SELECT {day}, {columns}, charge_rows, billed_cost, billed_rows, effective_cost, effective_rows, list_cost, list_rows,
           contracted_cost, contracted_rows
    FROM {table} AT (VERSION => $2)
),
read AS (
    {charges}
),
recomputed AS (
    SELECT
        (charge_period_start AT TIME ZONE 'UTC')::DATE AS {day},
        {columns},
        count(*) AS charge_rows,
        sum(billed_cost) AS billed_cost,
        count(billed_cost) AS billed_rows,
        sum(effective_cost) AS effective_cost,
        count(effective_cost) AS effective_rows,
        sum(list_cost) AS list_cost,
        count(list_cost) AS list_rows,
        sum(contracted_cost) AS contracted_cost,
        count(contracted_cost) AS contracted_rows
    FROM read
    GROUP BY 1, {columns}
),
differing AS (
    SELECT 'stored' AS side, * FROM (FROM stored EXCEPT ALL FROM recomputed)
    UNION ALL
    SELECT 'recomputed' AS side, * FROM (FROM recomputed EXCEPT ALL FROM stored)
)
SELECT * FROM differing
QUALIFY dense_rank() OVER (ORDER BY {day}, {columns}) <= $3
ORDER BY {day}, {columns}, side
