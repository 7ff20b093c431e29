-- Compared usage that lacks a SKU or a quantity. Grain: currency, provider, lacks.
SELECT currency, provider, lacks, sum(charge_rows)::BIGINT AS charge_rows, sum(cost) + 0::DECIMAL(38, 18) AS cost
FROM (
    SELECT currency, provider, charge_rows, cost, 'sku_id' AS lacks
    FROM insight_unit_charges
    WHERE current AND price_sku IS NULL
    UNION ALL
    SELECT currency, provider, charge_rows, cost, 'pricing_quantity'
    FROM insight_unit_charges
    WHERE current AND priced IS NULL
)
GROUP BY ALL
ORDER BY ALL
