-- Each file's part before and after. Grain: kind, file, charge_day, billing_currency, service_name, account_id.
-- quantities lists the units whose quantity differs. A group with equal sums is included with changed = false.
-- Adding 0 makes a sum that exceeds its type an error: DuckDB's sum() checks 128 bits, not 38 digits.
CREATE OR REPLACE TEMP TABLE restatements AS
WITH units AS (
    SELECT
        kind, file, charge_day, billing_currency, service_name, account_id, unit,
        coalesce(sum(charge_rows) FILTER (side = 'before'), 0)::BIGINT AS rows_before,
        coalesce(sum(charge_rows) FILTER (side = 'after'), 0)::BIGINT AS rows_after,
        sum(billed_cost) FILTER (side = 'before') AS billed_before,
        sum(billed_cost) FILTER (side = 'after') AS billed_after,
        sum(effective_cost) FILTER (side = 'before') AS effective_before,
        sum(effective_cost) FILTER (side = 'after') AS effective_after,
        sum(quantity) FILTER (side = 'before') + 0::DECIMAL(38, 18) AS quantity_before,
        sum(quantity) FILTER (side = 'after') + 0::DECIMAL(38, 18) AS quantity_after,
        coalesce(quantity_after, 0) - coalesce(quantity_before, 0) + 0::DECIMAL(38, 18) AS quantity_difference
    FROM restatement_amounts
    GROUP BY ALL
),
groups AS (
    SELECT
        kind, file, charge_day, billing_currency, service_name, account_id,
        sum(rows_before)::BIGINT AS rows_before,
        sum(rows_after)::BIGINT AS rows_after,
        sum(billed_before) + 0::DECIMAL(38, 18) AS billed_before,
        sum(billed_after) + 0::DECIMAL(38, 18) AS billed_after,
        sum(effective_before) + 0::DECIMAL(38, 18) AS effective_before,
        sum(effective_after) + 0::DECIMAL(38, 18) AS effective_after,
        coalesce(
            list(
                struct_pack(
                    unit := unit, before := quantity_before, after := quantity_after, difference := quantity_difference
                )
                ORDER BY unit
            ) FILTER (quantity_difference <> 0),
            []
        ) AS quantities
    FROM units
    GROUP BY ALL
),
differences AS (
    SELECT
        *,
        CASE WHEN billed_before IS NOT NULL OR billed_after IS NOT NULL
            THEN coalesce(billed_after, 0) - coalesce(billed_before, 0) + 0::DECIMAL(38, 18) END AS billed_difference,
        CASE WHEN effective_before IS NOT NULL OR effective_after IS NOT NULL
            THEN coalesce(effective_after, 0) - coalesce(effective_before, 0) + 0::DECIMAL(38, 18)
            END AS effective_difference
    FROM groups
)
SELECT
    *,
    coalesce(billed_difference, 0) <> 0 OR coalesce(effective_difference, 0) <> 0 OR len(quantities) > 0 AS changed
FROM differences
