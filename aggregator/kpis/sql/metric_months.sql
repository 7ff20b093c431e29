-- Metrics by month, of the days that have both a cost and a quantity. Grain: metric, unit, month.
-- Parameters: $1 the snapshot to read; lists of $2 currencies and $3 the last complete day of each.
WITH complete AS (
    SELECT unnest($2::VARCHAR[]) AS currency, unnest($3::DATE[]) AS last_day
)
SELECT
    metric,
    unit,
    currency,
    date_trunc('month', day)::DATE AS month,
    min(day) FILTER (cost IS NOT NULL AND quantity IS NOT NULL) AS first_day,
    max(day) FILTER (cost IS NOT NULL AND quantity IS NOT NULL) AS last_day,
    count(*) FILTER (cost IS NOT NULL AND quantity IS NOT NULL) AS days,
    sum(cost) FILTER (quantity IS NOT NULL) + 0::DECIMAL(38, 18) AS cost,
    sum(quantity) FILTER (cost IS NOT NULL) + 0::DECIMAL(38, 18) AS quantity,
    sum(cost) + 0::DECIMAL(38, 18) AS whole_cost
FROM unit_metrics AT (VERSION => $1)
JOIN complete USING (currency)
WHERE day <= complete.last_day
GROUP BY ALL
HAVING days > 0
ORDER BY metric, unit, month
