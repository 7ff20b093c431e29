-- What one unit of a service costs. Grain: one billing month, provider, service, unit and currency. Usage alone, and only charges
-- that have both a cost and a quantity; the sums are exact, and their quotient is a floating-point number.
SELECT
    billing_month,
    coalesce(provider_name, service_provider_name) AS provider_name,
    service_name,
    consumed_unit,
    billing_currency,
    sum(effective_cost) AS effective_cost,
    sum(consumed_quantity) AS consumed_quantity,
    CAST(sum(effective_cost) AS DOUBLE) / nullif(CAST(sum(consumed_quantity) AS DOUBLE), 0) AS unit_cost
FROM {{ ref('stg_charges') }}
WHERE charge_category = 'Usage' AND effective_cost IS NOT NULL AND consumed_quantity IS NOT NULL
GROUP BY ALL
