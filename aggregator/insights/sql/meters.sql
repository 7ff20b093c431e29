-- The measures that can be added up: each currency's cost, and, where charges name no currency or no cost, their main
-- units. Grain: meter. A currency's measure is its billed cost; without one, its effective cost, else its list cost.
WITH costs AS (
    SELECT
        billing_currency,
        sum(charge_rows) AS charge_rows,
        min(charge_day) AS first_day,
        max(charge_day) AS last_day,
        CASE
            WHEN sum(billed_rows) > 0 THEN 'billed_cost'
            WHEN sum(effective_rows) > 0 THEN 'effective_cost'
            WHEN sum(list_rows) > 0 THEN 'list_cost'
        END AS measure
    FROM insight_days
    GROUP BY billing_currency
),
units AS (
    SELECT
        billing_currency,
        unit,
        sum(consumed_rows[unit]) AS charge_rows,
        min(charge_day) AS first_day,
        max(charge_day) AS last_day
    FROM (SELECT charge_day, billing_currency, consumed_rows, unnest(map_keys(consumed_rows)) AS unit FROM insight_days)
    GROUP BY billing_currency, unit
),
main_units AS (
    SELECT u.*
    FROM units u
    JOIN costs c ON c.billing_currency IS NOT DISTINCT FROM u.billing_currency
    WHERE u.billing_currency IS NULL OR c.measure IS NULL
    QUALIFY row_number() OVER (PARTITION BY u.billing_currency ORDER BY u.charge_rows DESC, unit) <= 3
),
meters AS (
    SELECT 'cost' AS kind, measure, billing_currency, NULL::VARCHAR AS unit, charge_rows, first_day, last_day
    FROM costs
    WHERE measure IS NOT NULL
    UNION ALL
    SELECT 'quantity', 'consumed_quantity', billing_currency, unit, charge_rows, first_day, last_day
    FROM main_units
)
SELECT
    row_number() OVER (ORDER BY kind, charge_rows DESC, billing_currency NULLS LAST, unit) AS meter,
    kind,
    measure,
    billing_currency AS currency,
    unit,
    first_day,
    last_day
FROM meters
