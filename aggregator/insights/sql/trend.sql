-- The amount of each day; days without an amount are absent. Grain: meter, charge_day. Parameter: the first day.
SELECT meter, charge_day AS day, amount
FROM insight_amounts
WHERE dimension = 'total' AND charge_day >= $1
ORDER BY meter, charge_day
