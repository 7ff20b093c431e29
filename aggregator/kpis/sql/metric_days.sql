-- The days of metrics. Grain: metric, unit, day.
SELECT metric, unit, day, currency, cost, quantity
FROM unit_metrics
