-- How many charges each day has. Grain: charge_day. Parameters: $1 first day, $2 last day.
SELECT charge_day, sum(charge_rows)::BIGINT AS charge_rows
FROM insight_cells
WHERE charge_day BETWEEN $1 AND $2
GROUP BY charge_day
