-- The amount of each meter in the compared days, by what comparisons and rankings ask for.
-- Grain: meter, provider, account, service, user, region, charge_day. Parameters: $1 the snapshot to read, $2 a day.
SELECT
    meter,
    provider_name AS provider,
    coalesce(sub_account_id, billing_account_id) AS account,
    service_name AS service,
    x_user_id AS user,
    region_id AS region,
    charge_day,
    sum(
        CASE measure
            WHEN 'billed_cost' THEN billed_cost
            WHEN 'effective_cost' THEN effective_cost
            WHEN 'list_cost' THEN list_cost
            ELSE consumed_quantity[unit]
        END
    ) + 0::DECIMAL(38, 18) AS amount
FROM cost_cells AT (VERSION => $1)
JOIN insight_meters ON currency IS NOT DISTINCT FROM billing_currency
WHERE charge_day >= $2
GROUP BY ALL
HAVING amount IS NOT NULL
