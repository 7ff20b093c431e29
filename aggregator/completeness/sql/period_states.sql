-- The newest status of each recent billing period that its issuer lists. Grain: issuer, month.
-- Parameters: $1 the snapshot to read, $2 today.
SELECT
    lower(trim(invoice_issuer_name)) AS issuer,
    (billing_period_start AT TIME ZONE 'UTC')::DATE AS month,
    lower(arg_max(billing_period_status, coalesce(billing_period_last_updated, TIMESTAMPTZ '1900-01-01 00:00:00+00'))) AS status
FROM billing_periods AT (VERSION => $1)
WHERE (billing_period_start AT TIME ZONE 'UTC')::DATE BETWEEN $2::DATE - 150 AND $2::DATE
  AND day(billing_period_start AT TIME ZONE 'UTC') = 1
  AND billing_period_status IS NOT NULL
GROUP BY issuer, month
