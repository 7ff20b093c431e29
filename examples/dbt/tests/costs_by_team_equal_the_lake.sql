-- Totals of the mart that are not those of the lake, to the last decimal. Grain: one currency that differs.
WITH mart AS (
    SELECT
        billing_currency, sum(charge_rows) AS charge_rows, sum(billed_cost) AS billed_cost,
        sum(effective_cost) AS effective_cost
    FROM {{ ref('costs_by_team') }} GROUP BY ALL
),
lake AS (
    SELECT
        billing_currency, count(*) AS charge_rows, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost
    FROM {{ source('billstream', 'charges') }} GROUP BY ALL
)
(FROM mart EXCEPT FROM lake) UNION ALL (FROM lake EXCEPT FROM mart)
