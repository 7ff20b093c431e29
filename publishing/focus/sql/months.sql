-- The billing months that have charges. Grain: a month and a currency. {missing} has, for each column that FOCUS wants a value of
-- in every row, the number of rows without one. A month is that of the billing period in UTC, or of the charge where it has none.
SELECT
    date_trunc('month', coalesce(billing_period_start, charge_period_start))::DATE AS billing_month,
    billing_currency,
    count(*) AS charge_rows,
    sum(billed_cost)::DECIMAL(38, 18) AS billed_cost, sum(effective_cost)::DECIMAL(38, 18) AS effective_cost,
    sum(list_cost)::DECIMAL(38, 18) AS list_cost, sum(contracted_cost)::DECIMAL(38, 18) AS contracted_cost,
    min(charge_period_start) AS first_start, max(charge_period_start) AS last_start,
    [{missing}] AS missing
FROM charges
GROUP BY ALL
ORDER BY billing_month, billing_currency NULLS LAST
