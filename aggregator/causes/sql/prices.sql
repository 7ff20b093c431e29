-- Costs and quantities of each price before and after. Grain: SKU, price, region and unit. Charges that name no SKU, or
-- have a cost without a quantity, have NULL quantities: they have no price.
SELECT
    sku,
    coalesce(any_value(unit), '') AS unit,
    coalesce(sum(amount) FILTER (in_before), 0)::DECIMAL(38, 18) AS cost_before,
    coalesce(sum(amount) FILTER (in_after), 0)::DECIMAL(38, 18) AS cost_after,
    CASE WHEN sku IS NOT NULL AND sum(unmeasured) = 0
         THEN coalesce(sum(quantity) FILTER (in_before), 0)::DECIMAL(38, 18) END AS quantity_before,
    CASE WHEN sku IS NOT NULL AND sum(unmeasured) = 0
         THEN coalesce(sum(quantity) FILTER (in_after), 0)::DECIMAL(38, 18) END AS quantity_after
FROM cause_charges
WHERE {condition}
GROUP BY provider, sku, price_id, region, unit
ORDER BY ALL
