-- The amount of each meter in each period. Grain: meter, period.
SELECT meter, period, sum(amount) + 0::DECIMAL(38, 18) AS amount
FROM insight_amounts
JOIN insight_periods ON charge_day BETWEEN first_day AND last_day
WHERE dimension = 'total'
GROUP BY meter, period
