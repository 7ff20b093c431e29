-- Rows and billed cost by the charges. Grain: one billing currency.
SELECT billing_currency, count(*)::BIGINT AS charge_rows, sum(billed_cost) AS billed_cost
FROM charges
GROUP BY billing_currency
ORDER BY billing_currency
