-- The stored forecasts. Grain: month, scope, currency, provider, account, service. Parameter: the snapshot to read.
SELECT
    month, scope, currency, provider, account, service, complete_to, so_far, recurring, expected, low, high,
    method, history_days, origins, why_no_interval
FROM month_forecasts AT (VERSION => $1)
