-- Charges that lack what a KPI needs. Grain: currency, provider, lacks. Parameters: $1 the snapshot to read, $2 today.
WITH cells AS (
    SELECT
        *,
        commitment_discount_status IS NOT DISTINCT FROM 'Unused' AS unused,
        charge_category IS NOT DISTINCT FROM 'Usage' AND charge_class IS DISTINCT FROM 'Correction' AND NOT unused AS usage,
        contains(costs_told, 'E') AND effective_cost = 0 AND coalesce(billed_cost, 0) <> 0 AS zero
    FROM cost_cells AT (VERSION => $1)
    WHERE charge_day BETWEEN DATE '1900-01-01' AND $2
)
SELECT * REPLACE (charge_rows::BIGINT AS charge_rows, billed_cost + 0::DECIMAL(38, 18) AS billed_cost)
FROM (
SELECT
    billing_currency AS currency,
    provider_name AS provider,
    unnest([
        {{'lacks': 'charge_category', 'charge_rows': sum(charge_rows) FILTER (charge_category IS NULL),
            'billed_cost': sum(billed_cost) FILTER (charge_category IS NULL)}},
        {{'lacks': 'pricing_category',
            'charge_rows': sum(charge_rows) FILTER (usage AND pricing_category IS NULL AND commitment_discount_status IS NULL),
            'billed_cost': sum(billed_cost) FILTER (usage AND pricing_category IS NULL AND commitment_discount_status IS NULL)}},
        {{'lacks': 'list_cost', 'charge_rows': sum(charge_rows) FILTER (usage AND NOT contains(costs_told, 'L')),
            'billed_cost': sum(billed_cost) FILTER (usage AND NOT contains(costs_told, 'L'))}},
        {{'lacks': 'contracted_cost', 'charge_rows': sum(charge_rows) FILTER (usage AND NOT contains(costs_told, 'C')),
            'billed_cost': sum(billed_cost) FILTER (usage AND NOT contains(costs_told, 'C'))}},
        {{'lacks': 'effective_cost',
            'charge_rows': sum(charge_rows) FILTER (usage AND NOT contains(costs_told, 'E') OR usage AND zero),
            'billed_cost': sum(billed_cost) FILTER (usage AND NOT contains(costs_told, 'E') OR usage AND zero)}}
    ], recursive := true)
FROM cells
GROUP BY billing_currency, provider_name
)
ORDER BY ALL
