-- The cost of each day that a budget counts, usage apart. Grain: charge_day, usage.
-- Charges that tell no effective cost are counted at their billed cost.
-- A charge without a category counts as usage.
-- Parameters: $1 currency, $2 cost, $3 categories, $4 first day, $5 last day, and lists of wanted values, NULL for any:
-- $6 providers, $7 billing accounts, $8 sub accounts, $9 services, $10 service categories, $11 regions, $12 users,
-- $13 commitment statuses, $14 pricing categories; then those of tags.
SELECT
    charge_day,
    coalesce(charge_category, 'Usage') = 'Usage' AS usage,
    sum(if($2 = 'effective_cost' AND contains(costs_told, 'E'), effective_cost, billed_cost)) + 0::DECIMAL(38, 18) AS amount
FROM cost_cells
WHERE billing_currency = $1
    AND list_contains($3::VARCHAR[], coalesce(charge_category, 'Usage'))
    AND charge_day BETWEEN $4 AND $5
    AND ($6::VARCHAR[] IS NULL OR list_contains($6::VARCHAR[], provider_name))
    AND ($7::VARCHAR[] IS NULL OR list_contains($7::VARCHAR[], billing_account_id))
    AND ($8::VARCHAR[] IS NULL OR list_contains($8::VARCHAR[], sub_account_id))
    AND ($9::VARCHAR[] IS NULL OR list_contains($9::VARCHAR[], service_name))
    AND ($10::VARCHAR[] IS NULL OR list_contains($10::VARCHAR[], service_category))
    AND ($11::VARCHAR[] IS NULL OR list_contains($11::VARCHAR[], region_id))
    AND ($12::VARCHAR[] IS NULL OR list_contains($12::VARCHAR[], x_user_id))
    AND ($13::VARCHAR[] IS NULL OR list_contains($13::VARCHAR[], commitment_discount_status))
    AND ($14::VARCHAR[] IS NULL OR list_contains($14::VARCHAR[], pricing_category))
    AND {tagged}
GROUP BY charge_day, usage
HAVING amount IS NOT NULL
ORDER BY charge_day, usage
