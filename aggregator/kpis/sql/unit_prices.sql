-- Usage by SKU, of the compared days beside the days before. Grain: kind, currency, provider, service, sku, unit.
-- kind is price (by the unit that is priced) or consumed (by the unit that is consumed).
-- expected: what the quantity would have cost at the former price; NULL unless both quantities are positive.
WITH measured AS (
    SELECT 'price' AS kind, currency, provider, service, price_sku AS sku, price_unit AS unit, current, cost, priced AS quantity
    FROM insight_unit_charges
    WHERE is_priced AND price_sku IS NOT NULL
    UNION ALL
    SELECT 'consumed', currency, provider, service, unit_sku, coalesce(consumed_unit, ''), current, cost, consumed
    FROM insight_unit_charges
    WHERE is_consumed AND unit_sku IS NOT NULL
),
compared AS (
    SELECT
        kind,
        currency,
        provider,
        service,
        sku,
        coalesce(unit, '') AS unit,
        sum(cost) FILTER (current) + 0::DECIMAL(38, 18) AS cost,
        sum(quantity) FILTER (current) + 0::DECIMAL(38, 18) AS quantity,
        sum(cost) FILTER (NOT current) + 0::DECIMAL(38, 18) AS cost_before,
        sum(quantity) FILTER (NOT current) + 0::DECIMAL(38, 18) AS quantity_before
    FROM measured
    GROUP BY ALL
)
SELECT
    *,
    -- A quotient is not exact anyway; rounded once here, the effects add up to the change to the last digit.
    CASE WHEN quantity > 0 AND quantity_before > 0
        THEN try_cast(cost_before::DOUBLE * (quantity::DOUBLE / quantity_before::DOUBLE) AS DECIMAL(38, 18))
    END AS expected
FROM compared
