-- The amount of each of the last 92 days up to a meter's last; days without an amount are absent. Grain: meter, charge_day.
SELECT meter, charge_day AS day, amount
FROM insight_totals
JOIN insight_meter_periods USING (meter)
WHERE period = 'all_time' AND charge_day BETWEEN last_day - 91 AND last_day
ORDER BY meter, charge_day
