-- The amount of each meter by month. Grain: meter, month (its first day).
SELECT meter, date_trunc('month', charge_day)::DATE AS month, sum(amount) + 0::DECIMAL(38, 18) AS amount
FROM insight_totals
GROUP BY ALL
