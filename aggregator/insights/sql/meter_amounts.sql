-- The amount of each meter in each of its periods. Grain: meter, period.
SELECT meter, period, sum(amount) + 0::DECIMAL(38, 18) AS amount
FROM insight_totals
JOIN insight_meter_periods USING (meter)
WHERE charge_day BETWEEN first_day AND last_day
GROUP BY meter, period
