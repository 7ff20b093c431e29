-- The new state of one rollup's changed groups: the current state plus the changes. Grain: the rollup's keys.
-- A group with charge_rows = 0 disappears from the table.
-- Adding 0 makes a sum that exceeds its type an error: DuckDB's sum() checks 128 bits, not 38 digits.
CREATE OR REPLACE TEMP TABLE folded_{table} AS
WITH parts AS (
    SELECT {keys}, NULL::VARCHAR AS unit, NULL::DECIMAL(38, 18) AS quantity, 0::BIGINT AS quantity_rows, charge_rows,
           billed_cost, billed_rows, effective_cost, effective_rows, list_cost, list_rows, contracted_cost, contracted_rows
    FROM current_{table}
    UNION ALL
    SELECT {keys}, entry.key, entry.value, consumed_rows[entry.key], 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0
    FROM (SELECT *, unnest(map_entries(consumed_quantity)) AS entry FROM current_{table})
    UNION ALL
    SELECT {keys}, unit, quantity, charge_rows, charge_rows, billed_cost, billed_rows, effective_cost, effective_rows,
           list_cost, list_rows, contracted_cost, contracted_rows
    FROM moved_{table}
),
units AS (
    SELECT
        {keys},
        unit,
        sum(quantity) AS quantity,
        sum(quantity_rows)::BIGINT AS quantity_rows,
        sum(charge_rows) AS charge_rows,
        sum(billed_cost) AS billed_cost,
        sum(billed_rows) AS billed_rows,
        sum(effective_cost) AS effective_cost,
        sum(effective_rows) AS effective_rows,
        sum(list_cost) AS list_cost,
        sum(list_rows) AS list_rows,
        sum(contracted_cost) AS contracted_cost,
        sum(contracted_rows) AS contracted_rows
    FROM parts
    GROUP BY {keys}, unit
),
groups AS (
    -- The lists are sorted when they are complete: ORDER BY inside list() costs five times as much.
    SELECT
        {keys},
        list((unit, quantity + 0::DECIMAL(38, 18))) FILTER (unit IS NOT NULL AND quantity_rows <> 0) AS quantities,
        list((unit, quantity_rows)) FILTER (unit IS NOT NULL AND quantity_rows <> 0) AS counts,
        sum(charge_rows)::BIGINT AS charge_rows,
        sum(billed_cost) AS billed_cost,
        sum(billed_rows)::BIGINT AS billed_rows,
        sum(effective_cost) AS effective_cost,
        sum(effective_rows)::BIGINT AS effective_rows,
        sum(list_cost) AS list_cost,
        sum(list_rows)::BIGINT AS list_rows,
        sum(contracted_cost) AS contracted_cost,
        sum(contracted_rows)::BIGINT AS contracted_rows
    FROM units
    GROUP BY {keys}
)
SELECT
    {keys},
    charge_rows,
    CASE WHEN billed_rows <> 0 THEN billed_cost + 0::DECIMAL(38, 18) END AS billed_cost,
    billed_rows,
    CASE WHEN effective_rows <> 0 THEN effective_cost + 0::DECIMAL(38, 18) END AS effective_cost,
    effective_rows,
    CASE WHEN list_rows <> 0 THEN list_cost + 0::DECIMAL(38, 18) END AS list_cost,
    list_rows,
    CASE WHEN contracted_rows <> 0 THEN contracted_cost + 0::DECIMAL(38, 18) END AS contracted_cost,
    contracted_rows,
    coalesce(map_from_entries(list_sort(quantities)), MAP([], [])::MAP(VARCHAR, DECIMAL(38, 18))) AS consumed_quantity,
    coalesce(map_from_entries(list_sort(counts)), MAP([], [])::MAP(VARCHAR, BIGINT)) AS consumed_rows
FROM groups
