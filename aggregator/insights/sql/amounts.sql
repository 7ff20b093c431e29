-- The amount of each meter by day, in total and by dimension. Grain: meter, dimension, name, charge_day.
-- Dimension 'total' has all days, the others the days from $2 on. Parameters: $1 the snapshot to read, $2 a day.
WITH parts AS (
    SELECT 'total' AS dimension, NULL::VARCHAR AS name, charge_day, billing_currency, billed_cost, effective_cost,
           list_cost, consumed_quantity
    FROM insight_days
    UNION ALL
    SELECT 'user', x_user_id, charge_day, billing_currency, billed_cost, effective_cost, list_cost, consumed_quantity
    FROM user_costs AT (VERSION => $1)
    WHERE charge_day >= $2
    UNION ALL
    SELECT 'service', service_name, charge_day, billing_currency, billed_cost, effective_cost, list_cost,
           consumed_quantity
    FROM service_costs AT (VERSION => $1)
    WHERE charge_day >= $2
    UNION ALL
    SELECT 'service_tier', x_service_tier, charge_day, billing_currency, billed_cost, effective_cost, list_cost,
           consumed_quantity
    FROM service_costs AT (VERSION => $1)
    WHERE charge_day >= $2
    UNION ALL
    SELECT 'resource_type', resource_type, charge_day, billing_currency, billed_cost, effective_cost, list_cost,
           consumed_quantity
    FROM service_costs AT (VERSION => $1)
    WHERE charge_day >= $2
    UNION ALL
    SELECT 'region', region_id, charge_day, billing_currency, billed_cost, effective_cost, list_cost,
           consumed_quantity
    FROM region_costs AT (VERSION => $1)
    WHERE charge_day >= $2
)
SELECT
    meter,
    dimension,
    name,
    charge_day,
    sum(
        CASE measure
            WHEN 'billed_cost' THEN billed_cost
            WHEN 'effective_cost' THEN effective_cost
            WHEN 'list_cost' THEN list_cost
            ELSE consumed_quantity[unit]
        END
    ) + 0::DECIMAL(38, 18) AS amount
FROM parts
JOIN insight_meters ON currency IS NOT DISTINCT FROM billing_currency
GROUP BY meter, dimension, name, charge_day
HAVING amount IS NOT NULL
