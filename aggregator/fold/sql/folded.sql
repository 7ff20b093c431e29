-- The new state of one rollup's changed groups: the current state plus the changes. Grain: the rollup's keys.
-- A group with charge_rows = 0 disappears from the table.
-- Adding 0 makes a sum that exceeds its type an error: DuckDB's sum() checks 128 bits, not 38 digits.
CREATE OR REPLACE TEMP TABLE folded_{table} AS
WITH costs AS (
    SELECT
        {keys},
        sum(charge_rows)::BIGINT AS charge_rows,
        sum(billed_cost) AS billed_cost,
        sum(billed_rows)::BIGINT AS billed_rows,
        sum(effective_cost) AS effective_cost,
        sum(effective_rows)::BIGINT AS effective_rows,
        sum(list_cost) AS list_cost,
        sum(list_rows)::BIGINT AS list_rows,
        sum(contracted_cost) AS contracted_cost,
        sum(contracted_rows)::BIGINT AS contracted_rows
    FROM (
        SELECT {keys}, charge_rows, billed_cost, billed_rows, effective_cost, effective_rows, list_cost, list_rows,
               contracted_cost, contracted_rows
        FROM current_{table}
        UNION ALL
        SELECT {keys}, charge_rows, billed_cost, billed_rows, effective_cost, effective_rows, list_cost, list_rows,
               contracted_cost, contracted_rows
        FROM moved_{table}
    )
    GROUP BY {keys}
),
quantities AS (
    SELECT {keys}, unit, sum(quantity) + 0::DECIMAL(38, 18) AS quantity, sum(quantity_rows)::BIGINT AS quantity_rows
    FROM (
        SELECT {keys}, entry.key AS unit, entry.value AS quantity, consumed_rows[entry.key] AS quantity_rows
        FROM (SELECT *, unnest(map_entries(consumed_quantity)) AS entry FROM current_{table})
        UNION ALL
        SELECT {keys}, unit, quantity, charge_rows FROM moved_{table} WHERE unit IS NOT NULL
    )
    GROUP BY {keys}, unit
    HAVING sum(quantity_rows) <> 0
),
maps AS (
    SELECT
        {keys},
        map_from_entries(list(row(unit, quantity) ORDER BY unit)) AS consumed_quantity,
        map_from_entries(list(row(unit, quantity_rows) ORDER BY unit)) AS consumed_rows
    FROM quantities
    GROUP BY {keys}
)
SELECT
    a.* REPLACE (
        CASE WHEN billed_rows <> 0 THEN billed_cost + 0::DECIMAL(38, 18) END AS billed_cost,
        CASE WHEN effective_rows <> 0 THEN effective_cost + 0::DECIMAL(38, 18) END AS effective_cost,
        CASE WHEN list_rows <> 0 THEN list_cost + 0::DECIMAL(38, 18) END AS list_cost,
        CASE WHEN contracted_rows <> 0 THEN contracted_cost + 0::DECIMAL(38, 18) END AS contracted_cost
    ),
    coalesce(b.consumed_quantity, MAP([], [])::MAP(VARCHAR, DECIMAL(38, 18))) AS consumed_quantity,
    coalesce(b.consumed_rows, MAP([], [])::MAP(VARCHAR, BIGINT)) AS consumed_rows
FROM costs AS a
LEFT JOIN maps AS b ON {same_keys}
