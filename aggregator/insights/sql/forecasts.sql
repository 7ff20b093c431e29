-- The forecasts of the month of today. Grain: scope, currency, provider, account, service.
-- Parameters: the snapshot to read, today.
SELECT
    month, scope, currency, provider, account, service, complete_to, so_far, recurring, expected, low, high,
    method, history_days, origins, why_no_interval
FROM month_forecasts AT (VERSION => $1)
WHERE month = date_trunc('month', $2::DATE)
ORDER BY ALL
