-- The amount of each meter by day. Grain: meter, charge_day.
SELECT
    meter,
    charge_day,
    sum(
        CASE measure
            WHEN 'billed_cost' THEN billed_cost
            WHEN 'effective_cost' THEN effective_cost
            WHEN 'list_cost' THEN list_cost
            ELSE consumed_quantity[unit]
        END
    ) + 0::DECIMAL(38, 18) AS amount
FROM insight_days
JOIN insight_meters ON currency IS NOT DISTINCT FROM billing_currency
GROUP BY meter, charge_day
HAVING amount IS NOT NULL
