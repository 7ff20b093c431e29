-- Rows and billed cost by the aggregates. Grain: one billing currency.
SELECT billing_currency, sum(charge_rows)::BIGINT AS charge_rows, sum(billed_cost) AS billed_cost
FROM daily_costs
GROUP BY billing_currency
ORDER BY billing_currency
