-- What is in the lake. Grain: billing currency.
SELECT billing_currency, count(*)::BIGINT AS charge_rows, sum(billed_cost) AS billed_cost
FROM charges
GROUP BY billing_currency
ORDER BY billing_currency
